"""Programs with compile options and steps after the run: quoted before, run in all variants, and recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from queuebit_contracts.job import Profile
from queuebit_contracts.processing import READOUT, ZNE, CompileOptions
from queuebit_contracts.program import CIRCUIT, BadProgram, Item, Program
from queuebit_contracts.results import ItemResult
from queuebit_executor.answers import Estimate
from queuebit_executor.item_worker import run_item
from queuebit_executor.policy import Allowance
from queuebit_executor.program_outline import (
    Group,
    Share,
    TooManyStructures,
    circuits_of,
    groups,
    total_estimate,
    total_profile,
    with_results,
)
from queuebit_executor.program_result import ProgramResult
from queuebit_planning.timing import Method
from queuebit_quantum import Backend, DoesNotFit, open_backend
from queuebit_runtime.payloads import describe

from .conftest import World

SOURCE = b'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
OBSERVABLES = ({"ZZ": 1.0, "XX": 1.0}, {"ZI": 1.0})
OPTIONS = CompileOptions(optimization_level=3, twirling=3)


def program(**parts: Any) -> Program:
    item = Item(observables=parts.pop("observables", OBSERVABLES))
    return Program(circuits=(describe(SOURCE, CIRCUIT),), items=(item,), **parts)


def outline(asked: Program) -> tuple[Group, ...]:
    return groups(asked, {0: SOURCE}, {0: ()})


def test_further_runs_are_quoted() -> None:
    """Two bases: each three copies, for each of three foldings."""
    plain, found = program(), program(compilation=OPTIONS, post=(READOUT, ZNE))
    assert (circuits_of(plain), circuits_of(found)) == ([2], [18])
    assert [it.runs for it in outline(plain)] == [2]
    assert [(it.runs, len(it.circuits)) for it in outline(found)] == [(6, 6)] * 3
    one = Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64)
    shares = [Share(it.item, it.runs, (one,), shots=it.shots, twirling=it.twirling) for it in outline(found)]
    assert total_profile(shares, 1, 100).shots == 18 * 34  # a third of 100, rounded up


def test_an_item_of_too_many_circuits_is_refused_before_it_is_paid_for() -> None:
    asked = program(compilation=CompileOptions(twirling=64), post=(ZNE,))
    with pytest.raises(BadProgram, match=r"item 0: .* is 384 circuits, and may be 256: ask for fewer copies"):
        outline(asked)


def test_extrapolation_alone_counts_and_compiles_the_circuits_of_every_folding() -> None:
    found = outline(program(post=(ZNE,)))
    assert [[it.basis for it in group.circuits] for group in found] == [["XX", "ZZ"]] * 3
    assert [{it.options.folding for it in group.circuits} for group in found] == [{1}, {3}, {5}]
    many = tuple({f"{paulis:0128b}".replace("0", "X").replace("1", "Y"): 1.0} for paulis in range(86))
    with pytest.raises(BadProgram, match=r"item 0: .* is 258 circuits, and may be 256"):
        outline(program(observables=many, post=(ZNE,)))


def test_copies_of_many_items_are_counted_and_not_made() -> None:
    """Each number of shots is a group of its own: 10,000 items of 256 circuits took half a minute of the executor."""
    items = tuple(Item(observables=OBSERVABLES, shots=number) for number in range(1, 1_001))
    asked = Program(circuits=(describe(SOURCE, CIRCUIT),), items=items, compilation=CompileOptions(twirling=64))
    with pytest.raises(
        TooManyStructures, match=r"have 128,000 different structures, more than 1,500: .* fewer twirled"
    ):
        outline(asked)


def test_steps_on_results_of_pragmas_are_refused() -> None:
    with pytest.raises(BadProgram, match="item 0: its circuit has result pragmas, which no step after the run"):
        with_results(program(observables=(), post=(READOUT,)), {0: [{"ZZ": 1.0}]})


@pytest.fixture(scope="module")
def device() -> Backend:
    return open_backend("emulated-ibm-manila")


def ran(device: Backend, **parts: Any) -> ItemResult:
    head = {"parameters": {}, "outputs": ["counts"], "shots": 100, "seed": 5, "budget_us": 10**9, **parts}
    answer, body = run_item(device, head, SOURCE)
    assert "error" not in answer
    assert bool(answer["cpu_us"]) == bool(parts.get("post"))
    return ItemResult.model_validate(json.loads(body))


def test_an_item_keeps_what_was_measured_beside_the_values_of_each_step(device: Backend) -> None:
    asked = {"observables": [*OBSERVABLES], "compilation": {"twirling": 3}, "post": [READOUT, ZNE], "token": "a"}
    found = ran(device, **asked)
    assert found.runs is not None
    assert found.post is not None
    assert [(it.basis, it.folding) for it in found.runs] == [
        (paulis, it) for paulis in ("XX", "ZZ") for it in (1, 3, 5)
    ]
    assert {sum(it.counts.values()) for it in found.runs} == {3 * 34}
    assert all(len(it.readout_errors) == 2 for it in found.runs)
    assert [(it.step, len(it.expectations or ())) for it in found.post] == [(READOUT, 2), (ZNE, 2)]
    assert all(it.stderr for step in found.post for it in step.expectations or ())
    options = [it.options for it in found.compilations if it.options]
    assert [(it.folding or 1, it.copy_number) for it in options[:9]] == [
        (fold, it) for fold in (1, 3, 5) for it in range(3)
    ]
    assert len({it.twirling_seed for it in options[:9]}) == 9
    again = ran(device, **{**asked, "token": "b"})
    assert again == found


def test_the_success_of_a_job_is_that_of_its_circuits_as_they_are(device: Backend) -> None:
    """Gates are repeated to make the noise larger: that is not the success of what was asked for."""
    found = ran(device, observables=[*OBSERVABLES], post=[ZNE], token="g")
    esps = [it.esp_ppm or 0 for it in found.compilations]
    assert esps[0] > esps[1] > esps[2]
    result = ProgramResult()
    result.keep(found)
    done = result.finished(found.usage, None)
    assert done.compilation is not None
    assert done.compilation.esp_ppm == min(esps[0], esps[3])


def test_the_quoted_success_is_that_of_the_circuits_as_they_are(world: World) -> None:
    one = Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64)
    method = Method("density_matrix", 1_000, 10, 1_000)
    shares = []
    for group, esp in zip(outline(program(post=(ZNE,))), (900_000, 700_000, 500_000), strict=True):
        estimate = Estimate(backend="qpu", methods=(method,), esp_ppm=esp)
        shares.append(Share(group.item, group.runs, (one,), (estimate,), folding=group.folding))
    quote = total_estimate(shares, world.offer("qpu", "emulated"), 100, Allowance(1536, 60), [6])
    assert (quote.unfit, quote.esp_ppm) == (None, 900_000)


def test_counts_are_corrected_and_copies_are_one_result(device: Backend) -> None:
    found = ran(device, observables=[], compilation={"twirling": 4}, post=[READOUT], token="c")
    assert found.counts == (found.runs or ())[0].counts
    assert sum((found.counts or {}).values()) == 100
    (step,) = found.post or ()
    assert sum(it.value for it in (step.quasi or {}).values()) == pytest.approx(1)
    memory = ran(device, observables=[], outputs=["memory"], compilation={"twirling": 3}, token="d")
    assert len(memory.memory or ()) == 102


def test_the_quote_covers_every_copy_in_every_basis(device: Backend) -> None:
    """The longest circuit of a group is what each of its runs is quoted at."""
    for group in outline(program(compilation=OPTIONS, post=(READOUT, ZNE))):
        bases = {it.basis for it in group.circuits}
        copies = {it.options.copy_number for it in group.circuits}
        assert (len(bases), copies, len(group.circuits)) == (2, {0, 1, 2}, group.runs)
        assert len({it.digest for it in group.circuits}) == group.runs


def test_names_of_options_and_steps_are_in_the_end_of_the_job(device: Backend) -> None:
    asked = {
        "observables": [*OBSERVABLES],
        "compilation": {"twirling": 2, "optimization_level": 3},
        "post": [READOUT, ZNE],
    }
    result = ProgramResult()
    result.keep(ran(device, **asked, token="e"))
    done = result.finished(ran(device, **asked, token="f").usage, None)
    assert done.post == (READOUT, ZNE)
    assert done.compilation is not None
    assert done.compilation.options is not None
    assert done.compilation.options.model_dump(exclude_none=True) == {"optimization_level": 3, "twirling": 2}


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({"compilation": {"dynamical_decoupling": "xy4"}}, "dynamical_decoupling"),
        ({"compilation": {"twirling": 2}}, "twirling"),
        ({"post": [READOUT]}, "readout_errors"),
    ],
)
def test_a_simulator_refuses_what_only_a_device_has(asked: dict[str, Any], missing: str) -> None:
    head = {"parameters": {}, "outputs": ["counts"], "shots": 10, "seed": 5, "observables": [], "token": "t"}
    with pytest.raises(DoesNotFit, match=f"it lacks the features? .*{missing}"):
        run_item(open_backend("aer"), {**head, **asked}, SOURCE)
