"""What a child does for single circuits: run them, one after another, and say what they measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from queuebit_executor.compilation import circuit_of, compile_on, described, ready
from queuebit_executor.frames import counted, parts
from queuebit_executor.refusals import answered, over_budget, refusal, too_large
from queuebit_executor.returned import require_results
from queuebit_planning.seeds import simulation_seed
from queuebit_quantum import Backend, Compiled, DoesNotFit, Failed, WorkItem, prepare
from queuebit_quantum.shared_device import SharesDevice
from queuebit_runtime.frames import Frame

__all__ = ["run_circuits"]


@dataclass(frozen=True, slots=True)
class _Ready:
    work: WorkItem
    qubits: int
    """That the circuit touches."""


def run_circuits(backend: Backend, head: Mapping[str, Any], body: bytes) -> Iterator[Frame]:
    """Run circuits of one owner on a backend where work has ended when `submit` returns.

    Those that can be are prepared together; each runs, succeeds and fails alone, and is answered before the next runs.
    """
    runs, owner = head["runs"], head.get("owner", "")
    found = [answered(partial(_ready, backend, it, content, owner)) for it, content in parts(runs, body)]
    prepare(backend, [it.work for it in found if isinstance(it, _Ready)])
    answers = (
        answered(partial(_run, backend, it, run)) if isinstance(it, _Ready) else it
        for it, run in zip(found, runs, strict=True)
    )
    return counted(answers, len(runs))


def _ready(backend: Backend, head: Mapping[str, Any], body: bytes, owner: str) -> _Ready:
    compiled, qubits = ready(backend, head, body) if "region" not in head else _ready_on(backend, head, body)
    return _Ready(WorkItem(compiled, head["shots"], simulation_seed(head["seed"]), owner=owner), qubits)


def _ready_on(backend: Backend, head: Mapping[str, Any], body: bytes) -> tuple[Compiled, int]:
    """As `ready`, on some qubits of a device that others share: its executor compares the time with what is paid."""
    if not isinstance(backend, SharesDevice):
        raise DoesNotFit(f"{backend.describe().id} runs one circuit at a time")
    circuit = circuit_of(head, body)
    return compile_on(backend, circuit, tuple(head["region"])), len(circuit.touched)


def _run(backend: Backend, it: _Ready, head: Mapping[str, Any]) -> Frame:
    work, on_device = it.work, backend.describe().kind != "simulator"
    if (
        on_device
        and "region" not in head
        and (refused := over_budget(work.compiled.qpu_us(work.shots), head["budget_us"])) is not None
    ):
        return refused
    (result,) = require_results(backend.collect(backend.submit([work], head["token"])), 1)
    if isinstance(result, Failed):
        return refusal(result.code, result.text)
    used_us = result.qpu_us or 0
    counts = orjson.dumps(dict(result.counts), option=orjson.OPT_SORT_KEYS)
    if (refused := too_large(len(counts), used_us)) is not None:
        return refused
    region = tuple(head["region"]) if "region" in head else None
    return {**described(backend, it.qubits, work.compiled, region), "qpu_us": used_us}, counts
