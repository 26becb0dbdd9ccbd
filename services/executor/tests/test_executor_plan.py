"""A circuit fits in a plan if and only if it runs: on every backend, for all kinds of circuits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from queuebit_executor import refusals
from queuebit_executor.answers import Descriptions, Estimate
from queuebit_executor.policy import Allowance, quoted
from queuebit_executor.worker import _answers
from queuebit_kernel import event_id
from queuebit_quantum import known_backends, open_backend

TWO = 'OPENQASM 2.0; include "qelib1.inc"; '
THREE = 'OPENQASM 3.0; include "stdgates.inc"; '
SHOTS = 20
ALLOWANCE = Allowance(memory_mb=768, run_s=60)
MIXED = "".join(f"t q[{i}]; h q[{i}]; cx q[{i}], q[{(i + 9) % 28}]; " for i in range(28))
CHAIN = "".join(f"cx q[{i}], q[{i + 1}]; " for i in range(39))
CIRCUITS = {
    "bell": TWO + "qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;",
    "one of 28 qubits": TWO + "qreg q[28]; creg c[1]; x q[3]; t q[3]; measure q[3] -> c[0];",
    "more qubits than some have": TWO + "qreg q[40]; creg c[40]; h q; measure q -> c;",
    "a chain of 40": TWO + f"qreg q[40]; creg c[40]; h q[0]; t q[0]; {CHAIN} measure q -> c;",
    "much entanglement": TWO + f"qreg q[28]; creg c[28]; h q; {MIXED * 8} measure q -> c;",
    "a condition": THREE + "qubit[2] q; bit a; bit[2] c; h q; a = measure q[0]; if (a) { x q[1]; } c = measure q;",
    "a reset": TWO + "qreg q[2]; creg c[2]; h q; reset q[0]; cx q[1], q[0]; measure q -> c;",
    "delays": THREE + "qubit[2] q; bit[2] c; x q[0]; delay[100ns] q[0]; delay[16dt] q[1]; c = measure q;",
    "numbered qubits": THREE + "bit[2] c; x $0; cx $0, $1; c[0] = measure $0; c[1] = measure $1;",
    "numbered qubits, apart": THREE + "bit[2] c; cx $0, $26; c[0] = measure $0; c[1] = measure $26;",
    "a dead coupler by number": THREE + "bit c; cx $19, $20; c = measure $20;",
    "gates only in a block": THREE
    + "qubit[3] q; bit a; bit c; a = measure q[2]; if (!a) { cx q[0], q[1]; } c = measure q[1];",
    "a loop left early": THREE + "qubit q; bit c; for uint i in [0:3] { h q; c = measure q; if (c) { break; } }",
}


def ask(op: str, source: str, backend: str, **more: object) -> tuple[dict[str, Any], bytes]:
    ((head, body),) = _answers(
        {backend: open_backend(backend)}, {"op": op, "backend": backend, **more}, source.encode()
    )
    return head, body


def run(source: str, backend: str, budget_us: int) -> tuple[dict[str, Any], bytes]:
    work = {"shots": SHOTS, "seed": 1, "budget_us": budget_us, "token": event_id(), "size": len(source.encode())}
    return ask("runs", source, backend, runs=[work])


@pytest.mark.parametrize("backend", known_backends())
def test_a_plan_says_that_a_circuit_fits_exactly_where_it_runs(backend: str) -> None:
    (offer,) = Descriptions.model_validate(ask("describe", "", backend)[0]).offers
    fits = {}
    for name, source in CIRCUITS.items():
        estimate = Estimate.model_validate(ask("estimate", source, backend=backend)[0])
        quote = quoted(estimate, offer, SHOTS, ALLOWANCE)
        fits[name] = quote.unfit is None
        if quote.unfit and quote.unfit.code in ("too_much_memory", "too_long"):
            continue  # it would run, if it were allowed the time and the memory
        answer, counts = run(source, backend, quote.qpu_us)
        assert ("error" not in answer) == fits[name], (name, quote.unfit, answer)
        if fits[name]:
            assert sum(json.loads(counts).values()) == SHOTS
    assert fits["bell"]
    assert fits["one of 28 qubits"]
    assert not fits["much entanglement"], "no machine of this size holds it"


def test_counts_too_large_to_store_cost_a_device_what_the_same_counts_would_have_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran, _ = run(CIRCUITS["bell"], "emulated-ibm-manila", 10**9)
    monkeypatch.setattr(refusals, "MAX_RESULT_BYTES", 1)
    refused, _ = run(CIRCUITS["bell"], "emulated-ibm-manila", 10**9)
    assert refused["error"]["code"] == "result_too_large"
    assert refused["error"]["used_us"] == ran["qpu_us"]
