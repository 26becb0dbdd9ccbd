"""The requests of a child to a remote backend: all are short, and none waits for a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from queuebit_executor.compilation import bound, compile_for, described
from queuebit_executor.refusals import over_budget, refusal, too_large
from queuebit_executor.returned import require_handle, require_measures, require_progress, require_results
from queuebit_planning.seeds import simulation_seed
from queuebit_quantum import Backend, Circuit, Failed, UnknownHandle, WorkItem
from queuebit_runtime.frames import Frame

__all__ = ["OPERATIONS", "answer"]

OPERATIONS = frozenset({"submit", "find", "poll", "collect", "cancel", "usage"})
"""The requests that this module answers."""

_LONGEST_TEXT = 500


def answer(backend: Backend, head: Mapping[str, Any], body: bytes) -> Frame:
    """Answer one of `OPERATIONS`; raises what the backend raises."""
    try:
        match head["op"]:
            case "submit":
                return _submit(backend, bound(body.decode(), head), head)
            case "find":
                return _find(backend, body.decode(), head)
            case "poll":
                return {"text": require_progress(backend.poll(head["handle"]))}, b""
            case "collect":
                return _collect(backend, head["handle"])
            case "cancel":
                backend.cancel(head["handle"])
                return {}, b""
            case _:
                return {"measures": [asdict(it) for it in require_measures(backend.usage(head["handle"]))]}, b""
    except UnknownHandle as error:
        return refusal("unknown_handle", f"the vendor does not know the run any more: {error}")


def _submit(backend: Backend, circuit: Circuit, head: Mapping[str, Any]) -> Frame:
    compiled = compile_for(backend, circuit)
    if (refused := over_budget(compiled.qpu_us(head["shots"]), head["budget_us"])) is not None:
        return refused
    item = WorkItem(compiled, head["shots"], simulation_seed(head["seed"]))
    handle = require_handle(backend.submit([item], head["token"]))
    return {"handle": handle, **described(backend, len(circuit.touched), compiled)}, b""


def _find(backend: Backend, source: str, head: Mapping[str, Any]) -> Frame:
    handle = backend.find(head["token"])
    if handle is None or not source:
        return {"handle": handle and require_handle(handle)}, b""
    circuit = bound(source, head)
    about = described(backend, len(circuit.touched), compile_for(backend, circuit))
    return {"handle": require_handle(handle), **about}, b""


def _collect(backend: Backend, handle: str) -> Frame:
    """The counts; or the vendor's own failure, apart from the failures to ask the vendor."""
    (result,) = require_results(backend.collect(handle), 1)
    if isinstance(result, Failed):
        return {"failed": {"code": result.code, "message": result.text[:_LONGEST_TEXT]}}, b""
    counts = json.dumps(dict(result.counts), sort_keys=True, separators=(",", ":")).encode()
    return too_large(len(counts)) or ({}, counts)
