"""What a child does for the items of a program: run their circuits, and say what they measured."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from queuebit_executor.compilation import described
from queuebit_executor.frames import counted, parts
from queuebit_executor.prepared_items import PreparedItem, busy_us, item_results, prepare_item
from queuebit_executor.refusals import MAX_RESULT_BYTES, answered, refusal, too_large
from queuebit_executor.returned import require_results
from queuebit_quantum import Backend, Failed, InProcess, WorkResult, prepare
from queuebit_runtime.frames import Frame

__all__ = ["run_item", "run_items"]

_TOGETHER_US = 1_000_000
"""The quoted time of items that run together: a limit or a crash costs no more than this to do again."""

_PREPARED_S = 0.25
"""How long items are parsed and compiled until those that are ready run."""


def run_item(backend: Backend, head: Mapping[str, Any], body: bytes) -> Frame:
    """Run an item on a backend where work has ended when `submit` returns.

    An item that is sampled is one circuit; one with observables is a circuit for each basis that they are measured in.
    Each has the shots and a seed of its own. The device time that is charged once a job is not in its usage.
    """
    item = prepare_item(backend, head, body, head.get("owner", ""))
    if backend.describe().kind != "simulator" and (needed_us := sum(map(busy_us, item.work))) > head["budget_us"]:
        text = (
            f"the item takes {needed_us:,} µs of QPU time and its job has {head['budget_us']:,} µs left: submit again"
        )
        return refusal("limit_exceeded", text)
    return _run_one(backend, item)


def run_items(backend: Backend, head: Mapping[str, Any], body: bytes) -> Iterator[Frame]:
    """Run the first of these items on a simulator, at least one; each succeeds or fails alone.

    A simulator in this process runs one item after another, and each is answered before the next runs. No further one
    is answered once the results are as large as those of one job may be: all of them wait for their job.
    """
    owner = head.get("owner", "")
    items: list[PreparedItem | Frame] = []
    quoted_us, until = 0, time.monotonic() + _PREPARED_S
    for it, content in parts(head["items"], body):
        found = answered(partial(prepare_item, backend, it, content, owner))
        quoted_us += found.quoted_us if isinstance(found, PreparedItem) else 0
        if items and (quoted_us > _TOGETHER_US or time.monotonic() > until):
            break
        items.append(found)
    ready = [it for it in items if isinstance(it, PreparedItem)]
    known = iter(_together(backend, ready))
    answers = (
        answered(partial(_run_one, backend, it, next(known))) if isinstance(it, PreparedItem) else it for it in items
    )
    return counted(answers, len(items), MAX_RESULT_BYTES)


def _together(backend: Backend, items: Sequence[PreparedItem]) -> Iterable[Sequence[WorkResult] | None]:
    """The results of items that were submitted together; None for each that is to be submitted by itself."""
    work = [it for item in items for it in item.work]
    alone = (None,) * len(items)
    if isinstance(backend, InProcess):
        prepare(backend, work)
        return alone
    if len(items) < 2:
        return alone
    found = answered(lambda: [*require_results(backend.collect(backend.submit(work, _joint_token(items))), len(work))])
    if isinstance(found, tuple):  # refused as a whole
        return alone
    left = iter(found)
    return [[next(left) for _ in item.work] for item in items]


def _joint_token(items: Sequence[PreparedItem]) -> str:
    """Names a submission of several items; the first of them may still be submitted by itself."""
    return f"{items[0].head['token']}-{len(items)}"


def _run_one(backend: Backend, item: PreparedItem, known: Sequence[WorkResult] | None = None) -> Frame:
    if known is None:
        submitted = backend.submit(item.work, item.head["token"])
        known = require_results(backend.collect(submitted), len(item.work))
    return _finished(backend, item, known)


def _finished(backend: Backend, item: PreparedItem, results: Sequence[WorkResult]) -> Frame:
    outcomes = []
    for result in results:
        if isinstance(result, Failed):
            return refusal(result.code, result.text)
        outcomes.append(result)
    on_device = backend.describe().kind != "simulator"
    used_us = sum(map(busy_us, item.work)) if on_device else sum(it.qpu_us or 0 for it in outcomes)
    known = [described(backend, qubits, it.compiled) for qubits, it in zip(item.qubits, item.work, strict=True)]
    began = time.process_time()
    found = item_results(item.question, outcomes, [it.compiled.readout_errors for it in item.work])
    cpu_us = round((time.process_time() - began) * 1e6) if item.head.get("post") else 0
    answer = {
        "state": "completed",
        "compilations": [it["compilation"] for it in known],
        "usage": {"shots": sum(it.shots for it in item.work), "qpu_us": used_us, "qubits": max(item.qubits)},
        **found,
    }
    body = json.dumps(answer, separators=(",", ":")).encode()
    if (refused := too_large(len(body), used_us)) is not None:
        return refused
    return {"calibration": backend.describe().calibration_digest, "cpu_us": cpu_us}, body
