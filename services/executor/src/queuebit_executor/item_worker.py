"""What a child does for one item of a program: run its circuits, and say what they measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from queuebit_executor.compilation import bound, compile_for, described, figures
from queuebit_executor.frames import Frame
from queuebit_executor.refusals import refusal, too_large
from queuebit_executor.returned import require_results
from queuebit_executor.seeds import simulation_seed
from queuebit_planning.timing import device_us
from queuebit_quantum import Backend, Basis, Failed, Outcome, WorkItem, bases, expectation, label, shares

__all__ = ["run_item"]


def run_item(backend: Backend, head: Mapping[str, Any], source: str) -> Frame:
    """Run an item on a backend where work has ended when `submit` returns.

    An item that is sampled is one circuit; one with observables is a circuit for each basis that they are measured in,
    and each has the shots and a seed of its own. The device time that is charged once a job is not in its usage.
    """
    measured = bases(head["observables"])
    circuits = [bound(source, {**head, "basis": it.paulis}) for it in measured] or [bound(source, head)]
    wants_memory = "memory" in head["outputs"] and not measured
    work = [
        WorkItem(
            compile_for(backend, circuit),
            head["shots"],
            simulation_seed(head["seed"] + number),
            memory=wants_memory,
        )
        for number, circuit in enumerate(circuits)
    ]
    on_device = backend.describe().kind != "simulator"
    busy_us = sum(_busy_us(it) for it in work) if on_device else 0
    if busy_us > head["budget_us"]:
        text = f"the item takes {busy_us:,} µs of QPU time and its job has {head['budget_us']:,} µs left: submit again"
        return refusal("limit_exceeded", text)
    outcomes = []
    for result in require_results(backend.collect(backend.submit(work, head["token"])), len(work)):
        if isinstance(result, Failed):
            return refusal(result.code, result.text)
        outcomes.append(result)
    used_us = busy_us if on_device else sum(it.qpu_us or 0 for it in outcomes)
    known = [described(backend, len(circuit.touched), it.compiled) for circuit, it in zip(circuits, work, strict=True)]
    answer = {
        "state": "completed",
        "compilations": [it["compilation"] for it in known],
        "usage": {
            "shots": sum(it.shots for it in work),
            "qpu_us": used_us,
            "qubits": max(it["qubits"] for it in known),
        },
        **(_estimated(head["observables"], measured, outcomes) if measured else _sampled(outcomes[0], head["outputs"])),
    }
    body = json.dumps(answer, separators=(",", ":")).encode()
    if (refused := too_large(len(body), used_us)) is not None:
        return refused
    return {"calibration": backend.describe().calibration_digest}, body


def _sampled(outcome: Outcome, outputs: Sequence[str]) -> dict[str, Any]:  # plain JSON
    every: dict[str, Any] = {
        "counts": dict(outcome.counts),
        "memory": outcome.memory,
        "quasi": {bits: {"value": share, "stderr": error} for bits, share, error in shares(outcome.counts)},
    }
    return {name: every[name] for name in outputs}


def _estimated(
    observables: Sequence[Mapping[str, float]], measured: Sequence[Basis], outcomes: Sequence[Outcome]
) -> dict[str, Any]:  # plain JSON
    counted = [(basis, outcome.counts) for basis, outcome in zip(measured, outcomes, strict=True)]
    found = [(label(it), *expectation(it, counted)) for it in observables]
    return {"expectations": [{"observable": name, "value": value, "stderr": error} for name, value, error in found]}


def _busy_us(work: WorkItem) -> int:
    known = figures(work.compiled)
    return device_us(work.shots, known["duration_ns"], known["rep_delay_ns"], 0)
