"""Batches, sweeps and observables as they are sent, and results as they come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from queuebit import Batch, InvalidInput, Item, ItemResult, Sweep
from queuebit.documents import counts_document
from queuebit.program_files import program_of, read_batch, read_bindings
from queuebit.programs import content_of, draft_of, processing_of
from queuebit.records import Estimate, Uncertainty, item_rows
from queuebit.results import items_of, result_of
from queuebit_contracts.job import Completion, JobCompleted
from queuebit_contracts.processing import CompileOptions
from queuebit_contracts.program import CIRCUIT, PROGRAM, Program, read_program
from queuebit_contracts.quality import Expected, Quality, QualityCheck
from queuebit_contracts.results import RESULTS
from queuebit_contracts.wire import Payload
from queuebit_runtime.payloads import describe

BELL = "OPENQASM 3.0; qubit q; bit c; c = measure q;"
ROTATED = 'OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c; ry(theta) q; c = measure q;'


class Half:
    """A number such as NumPy's: no subclass of Python's."""

    def item(self) -> float:
        return 0.5


class Store:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    async def store(self, content: bytes, media_type: str) -> Payload:
        self.kept.append(content)
        return describe(content, media_type).model_copy(update={"inline": None})


async def sent(circuit: object, **more: Any) -> Program:
    content, media_type = await content_of(Store(), circuit, **more)  # type: ignore[arg-type]  # a store of one method
    assert media_type == PROGRAM
    return read_program(content)


async def test_a_single_circuit_is_sent_as_it_always_was() -> None:
    assert await content_of(Store(), BELL) == (BELL.encode(), CIRCUIT)  # type: ignore[arg-type]  # as above
    assert draft_of(BELL, None, (), None) is None


async def test_options_and_steps_make_a_circuit_a_program_of_one_item() -> None:
    processing = processing_of({"optimization_level": 3, "twirling": 4}, ["readout-mitigation/1"])
    program = await sent(BELL, processing=processing)
    assert (len(program.items), program.post) == (1, ("readout-mitigation/1",))
    assert program.compilation == CompileOptions(optimization_level=3, twirling=4)
    batch = await sent(Batch([BELL, BELL]), processing=processing)
    assert (len(batch.items), batch.post) == (2, program.post)
    assert processing_of(None, ()) == {}


@pytest.mark.parametrize(
    ("compilation", "post", "fault"),
    [
        ({"optimization_level": 4}, (), "compilation.optimization_level"),
        ({"level": 3}, (), "compilation.level"),
        ({}, ["zne/2"], "post.0"),
        ({}, ["zne/1"], "item 0: zne/1 extrapolates expectation values"),
        ({}, "zne/1", "post is a list of steps"),
    ],
)
async def test_unknown_options_and_steps_are_refused_before_anything_is_sent(
    compilation: dict[str, Any], post: Any, fault: str
) -> None:
    with pytest.raises(InvalidInput, match=fault):
        await sent(BELL, processing=processing_of(compilation, post))


async def test_a_reference_and_a_floor_are_those_of_the_only_item(tmp_path: Path) -> None:
    bell = Expected(reference={"00": 1.0, "11": 1.0}, floor=0.9)
    program = await sent(BELL, reference={"00": 1, "11": 1}, floor=0.9)
    assert [it.expected for it in program.items] == [bell]
    (tmp_path / "b.qasm").write_text(BELL)
    items = [{"circuit": "b.qasm", "expected": bell.model_dump()}, {"circuit": "b.qasm"}]
    (tmp_path / "b.json").write_text(json.dumps({"items": items}))
    assert [it.expected for it in (await sent(program_of(tmp_path / "b.json"))).items] == [bell, None]
    assert await sent(program_of(BELL, reference={"00": 1, "11": 1}, floor=0.9)) == program
    alone: list[dict[str, Any]] = [{"floor": 0.9}, {"reference": {"0": 1}}, {"reference": {}}, {"floor": 0.0}]
    for given in alone:
        with pytest.raises(InvalidInput, match="give both"):
            await sent(BELL, **given)


async def test_equal_circuits_of_a_batch_are_sent_once() -> None:
    program = await sent(Batch([BELL, ROTATED.replace("input float theta;", "float theta = 1;"), Item(BELL)]))
    assert [item.circuit for item in program.items] == [0, 1, 0]
    assert len(program.circuits) == 2


@pytest.mark.parametrize("bindings", [{"theta": [0, Half(), 1]}, [{"theta": 0}, {"theta": Half()}, {"theta": 1.0}]])
async def test_a_sweep_takes_rows_or_columns(bindings: Any) -> None:
    program = await sent(Sweep(ROTATED, bindings, observables=["Z"], outputs=["quasi"]))
    assert [item.parameters["theta"] for item in program.items] == [0, 0.5, 1]
    assert [item.observables for item in program.items] == [({"Z": 1.0},)] * 3


async def test_a_batch_has_shots_for_each_item_and_notes() -> None:
    program = await sent(Batch([Item(BELL, shots=7), BELL], annotations={"qiskit": [1]}))
    assert [item.shots for item in program.items] == [7, None]
    assert program.annotations == {"qiskit": [1]}


async def test_circuits_beyond_what_a_program_carries_are_stored() -> None:
    large = BELL + "//" + "x" * 20_000
    store = Store()
    content, _ = await content_of(store, Batch([BELL, large]))  # type: ignore[arg-type]  # as above
    assert store.kept == [large.encode()]
    assert [circuit.inline is None for circuit in read_program(content).circuits] == [False, True]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"circuit": Batch([])}, "has no items"),
        ({"circuit": Sweep(ROTATED, {"a": [1], "b": [1, 2]})}, "a has 1, b has 2"),
        ({"circuit": Sweep(ROTATED, []), "observables": ["Z"]}, r"give them to Sweep\(...\)"),
        ({"circuit": BELL, "observables": "Z"}, r"observables are a list, such as \['Z'\]"),
        ({"circuit": BELL, "observables": [3]}, "a value of type int is not an observable"),
        ({"circuit": BELL, "observables": [{"Z": 1j}]}, "is not a real number"),
        ({"circuit": BELL, "observables": ["ZQ"]}, "the program cannot be sent: item 0, observables 0: 'ZQ'"),
        ({"circuit": Item(BELL, shots=0)}, "shots of an item must be a whole number"),
        ({"circuit": BELL, "outputs": "counts"}, "outputs are a list"),
        ({"circuit": BELL, "outputs": ["pulses"]}, "the program cannot be sent: outputs.0"),
        ({"circuit": ROTATED, "parameters": {"theta": "pi"}}, "item 0, parameters theta: 'pi' is not a parameter"),
        ({"circuit": ROTATED, "parameters": {"theta": float("nan")}}, "item 0, parameters theta: nan"),
    ],
)
async def test_what_cannot_be_sent_is_named(asked: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        await content_of(Store(), **asked)  # type: ignore[arg-type]  # as above


async def test_a_batch_is_read_from_a_file_beside_its_circuits(tmp_path: Path) -> None:
    (tmp_path / "a.qasm").write_text(ROTATED)
    batch = tmp_path / "batch.json"
    items = [{"circuit": "a.qasm", "parameters": {"theta": 1}}, {"circuit": "a.qasm", "observables": ["Z"]}]
    batch.write_text(json.dumps({"items": items, "outputs": ["memory"]}))
    program = await sent(read_batch(batch))
    assert (len(program.circuits), program.outputs) == (1, ("memory",))
    batch.write_text(json.dumps({"items": [{"circuit": "a.qasm", "parametres": {}}]}))
    with pytest.raises(InvalidInput, match="item 0 has the unknown field 'parametres'"):
        read_batch(batch)


@pytest.mark.parametrize("text", ['{"theta": 1}', "[1]", "3"])
def test_a_file_of_bindings_is_checked(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sweep.json"
    file.write_text(text)
    with pytest.raises(InvalidInput, match="holds no bindings"):
        read_bindings(file)
    file.write_text('\ufeff{"theta": [0, 1]}')
    assert read_bindings(file) == {"theta": [0, 1]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"theta": [0, 1], "theta": [2]}', "it names 'theta' twice"),
        ("[" * 100_000, "it nests too deeply"),
        ('{"theta": [', "it is not JSON"),
    ],
    ids=["twice", "deep", "cut off"],
)
def test_a_file_that_cannot_be_meant_is_refused_in_plain_words(tmp_path: Path, text: str, why: str) -> None:
    """Of two values under one name, the first was ignored; brackets ended in an internal error."""
    file = tmp_path / "sweep.json"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=why):
        read_bindings(file)


def test_results_of_programs_and_of_circuits_have_items() -> None:
    golden = Path(__file__).parents[3] / "contracts/programs/sweep-results.json"
    items = items_of(golden.read_bytes(), RESULTS, 4_000)
    assert [item.state for item in items] == ["completed", "completed", "failed", "completed"]
    assert items[3].expectations == (Estimate(1.0, 0.0), Estimate(0.027, 0.0182))
    assert items[2].reason is not None
    assert items[2].reason.code == "out_of_memory"
    assert items_of(b'{"00":1}', "application/json", 1) == (ItemResult(0, "completed", counts={"00": 1}, shots=1),)


def completion(name: str) -> Completion:
    folder = Path(__file__).parents[3] / "contracts/examples/qb.job.completed.v1"
    return JobCompleted.model_validate_json((folder / f"{name}.json").read_bytes()).data


def test_a_result_says_how_certain_it_is_and_why_it_may_be_wrong() -> None:
    counts = b'{"00":503,"11":497}'
    plain, doubted = [result_of(completion(name), counts) for name in ("bell-on-torino", "suspect-on-torino")]
    assert plain.uncertainty == doubted.uncertainty == Uncertainty("wilson", "0.95"), "also of older results"
    assert plain.intervals()["00"] == pytest.approx((0.4720, 0.5339), abs=1e-4)
    assert (plain.suspect, doubted.suspect and doubted.suspect.code) == (None, "recalibrated")
    document = counts_document(doubted)
    assert document["suspect"] == {"code": "recalibrated", "text": doubted.suspect and doubted.suspect.text}
    assert "suspect" not in counts_document(plain)


def test_a_result_says_what_was_verified() -> None:
    done = completion("bell-on-torino")
    checks = (
        QualityCheck(name="shots", passed=True, value=1000, limit=1000),
        QualityCheck(name="fidelity", passed=False, value=891_234, limit=900_000),
    )
    known = done.model_copy(update={"quality": Quality(passed=False, checks=checks)})
    result = result_of(known, b'{"00":503,"11":497}')
    assert [it.text for it in result.checks] == ["shots 1,000 of 1,000", "fidelity 0.8912, below the floor of 0.9"]
    assert counts_document(result)["checks"] == [it.model_dump() for it in checks]


def test_each_item_says_how_certain_it_is_and_why_it_may_be_wrong() -> None:
    sampled = {"state": "completed", "counts": {"0": 8, "1": 2}, "uncertainty": {"method": "wilson", "level": "0.9"}}
    doubted = sampled | {"suspect": {"code": "drifted", "text": "the device drifted"}}
    values = [{"value": 0.5, "stderr": 0.1, "observable": "Z"}]
    estimated = {"state": "completed", "expectations": values, "uncertainty": {"method": "standard-error"}}
    content = json.dumps({"results": "v1", "items": [sampled, doubted, estimated]}).encode()
    result = result_of(completion("sweep-on-aer"), content)
    low, high = result.items[0].intervals()["0"]
    assert low < 0.8 < high
    assert result.items[2].intervals() == {}
    items: Any = counts_document(result)["items"]
    first, second, third = items
    assert (first["uncertainty"]["level"], [*first["uncertainty"]["intervals"]]) == ("0.9", ["0", "1"])
    assert second["suspect"] == {"code": "drifted", "text": "the device drifted"}
    assert third["uncertainty"] == {"method": "standard-error"}
    assert [row["suspect"] for row in item_rows(result.items)] == [None, "drifted", None]


def test_a_table_says_in_short_what_each_item_returned() -> None:
    golden = Path(__file__).parents[3] / "contracts/programs/sweep-results.json"
    rows = item_rows(items_of(golden.read_bytes(), RESULTS, 4_000))
    assert [row["result"] for row in rows] == ["00: 1000", "00: 939, 11: 61", None, None]
    assert [rows[3][f"observable {number}"] for number in range(2)] == ["1.0000 ± 0.0000", "0.0270 ± 0.0182"]
    assert [row["observable 1"] for row in rows[:3]] == [None, None, None]
    assert str(rows[2]["reason"]).startswith("the circuit needs more memory")


def test_values_stand_under_the_names_of_their_observables() -> None:
    """Where two have one name, such as two long sums that begin alike, the later has its number too."""
    names = ("ZZ", "0.5 XI", "ZZ")
    item = {"state": "completed", "expectations": [{"value": 0.5, "observable": name} for name in names]}
    other = {"state": "completed", "expectations": [{"value": 1, "observable": "XX"}]}
    content = json.dumps({"results": "v1", "items": [item, other]}).encode()
    items = items_of(content, RESULTS, 0)
    assert [it.observable for it in items[0].expectations or ()] == [*names]
    first, second = item_rows(items)
    assert [*first] == ["item", "state", "result", "ZZ", "0.5 XI", "ZZ (2)", "XX", "reason"]
    assert (first["ZZ (2)"], first["XX"], second["ZZ"], second["XX"]) == ("0.5000", None, None, "1.0000")


async def test_what_a_person_asks_for_becomes_a_program(tmp_path: Path) -> None:
    bindings = tmp_path / "sweep.json"
    bindings.write_text('{"theta": [0, 1]}')
    assert program_of("OPENQASM 3.0;") == "OPENQASM 3.0;"
    swept = program_of(ROTATED, bindings=bindings, observables=["Z", '{"Z": 0.5}'])
    assert swept == Sweep(ROTATED, {"theta": [0, 1]}, ["Z", {"Z": 0.5}], ("counts",))
    assert program_of(ROTATED, outputs=("memory",)) == Sweep(ROTATED, [{}], [], ("memory",))
    with pytest.raises(InvalidInput, match="write ZZ, or"):
        program_of(ROTATED, observables=["{ZZ"])
    with pytest.raises(InvalidInput, match="is a batch: write parameters"):
        program_of(tmp_path / "batch.json", outputs=("memory",))
