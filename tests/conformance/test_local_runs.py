"""Programs with compile options and steps after the run, on the platform that tests of client libraries use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from queuebit_contracts.processing import CompileOptions, PostStep
from queuebit_contracts.program import PROGRAM, Item, Program
from queuebit_contracts.results import ItemResult, Results
from queuebit_contracts.wire import Payload
from queuebit_quantum import MeasuredRun, bases, open_backend, post_process
from queuebit_quantum.ibm import EmulatedIbm
from queuebit_runtime.payloads import describe
from queuebit_testing.local_runs import run_submitted

GHZ = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; h q[0]; cx q[0],q[1]; cx q[1],q[2]; '
SHOTS = 2_000


@pytest.fixture(scope="module")
def manila() -> EmulatedIbm:
    return EmulatedIbm("manila", "FakeManilaV2")


def ran(
    backend: Any,  # the protocol of backends
    *,
    post: tuple[PostStep, ...] = (),
    observables: tuple[Mapping[str, float], ...] = (),
    outputs: tuple[Any, ...] = ("counts",),  # literals
    **options: Any,  # of CompileOptions
) -> ItemResult:
    source = describe((GHZ if observables else f"{GHZ} measure q -> c;").encode(), "text/x-openqasm")
    program = Program(
        circuits=(source,),
        items=(Item(circuit=0, observables=observables),),
        outputs=outputs,
        compilation=CompileOptions(**options) if options else None,
        post=post,
    )

    def content(payload: Payload) -> bytes:
        assert payload.inline is not None
        return payload.inline.encode()

    body, _ = run_submitted(backend, describe(program.content(), PROGRAM), content, shots=SHOTS, seed=7)
    (item,) = Results.model_validate_json(body).items
    return item


def test_steps_follow_from_the_runs_that_the_result_keeps(manila: EmulatedIbm) -> None:
    observables = ({"ZZI": 1.0}, {"XXX": 1.0, "ZIZ": 0.5})
    item = ran(manila, post=("readout-mitigation/1", "zne/1"), observables=observables, twirling=3)
    runs = [
        MeasuredRun(
            it.counts, next(b for b in bases(observables) if b.paulis == it.basis), it.folding, it.readout_errors
        )
        for it in item.runs or ()
    ]
    assert sorted((it.folding, sum(it.counts.values())) for it in runs) == [
        (folding, 3 * -(-SHOTS // 3)) for folding in (1, 1, 3, 3, 5, 5)
    ]
    expected = post_process(("readout-mitigation/1", "zne/1"), observables, runs)
    found = [it.model_dump(exclude_none=True) for it in item.post or ()]
    assert [[it["value"] for it in step["expectations"]] for step in found] == [
        [it["value"] for it in step["expectations"]] for step in expected
    ]


def test_corrected_shares_of_counts_add_up_to_one(manila: EmulatedIbm) -> None:
    item = ran(manila, post=("readout-mitigation/1",), outputs=("counts", "memory"), twirling=2)
    assert item.counts is not None
    (step,) = item.post or ()
    assert sum(it.value for it in (step.quasi or {}).values()) == pytest.approx(1)
    assert (step.quasi or {}).keys() == item.counts.keys()
    assert len(item.memory or ()) == SHOTS


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [({"post": ("readout-mitigation/1",)}, "readout_errors"), ({"twirling": 2}, "twirling")],
)
def test_what_a_backend_lacks_is_refused(wanted: dict[str, Any], missing: str) -> None:
    item = ran(open_backend("aer"), **wanted)
    assert (item.state, item.reason and item.reason.code) == ("failed", "does_not_fit")
    assert item.reason is not None
    assert missing in item.reason.text


def test_a_level_of_optimisation_reaches_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    aer, levels = open_backend("aer"), []
    compile_ = aer.compile

    def noted(circuit: Any, seed: int) -> Any:  # as the protocol
        levels.append(circuit.options and circuit.options.optimization_level)
        return compile_(circuit, seed)

    monkeypatch.setattr(aer, "compile", noted)
    assert ran(aer, optimization_level=3).state == "completed"
    assert levels == [3]
