"""The requests of a child to a remote backend: all are short, and none waits for a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from queuebit_executor.compilation import described, nanoseconds
from queuebit_executor.errors import NOT_REACHABLE, UNKNOWN_HANDLE
from queuebit_executor.frames import by_source, counted
from queuebit_executor.manifest import COMPILATION_LOST
from queuebit_executor.prepared_items import (
    ItemQuestion,
    PreparedItem,
    busy_us,
    item_results,
    prepare_item,
    question_of,
)
from queuebit_executor.refusals import MAX_RESULT_BYTES, answered, lacks_memory, refusal, too_large
from queuebit_executor.returned import require_handle, require_measures, require_progress, require_results
from queuebit_quantum import Backend, CircuitError, Failed, NotReachable, UnknownHandle, WorkItem, WorkResult
from queuebit_runtime.frames import Frame

__all__ = ["OPERATIONS", "answer", "collect"]

OPERATIONS = frozenset({"submit", "find", "poll", "cancel", "usage"})
"""The requests that `answer` answers."""

_LONGEST_TEXT = 500


def answer(backend: Backend, head: Mapping[str, Any], body: bytes) -> Frame:
    """Answer one of `OPERATIONS`; raises what the backend raises."""
    try:
        match head["op"]:
            case "submit":
                return _submit(backend, head, body)
            case "find":
                return _find(backend, head, body)
            case "poll":
                return {"text": require_progress(backend.poll(head["handle"]))}, b""
            case "cancel":
                backend.cancel(head["handle"])
                return {}, b""
            case _:
                return {"measures": [asdict(it) for it in require_measures(backend.usage(head["handle"]))]}, b""
    except UnknownHandle as error:
        return _unknown(error)


def collect(backend: Backend, head: Mapping[str, Any], body: bytes) -> Iterator[Frame]:
    """Answer with the result of each item, from the item `from` on; raises what the backend raises.

    The failure of an item is a result, apart from the failures to ask the vendor.
    """
    questions = [(question_of(it, source), it["circuits"]) for it, source in by_source(head, body)]
    expected = sum(circuits for _, circuits in questions)
    try:
        found = backend.collect(head["handle"])
    except UnknownHandle as error:
        return iter((_unknown(error),))
    if head["rebuilt"] and isinstance(found, tuple | list) and len(found) != expected:
        return iter((refusal(COMPILATION_LOST.code, COMPILATION_LOST.text),))
    left = iter(require_results(found, expected))
    results = [(question, [next(left) for _ in range(circuits)]) for question, circuits in questions][head["from"] :]
    return counted((_collected(*it) for it in results), len(results), MAX_RESULT_BYTES)


def _submit(backend: Backend, head: Mapping[str, Any], body: bytes) -> Frame:
    """Submit the items that fit the backend and the time that is left; the manifest says why another was not."""
    sent: list[dict[str, Any]] = []  # plain JSON
    work: list[WorkItem] = []
    used_us = 0
    for it, source in by_source(head, body):
        found = _prepared(backend, it, source, head["owner"])
        if isinstance(found, PreparedItem):
            once_us = 0 if work else max(nanoseconds(each.compiled.overhead_s) for each in found.work) // 1_000
            needed_us = once_us + sum(map(busy_us, found.work))
            if (refused := _too_much(found, head["most"], used_us + needed_us, head["budget_us"])) is None:
                sent.append(_sent(backend, found))
                work += found.work
                used_us += needed_us
                continue
            found = refused
        sent.append({"reason": _reason_in(found)})
    handle = require_handle(backend.submit(work, head["token"])) if work else None
    calibration = backend.describe().calibration_digest
    return {"handle": handle, "calibration": calibration}, _manifest(sent, used_us)


def _prepared(backend: Backend, head: Mapping[str, Any], source: bytes, owner: str) -> PreparedItem | Frame:
    """An item made ready, or its refusal; raises what says nothing of the item itself."""
    found = answered(partial(prepare_item, backend, head, source, owner))
    if isinstance(found, PreparedItem):
        return found
    if (error := found[0]["error"])["code"] == NOT_REACHABLE:
        raise NotReachable(error["message"], error["wait_s"])
    if lacks_memory(found[0]):
        raise MemoryError(error["message"])
    return found


def _too_much(item: PreparedItem, most: int, used_us: int, budget_us: int) -> Frame | None:
    if len(item.work) > most:
        text = f"it needs {len(item.work):,} circuits, one for each basis, and the backend takes {most:,} together"
        return refusal("does_not_fit", f"{text}: give fewer observables")
    if used_us > budget_us:
        text = f"the run takes {used_us:,} µs of QPU time and its hold covers {budget_us:,} µs: submit again"
        return refusal("limit_exceeded", text)
    return None


def _find(backend: Backend, head: Mapping[str, Any], body: bytes) -> Frame:
    find = getattr(backend, "find_incomplete", backend.find) if head.get("incomplete") else backend.find
    handle = find(head["token"])
    if handle is None or not head["items"]:
        return {"handle": handle and require_handle(handle)}, b""
    sent = [_rebuilt(backend, it, source, head["owner"]) for it, source in by_source(head, body)]
    calibration = backend.describe().calibration_digest
    return {"handle": require_handle(handle), "calibration": calibration}, _manifest(sent, 0, rebuilt=True)


def _rebuilt(backend: Backend, head: Mapping[str, Any], source: bytes, owner: str) -> dict[str, Any]:  # plain JSON
    """What was submitted for an item, if the backend still takes it; a fault of its source kept it out then too."""
    try:
        question = question_of(head, source)
    except CircuitError as error:
        return {"reason": {"code": error.code, "text": str(error)}}
    found = _prepared(backend, head, source, owner)
    if isinstance(found, PreparedItem):
        return _sent(backend, found)
    return {"circuits": question.circuits, "reason": COMPILATION_LOST.model_dump(mode="json")}


def _sent(backend: Backend, item: PreparedItem) -> dict[str, Any]:  # plain JSON
    known = [described(backend, qubits, it.compiled) for qubits, it in zip(item.qubits, item.work, strict=True)]
    return {
        "circuits": len(item.work),
        "compilations": [it["compilation"] for it in known],
        "qubits": max(item.qubits),
        "shots": sum(it.shots for it in item.work),
    }


def _manifest(sent: Sequence[Mapping[str, Any]], qpu_us: int, *, rebuilt: bool = False) -> bytes:  # plain JSON
    return json.dumps({"items": sent, "qpu_us": qpu_us, "rebuilt": rebuilt}, separators=(",", ":")).encode()


def _collected(question: ItemQuestion, results: Sequence[WorkResult]) -> Frame:
    outcomes = [it for it in results if not isinstance(it, Failed)]
    failures = [it for it in results if isinstance(it, Failed)]
    usage = {"shots": sum(sum(it.counts.values()) for it in outcomes), "qpu_us": sum(it.qpu_us or 0 for it in outcomes)}
    if failures:
        return _failed(failures[0].code, failures[0].text, usage)
    try:
        found = item_results(question, outcomes)
    except (ValueError, ArithmeticError, IndexError) as error:
        return _failed("backend_error", f"the backend's plugin is at fault: its counts cannot be read: {error}", usage)
    body = json.dumps({"state": "completed", "usage": usage, **found}, separators=(",", ":")).encode()
    if (refused := too_large(len(body))) is not None:
        reason = _reason_in(refused)
        return _failed(reason["code"], reason["text"], usage)
    return {}, body


def _failed(code: str, text: str, usage: Mapping[str, int]) -> Frame:
    reason = {"code": code, "text": text[:_LONGEST_TEXT]}
    return {}, json.dumps({"state": "failed", "reason": reason, "usage": usage}, separators=(",", ":")).encode()


def _reason_in(refused: Frame) -> dict[str, str]:
    """The reason that a refusal gives."""
    error = refused[0]["error"]
    where = "" if error.get("line") is None else f"line {error['line']}, column {error['column']}: "
    hint = f" (expected {error['expected']})" if error.get("expected") else ""
    return {"code": error["code"], "text": f"{where}{error['message']}{hint}"}


def _unknown(error: UnknownHandle) -> Frame:
    return refusal(UNKNOWN_HANDLE, f"the vendor does not know the run any more: {error}")
