"""Programs are read whole or refused whole, with every fault; their results say what each item returned."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from queuebit_contracts.generate import documents
from queuebit_contracts.program import CIRCUIT, MAX_ITEMS, BadProgram, Program, read_program
from queuebit_contracts.quality import Expected
from queuebit_contracts.results import Results
from queuebit_kernel import digest

ROOT = Path(__file__).parents[1]
SWEEP = ROOT / "programs/sweep.json"
RESULTS = ROOT / "programs/sweep-results.json"
MITIGATED = ROOT / "programs/mitigated.json"
EXPECTED = ROOT / "programs/expected.json"
MITIGATED_RESULTS = ROOT / "programs/mitigated-results.json"
SOURCE = "OPENQASM 3.0;"
ONE = {"digest": digest(SOURCE.encode()), "size": len(SOURCE), "media_type": CIRCUIT, "inline": SOURCE}


def program(**parts: Any) -> bytes:
    return json.dumps({"program": "v1", "circuits": [ONE], "items": [{}], **parts}).encode()


def faults(content: bytes) -> tuple[str, ...]:
    with pytest.raises(BadProgram) as refusal:
        read_program(content)
    return refusal.value.faults


def test_golden_documents_read_the_same_forever() -> None:
    found = read_program(SWEEP.read_bytes())
    assert found.content() == SWEEP.read_bytes()
    assert [item.parameters.get("theta") for item in found.items] == [0.0, 0.5, 1.0, 0.5]
    assert found.items[3].observables == ({"ZZ": 1.0}, {"XX": 0.5, "ZI": -0.25})
    results = Results.model_validate_json(RESULTS.read_bytes())
    assert results.content() == RESULTS.read_bytes()
    assert [item.state for item in results.items] == ["completed", "completed", "failed", "completed"]


def test_golden_documents_with_steps_after_the_run_read_the_same_forever() -> None:
    found = read_program(MITIGATED.read_bytes())
    assert found.content() == MITIGATED.read_bytes()
    assert found.compilation is not None
    assert found.compilation.twirling == 2
    assert found.post == ("readout-mitigation/1", "zne/1")
    results = Results.model_validate_json(MITIGATED_RESULTS.read_bytes())
    assert results.content() == MITIGATED_RESULTS.read_bytes()
    assert [it.step for it in results.items[0].post or ()] == [*found.post]


def test_a_golden_document_with_a_reference_reads_the_same_forever() -> None:
    found = read_program(EXPECTED.read_bytes())
    assert found.content() == EXPECTED.read_bytes()
    assert found.items[0].expected == Expected(reference={"00": 1.0, "11": 1.0}, floor=0.9)


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"expected": {"reference": {"00": 1}}}, "floor: Field required"),
        ({"expected": {"reference": {}, "floor": 0.9}}, "1 to 4,096 outcomes"),
        ({"expected": {"reference": {"0x1": 1}, "floor": 0.9}}, "'0x1' is no outcome"),
        ({"expected": {"reference": {"01": -1}, "floor": 0.9}}, "the weight of 01 is -1"),
        ({"expected": {"reference": {"01": 0}, "floor": 0.9}}, "all of its weights are 0"),
        ({"expected": {"reference": {"01": 1, "0 1": 1}, "floor": 0.9}}, "an outcome twice"),
        ({"expected": {"reference": {"01": 1}, "floor": 1.1}}, "floor: must be less than or equal to 1"),
        ({"expected": {"reference": {"01": 1}, "floor": 0.9}, "observables": ["Z"]}, "ask for the output counts"),
        ({"expected": {"reference": {"01": 1}, "floor": 0.9, "ceiling": 1}}, "ceiling"),
    ],
)
def test_a_reference_that_cannot_be_compared_is_refused(item: dict[str, Any], says: str) -> None:
    (fault,) = faults(program(items=[item]))
    assert says in fault


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        (SWEEP, "program"),
        (EXPECTED, "program"),
        (RESULTS, "results"),
        (MITIGATED, "program"),
        (MITIGATED_RESULTS, "results"),
    ],
)
def test_published_schemas_describe_the_documents(path: Path, schema: str) -> None:
    published = json.loads(documents()[f"schemas/{schema}.json"])
    document = json.loads(path.read_text())
    Draft202012Validator(published).validate(document)
    assert Draft202012Validator(published).is_valid({**document, "from_the_future": 1}) is (schema == "results")


def test_a_single_pauli_string_is_a_sum_of_one_term() -> None:
    found = read_program(program(items=[{"observables": ["XI", {"ZZ": 2}]}]))
    assert found.items[0].observables == ({"XI": 1.0}, {"ZZ": 2.0})


def test_an_item_has_shots_and_a_program_has_notes_of_its_client() -> None:
    found = read_program(program(items=[{"shots": 7}, {}], annotations={"qiskit": {"pubs": [{"shape": [2]}]}}))
    assert [item.shots for item in found.items] == [7, None]
    assert read_program(found.content()) == found


WRONG = {
    "no shots": (program(items=[{"shots": 0}]), "item 0, shots: must be"),
    "no JSON": (b"{", "Invalid JSON"),
    "another version": (program(program="v2"), "program: must be 'v1'"),
    "no items": (program(items=[]), "items: "),
    "an unknown field": (program(items=[{}, {"parametres": {}}]), "item 1, parametres: Extra inputs"),
    "an unknown step": (program(post=["magic/1"]), "post.0: must be 'readout-mitigation/1' or 'zne/1'"),
    "a step twice": (program(post=["readout-mitigation/1"] * 2), "post: a step is there twice"),
    "steps in another order": (
        program(items=[{"observables": ["Z"]}], post=["zne/1", "readout-mitigation/1"]),
        "post: the order is readout-mitigation/1, zne/1",
    ),
    "extrapolated counts": (program(post=["zne/1"]), "item 0: zne/1 extrapolates expectation values"),
    "level 0": (program(compilation={"optimization_level": 0}), "compilation.optimization_level: must be"),
    "an unknown sequence": (
        program(compilation={"dynamical_decoupling": "udd"}),
        "compilation.dynamical_decoupling: must be 'xx' or 'xy4'",
    ),
    "too many copies": (program(compilation={"twirling": 65}), "compilation.twirling: must be"),
    "an unknown option": (program(compilation={"level": 3}), "compilation.level: Extra inputs"),
    "an unknown output": (program(outputs=["counts", "pulses"]), "outputs.1: must be"),
    "a missing circuit": (program(items=[{"circuit": 1}]), "item 0: there is no circuit 1: the program has 1"),
    "a list for a parameter": (program(items=[{"parameters": {"t": [1]}}]), "item 0, parameters t: [1] is not"),
    "an infinite parameter": (program(items=[{"parameters": {"t": float("inf")}}]), "item 0, parameters t: inf is not"),
    "a text for a parameter": (program(items=[{"parameters": {"t": "pi"}}]), "item 0, parameters t: 'pi' is not"),
    "no Pauli string": (program(items=[{"observables": ["ZQ"]}]), "item 0, observables 0: 'ZQ' is not a Pauli"),
    "nothing to measure": (program(items=[{"observables": [{"II": 2}]}]), "item 0, observables 0: it measures nothing"),
    "a complex factor": (program(items=[{"observables": [{"Z": "1j"}]}]), "item 0, observables 0: the factor of Z"),
    "an infinite factor": (program(items=[{"observables": [{"Z": float("inf")}]}]), "the factor of Z is inf: give"),
    "a whole factor that no float holds": (
        program(items=[{"observables": [{"Z": 10**400}]}]),
        "item 0, observables 0: the factor of Z is 10000",
    ),
    "a factor whose square is infinite": (
        program(items=[{"observables": [{"Z": 1e200}]}]),
        "the factor of Z is 1e+200: give a finite real number, at most 1e+100",
    ),
    "terms of two lengths": (program(items=[{"observables": [{"Z": 1, "ZZ": 1}]}]), "item 0, observables 0: its Pauli"),
    "observables of two lengths": (program(items=[{"observables": ["Z", "ZZ"]}]), "item 0: its observables differ"),
    "too many terms in one sum": (
        program(items=[{"observables": [{"".join(it): 1 for it in product("XYZ", repeat=7)}]}]),
        "item 0, observables 0: it has 2,187 terms and may have 1,000: split the sum",
    ),
    "too many terms": (
        program(items=[{"observables": ["".join(it) for it in product("XYZ", repeat=7)]}]),
        "item 0, observables: must have at most 1000 items",
    ),
    "too many terms in sums": (
        program(items=[{"observables": [{"".join(it): 1 for it in list(product("XYZ", repeat=6))[:700]}] * 3}]),
        "item 0: its observables have 2,100 terms and may have 2,000",
    ),
    "too many different terms": (
        program(
            items=[
                {"observables": [{"".join(it): number for it in list(product("XYZ", repeat=6))[:700]}]}
                for number in range(1, 20)
            ]
        ),
        "its different observables have 13,300 terms and may have 10,000",
    ),
    "another content": (program(circuits=[{**ONE, "inline": "OPENQASM 2.0;"}]), "circuit 0: it is not what its digest"),
    "too many items": (program(items=[{}] * (MAX_ITEMS + 1)), "items: must have at most 10000 items, not 10001"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_fault_is_named_with_its_item(name: str) -> None:
    content, fault = WRONG[name]
    assert any(fault in found for found in faults(content)), faults(content)


def test_all_faults_are_named_at_once_and_many_are_counted() -> None:
    content = program(items=[{"circuit": number} for number in range(1, 10)])
    with pytest.raises(BadProgram) as refusal:
        read_program(content)
    assert len(refusal.value.faults) == 9
    assert str(refusal.value).endswith("item 4: there is no circuit 5: the program has 1; and 4 more")


@pytest.mark.parametrize("observable", ["ZQ", {"XI": "a"}, 3])
def test_a_fault_that_the_items_of_a_sweep_share_is_named_once(observable: object) -> None:
    items = [{"parameters": {"t": step}, "observables": ["ZZ", observable]} for step in range(20)]
    (fault,) = faults(program(items=items))
    assert fault.startswith("item 0 and 19 more, observables 1: ")


def test_observables_of_two_lengths_are_named_once_in_a_sweep() -> None:
    (fault,) = faults(program(items=[{"observables": ["Z", "ZZ"]}] * 3))
    assert fault.startswith("item 0 and 2 more: its observables differ in length")


def test_content_is_the_same_for_the_same_program() -> None:
    first = read_program(program(items=[{"parameters": {"a": 1.0, "b": 2}}]))
    second = read_program(program(items=[{"circuit": 0, "parameters": {"b": 2, "a": 1.0}, "observables": []}]))
    assert first.content() == second.content()
    assert isinstance(read_program(first.content()), Program)
