"""Lists of single facts: who did what, what went wrong, and how a device was calibrated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from pydantic import JsonValue

from queuebit_audit_trail import Record, Selection, record_of, types_of
from queuebit_contracts.catalog import CATALOG, decode
from queuebit_contracts.query import Question
from queuebit_kernel import Malformed
from queuebit_telemetry.ports import Facts

__all__ = ["LISTS", "MOST_RECORDS", "audit", "event_of", "listed"]

MOST_RECORDS: Final = 200
"""Records of one answer: it stays below the largest message."""

_Row = dict[str, JsonValue]
_Data = dict[str, Any]  # the data of a fact, as its contract has them


async def listed(facts: Facts, name: str, tenant: str, question: Question) -> list[_Row]:
    """The rows of one of `LISTS`, newest first; raises `Unavailable` when the warehouse does not answer."""
    it = LISTS[name]
    return [
        it.row(row, json.loads(str(row["data"]))) for row in await facts.facts(tenant, it.types, it.shared, question)
    ]


async def audit(facts: Facts, tenant: str, question: Question) -> list[_Row]:
    """The records of a tenant's audit trail, newest first, as `qb audit --tenant` has them.

    The warehouse finds actions that may be by the actor, and the record says who it is: so pages are read until there
    are enough. Raises `Unavailable` when the warehouse does not answer.
    """
    selection = Selection(tenant, question.since, question.until, question.actor, question.action)
    types, limit = types_of(question.action), min(question.limit, MOST_RECORDS)
    found: list[_Row] = []
    while types and (missing := limit - len(found)) > 0:
        page = question.model_copy(update={"limit": missing})
        rows = await facts.facts(tenant, types, (), page)
        records = (_record(row) for row in rows)
        found += [_json(it) for it in records if it is not None and selection.takes(it)]
        if len(rows) < missing:
            break
        question = question.model_copy(update={"before": rows[-1]["sequence"]})
    return found


def _json(record: Record) -> _Row:
    return cast("_Row", record.document())


def event_of(row: _Row) -> bytes:
    """The event that a row of facts was made from, with what the warehouse has of it."""
    event = {
        "specversion": "1.0",
        "id": row["event"],
        "source": row["source"],
        "type": row["type"],
        "time": row["at"],
        "data": json.loads(str(row["data"])),
    }
    if row["traceparent"]:
        event["traceparent"] = row["traceparent"]
    return json.dumps(event).encode()


def _record(row: _Row) -> Record | None:
    """The record of an event; None if it is not readable."""
    try:
        decoded = decode(event_of(row))
    except Malformed:
        return None
    return record_of(decoded, int(str(row["sequence"])), datetime.fromisoformat(str(row["stored_at"])))


def _incident(row: _Row, data: _Data) -> _Row:
    reasons = data.get("reasons") or [data["reason"]]
    said: _Row = {"code": reasons[0]["code"], "text": "; ".join(it["text"] for it in reasons)}
    entry = CATALOG[str(row["type"])]
    return {
        "sequence": row["sequence"],
        "at": row["at"],
        "event": f"{entry.noun}.{entry.name}",
        "job": row["job"] or None,
        "backend": row["backend"] or None,
        **said,
    }


def _calibration(row: _Row, data: _Data) -> _Row:
    return {"sequence": row["sequence"], **data}


class _List(NamedTuple):
    """A question about facts."""

    types: Sequence[str]
    shared: Sequence[str]
    """Types of which the platform's own facts are every tenant's to see."""
    row: Callable[[_Row, _Data], _Row]


_CALIBRATED, _NOT_CALIBRATED = "qb.backend.calibrated.v1", "qb.backend.calibration_failed.v1"

LISTS: Final[Mapping[str, _List]] = {
    "incidents": _List(("qb.job.failed.v1", "qb.job.rejected.v1", _NOT_CALIBRATED), (_NOT_CALIBRATED,), _incident),
    "calibrations": _List((_CALIBRATED,), (_CALIBRATED,), _calibration),
}
"""By the name of the question."""
