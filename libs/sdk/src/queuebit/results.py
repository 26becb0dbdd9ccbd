"""Reads what a job returned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from queuebit.errors import Reason
from queuebit.records import (
    Check,
    Estimate,
    Fallback,
    ItemResult,
    PostResult,
    Result,
    ResultValue,
    SharedRun,
    Uncertainty,
)
from queuebit_contracts.fallback import Fallback as Label
from queuebit_contracts.job import Completion
from queuebit_contracts.quality import Quality
from queuebit_contracts.results import RESULTS
from queuebit_contracts.sharing import SharedRun as Shared
from queuebit_contracts.uncertainty import WILSON
from queuebit_contracts.usage import Usage, shots_of

__all__ = ["checks_of", "fallback_of", "items_of", "result_of", "shared_of"]


def result_of(done: Completion, content: bytes) -> Result:
    """The result of a completed job.

    Args:
        done: the data of its event.
        content: of its result, which was checked against its digest.
    """
    items = items_of(content, done.result.media_type, done.shots)
    how, doubt = done.uncertainty or WILSON, done.suspect
    return Result(
        done.job,
        done.backend,
        done.shots,
        (items[0].counts or {}) if len(items) == 1 else {},
        done.result.digest,
        items,
        (len(items) == 1 and items[0].uncertainty) or Uncertainty(how.method, how.level),
        Reason(doubt.code, doubt.text) if doubt is not None else None,
        fallback_of(done.fallback),
        checks_of(done.quality),
        shared_of(done.shared),
    )


def checks_of(quality: Quality | None) -> tuple[Check, ...]:
    """The checks of an event for the user."""
    return tuple(Check(it.name, it.passed, it.value, it.limit) for it in quality.checks) if quality else ()


def fallback_of(label: Label | None) -> Fallback | None:
    """The label of an event for the user."""
    return None if label is None else Fallback(label.instead_of, label.since)


def shared_of(run: Shared | None) -> SharedRun | None:
    """The shared run of an event for the user."""
    return None if run is None else SharedRun(run.circuits, run.region)


def items_of(content: bytes, media_type: str, shots: int) -> tuple[ItemResult, ...]:
    """The items of a result: those of a program, or the one that a single circuit is.

    Args:
        content: of the payload, which was checked against its digest.
        media_type: of the payload.
        shots: of a single circuit.
    """
    document = json.loads(content)
    if media_type != RESULTS:
        return (ItemResult(0, "completed", counts=document, shots=shots),)
    return tuple(_item(number, item) for number, item in enumerate(document["items"]))


def _item(number: int, item: Mapping[str, Any]) -> ItemResult:  # plain JSON
    quasi, expectations, results = (item.get(name) for name in ("quasi", "expectations", "results"))
    how = item.get("uncertainty")
    return ItemResult(
        number,
        item["state"],
        counts=item.get("counts"),
        memory=tuple(item["memory"]) if "memory" in item else None,
        quasi=None if quasi is None else {bits: _estimate(it) for bits, it in quasi.items()},
        expectations=None if expectations is None else tuple(map(_estimate, expectations)),
        results=None if results is None else tuple(map(_asked, results)),
        reason=_reason(item.get("reason")),
        shots=shots_of(Usage.model_validate(item.get("usage", {}))),
        uncertainty=None if how is None else Uncertainty(how["method"], how.get("level")),
        suspect=_reason(item.get("suspect")),
        post=tuple(map(_processed, item.get("post", ()))),
    )


def _processed(it: Mapping[str, Any]) -> PostResult:  # plain JSON
    quasi, expectations = it.get("quasi"), it.get("expectations")
    return PostResult(
        it["step"],
        quasi=None if quasi is None else {bits: _estimate(share) for bits, share in quasi.items()},
        expectations=None if expectations is None else tuple(map(_estimate, expectations)),
        reason=_reason(it.get("reason")),
    )


def _reason(it: Mapping[str, Any] | None) -> Reason | None:  # plain JSON
    return None if it is None else Reason(it["code"], it["text"])


def _asked(it: Mapping[str, Any]) -> ResultValue:  # plain JSON
    values, shares, samples = (it.get(name) for name in ("values", "shares", "samples"))
    return ResultValue(
        it["type"],
        it["of"],
        values=None if values is None else tuple(map(_estimate, values)),
        shares=None if shares is None else {bits: _estimate(share) for bits, share in shares.items()},
        samples=None if samples is None else tuple(samples),
    )


def _estimate(it: Mapping[str, Any]) -> Estimate:  # plain JSON
    return Estimate(it["value"], it.get("stderr"), it.get("observable"))
