"""Lists of single facts: what was changed and by whom, what went wrong, and how a device was calibrated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from queuebit_contracts.auditing import AUDITED
from queuebit_contracts.catalog import CATALOG
from queuebit_contracts.query import Question
from queuebit_telemetry.ports import Facts

__all__ = ["LISTS", "listed"]

_Row = dict[str, JsonValue]
_Data = dict[str, Any]  # the data of a fact, as its contract has them

_KIND: Final = {type_: kind for kind, types in AUDITED.items() for type_ in types}


async def listed(facts: Facts, name: str, tenant: str, question: Question) -> list[_Row]:
    """The rows of one of `LISTS`, newest first; raises `Unavailable` when the warehouse does not answer."""
    it = LISTS[name]
    types = AUDITED.get(question.kind, ()) if question.kind and name == "audit" else it.types
    return [
        it.row(row, json.loads(str(row["data"])), tenant)
        for row in await facts.facts(tenant, types, it.shared, question)
    ]


def _audited(row: _Row, data: _Data, tenant: str) -> _Row:
    type_ = str(row["type"])
    if type_ == "qb.config.applied.v1":  # the other changes, and their number, are other tenants'
        own = [
            it for it in data["changes"] if it["kind"] == "tenants" and f"{it['name']}.".startswith(f"tenant.{tenant}.")
        ]
        data = {"by": data["by"], "commit": data.get("commit"), "changes": own}
    about = next(
        (str(data[it]) for it in ("job", "delegation", "user", "project", "issuer", "account") if it in data), tenant
    )
    head: _Row = {
        "kind": _KIND[type_],
        "event": _short(type_),
        "by": data.get("by") or data.get("user"),
        "about": about,
    }
    return {**_place(row), **head, "text": _TEXT.get(_short(type_), _removed)(data), "data": data}


def _incident(row: _Row, data: _Data, tenant: str) -> _Row:
    del tenant
    reasons = data.get("reasons") or [data["reason"]]
    said: _Row = {"code": reasons[0]["code"], "text": "; ".join(it["text"] for it in reasons)}
    return {
        **_place(row),
        "event": _short(str(row["type"])),
        "job": row["job"] or None,
        "backend": row["backend"] or None,
        **said,
    }


def _calibration(row: _Row, data: _Data, tenant: str) -> _Row:
    del tenant
    return {"sequence": row["sequence"], **data}


def _place(row: _Row) -> _Row:
    return {"sequence": row["sequence"], "at": row["at"]}


def _short(type_: str) -> str:
    """The noun and the event of a type, such as `job.failed`."""
    entry = CATALOG[type_]
    return f"{entry.noun}.{entry.name}"


def _config(data: _Data) -> str:
    return "; ".join(f"{it['action']} {it['name']}{_fields(it['fields'])}" for it in data["changes"])


def _fields(fields: _Data) -> str:
    if not fields:
        return ""
    return ": " + ", ".join(f"{name} {_plain(old)} → {_plain(new)}" for name, (old, new) in fields.items())


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text:.80}"


def _limits(data: _Data) -> str:
    budgets = ", ".join(f"{name} {it['amount']} {it['currency']}" for name, it in (data.get("budgets") or {}).items())
    limits = f"share {data['share']}, {data['max_shots']:,} shots a job, {data['max_active_jobs']:,} jobs at once"
    return f"{limits}, budgets: {budgets}" if budgets else limits


def _project(data: _Data) -> str:
    backends = ", ".join(data.get("backends") or ()) or "all"
    fallback = f", fallback: {', '.join(data['fallback'])}" if data.get("fallback") else ""
    return f"budget {data['budget']} {data['currency']}, backends: {backends}, default {data['default_kind']}{fallback}"


def _user(data: _Data) -> str:
    number = len(data["keys"])
    return f"{data['role']} with {number} key{'' if number == 1 else 's'}"


def _delegation(data: _Data) -> str:
    project = f", project {data['project']}" if data.get("project") else ""
    until = f"{data['expires_at'][:10]} {data['expires_at'][11:16]} UTC"
    return f"scope {data['scope']}{project}, until {until}, proved by {data['subject']}"


def _funded(data: _Data) -> str:
    note = f": {data['note']}" if data.get("note") else ""
    return f"{data['amount']['amount']} {data['amount']['currency']}{note}"


def _removed(data: _Data) -> str:
    return str(data.get("reason") or "")


_TEXT: Final[Mapping[str, Callable[[_Data], str]]] = {
    "config.applied": _config,
    "tenant.defined": _limits,
    "tenant.project_defined": _project,
    "tenant.user_defined": _user,
    "delegation.granted": _delegation,
    "account.funded": _funded,
}
"""What a fact says beside its author and its object; of others the reason, if they have one."""


class _List(NamedTuple):
    """A question about facts."""

    types: Sequence[str]
    shared: Sequence[str]
    """Types of which the platform's own facts are every tenant's to see."""
    row: Callable[[_Row, _Data, str], _Row]


_CALIBRATED, _NOT_CALIBRATED = "qb.backend.calibrated.v1", "qb.backend.calibration_failed.v1"

LISTS: Final[Mapping[str, _List]] = {
    "audit": _List(tuple(_KIND), AUDITED["config"], _audited),
    "incidents": _List(("qb.job.failed.v1", "qb.job.rejected.v1", _NOT_CALIBRATED), (_NOT_CALIBRATED,), _incident),
    "calibrations": _List((_CALIBRATED,), (_CALIBRATED,), _calibration),
}
"""By the name of the question."""
