"""Reads what a job returned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from queuebit.errors import Reason
from queuebit.records import Estimate, ItemResult, ResultValue
from queuebit_contracts.results import RESULTS
from queuebit_contracts.usage import Usage, shots_of

__all__ = ["items_of"]


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
    quasi, expectations, results, reason = (item.get(name) for name in ("quasi", "expectations", "results", "reason"))
    return ItemResult(
        number,
        item["state"],
        counts=item.get("counts"),
        memory=tuple(item["memory"]) if "memory" in item else None,
        quasi=None if quasi is None else {bits: _estimate(it) for bits, it in quasi.items()},
        expectations=None if expectations is None else tuple(map(_estimate, expectations)),
        results=None if results is None else tuple(map(_asked, results)),
        reason=None if reason is None else Reason(reason["code"], reason["text"]),
        shots=shots_of(Usage.model_validate(item.get("usage", {}))),
    )


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
