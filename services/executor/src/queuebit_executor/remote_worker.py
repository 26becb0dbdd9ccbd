"""What a child does for a backend whose work goes on elsewhere: short requests, none of which waits for a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from queuebit_executor.compilation import bound, described
from queuebit_executor.frames import Frame
from queuebit_executor.refusals import over_budget, refusal, too_large
from queuebit_executor.seeds import compilation_seed, simulation_seed
from queuebit_quantum import Backend, Circuit, Compiled, Failed, UnknownHandle, WorkItem

__all__ = ["OPERATIONS", "answer"]

OPERATIONS = frozenset({"submit", "find", "poll", "collect", "cancel", "usage"})
"""The requests that this module answers."""


def answer(backend: Backend, head: Mapping[str, Any], body: bytes) -> Frame:
    """Answer one of `OPERATIONS`; raises what the backend raises."""
    try:
        match head["op"]:
            case "submit":
                return _submit(backend, bound(body.decode(), head), head)
            case "find":
                return _find(backend, body.decode(), head)
            case "poll":
                return {"text": backend.poll(head["handle"])}, b""
            case "collect":
                return _collect(backend, head["handle"])
            case "cancel":
                backend.cancel(head["handle"])
                return {}, b""
            case _:
                return {"measures": [asdict(it) for it in backend.usage(head["handle"])]}, b""
    except UnknownHandle as error:
        return refusal("unknown_handle", f"the vendor does not know the run any more: {error}")


def _submit(backend: Backend, circuit: Circuit, head: Mapping[str, Any]) -> Frame:
    compiled = _compiled(backend, circuit)
    if (refused := over_budget(compiled.qpu_us(head["shots"]), head["budget_us"])) is not None:
        return refused
    item = WorkItem(compiled, head["shots"], simulation_seed(head["seed"]))
    return {"handle": backend.submit([item], head["token"]), **described(backend, circuit, compiled)}, b""


def _find(backend: Backend, source: str, head: Mapping[str, Any]) -> Frame:
    handle = backend.find(head["token"])
    if handle is None or not source:
        return {"handle": handle}, b""
    circuit = bound(source, head)
    return {"handle": handle, **described(backend, circuit, _compiled(backend, circuit))}, b""


def _compiled(backend: Backend, circuit: Circuit) -> Compiled:
    return backend.compile(circuit, compilation_seed(circuit.digest))


def _collect(backend: Backend, handle: str) -> Frame:
    (result,) = backend.collect(handle)
    if isinstance(result, Failed):
        return refusal(result.code, result.text)
    counts = json.dumps(dict(result.counts), sort_keys=True, separators=(",", ":")).encode()
    return too_large(len(counts)) or ({}, counts)
