"""What the warehouse answers to queries of tenants and of other parts of telemetry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from pydantic import JsonValue

from queuebit_contracts.catalog import CATALOG
from queuebit_contracts.lifecycle import TERMINAL
from queuebit_contracts.query import Question
from queuebit_incidents.queries import FACTS as INCIDENT_FACTS
from queuebit_kernel import Money, rfc3339
from queuebit_slo import Query
from queuebit_telemetry.activity import MOST_ROWS, activity
from queuebit_telemetry.client import Client
from queuebit_telemetry.groups import GROUPS, MOST_GROUPS, group_document
from queuebit_telemetry.queries import BILLED, BILLED_BESIDE, BILLS, CHARGES, FACTS, FIDELITIES, INVENTORY, JOBS, NEWEST

__all__ = ["Answers"]

_BILLS = 200
"""Of one answer: with the bills before them they stay well below the largest message."""


class Answers(Client):
    """Reads; every method raises `Unavailable` when there is no answer."""

    async def jobs(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        """The newest jobs that fit, newest first; the `sequence` of a row is that of its submission."""
        found: list[dict[str, JsonValue]] = []
        wanted, before = _conditions(question), question.before or 0
        while (missing := question.limit - len(found)) > 0 and bool(wanted["types"]) is bool(question.states):
            newest = await self._query(NEWEST, tenant=tenant, before=before, limit=missing, **wanted)
            if not newest:
                break
            places = {row["job"]: row["seq"] for row in newest}
            rows = await self._query(JOBS, tenant=tenant, jobs=[*places])
            fitting = [{**_json(row), "sequence": places[row["job"]]} for row in rows if _fits(row, question)]
            found += sorted(fitting, key=lambda row: -places[row["job"]])
            before = newest[-1]["seq"]
            if len(newest) < missing:
                break
        return found

    async def charges(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        return [_json(row) for row in await self._query(CHARGES, tenant=tenant, project=question.project or "")]

    async def fidelities(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        """By backend: how many of the newest completed jobs have a measured fidelity, and the sum of its ratios."""
        rows = await self._query(FIDELITIES, tenant=tenant, limit=question.limit)
        return [{"backend": it["backend"], "jobs": it["jobs"], "ratios_ppm": it["ratios_ppm"]} for it in rows]

    async def groups(self, tenant: str, question: Question, since: datetime) -> list[dict[str, JsonValue]]:
        wanted = {name: getattr(question, name) or "" for name in ("project", "tag", "session")}
        limit = min(question.limit, MOST_GROUPS)
        rows = await self._query(GROUPS, tenant=tenant, since=_seconds(since), limit=limit, **wanted)
        return [group_document(row) for row in rows]

    async def bills(self, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
        """What was charged and corrected, newest first; a correction has the bill before it, and the first one."""
        found = await self._query(
            BILLS,
            tenant=tenant,
            project=question.project or "",
            before=question.before or 0,
            limit=min(question.limit, _BILLS),
            **_period(question),
        )
        bills = [{**it, "data": json.loads(it["data"])} for it in found]
        about = await self._about_bills(tenant, bills)
        return [_json(_bill(it, about.get(_billed(it), {}))) for it in bills]

    async def _about_bills(self, tenant: str, bills: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """What bills do not say of what they charge, by its id."""
        jobs = [*dict.fromkeys(str(it["job"]) for it in bills if it["job"])]
        beside = [*dict.fromkeys(_billed(it) for it in bills if not it["job"])]
        billed = await self._query(BILLED, tenant=tenant, jobs=jobs)
        found: dict[str, Mapping[str, Any]] = {str(it["job"]): it for it in billed}
        if beside:
            found |= {str(it["id"]): it for it in await self._query(BILLED_BESIDE, tenant=tenant, ids=beside)}
        return found

    async def activity(self, tenant: str, question: Question, since: datetime) -> list[dict[str, JsonValue]]:
        rows = await self._query(activity(question.by), tenant=tenant, since=_seconds(since), limit=MOST_ROWS)
        return [_json(row) for row in rows]

    async def facts(
        self, tenant: str, types: Sequence[str], shared: Sequence[str], question: Question
    ) -> list[dict[str, JsonValue]]:
        rows = await self._query(
            FACTS,
            tenant=tenant,
            types=[*types],
            shared=[*shared],
            before=question.before or 0,
            limit=question.limit,
            backend=question.backend or "",
            actor=question.actor or "",
            **_period(question),
        )
        return [_json(row) for row in rows]

    async def workloads(self, tenant: str) -> list[dict[str, Any]]:  # columns of any type
        return await self._query(INVENTORY, tenant=tenant)

    async def cases(self, query: Query) -> list[dict[str, Any]]:  # columns of any type
        return await self._query(query.sql, **query.parameters)

    async def incident_facts(self) -> list[dict[str, Any]]:  # columns of any type
        return await self._query(INCIDENT_FACTS, incident="")


def _conditions(question: Question) -> dict[str, str | float | list[str]]:
    """The parameters of a question about jobs."""
    names = ("project", "job", "backend", "user", "tag", "session", "label")
    return {
        **{name: getattr(question, name) or "" for name in names},
        **_period(question),
        "types": [it.type for it in CATALOG.values() if it.state in question.states],
        "waiting": int(bool(question.states) and {*TERMINAL}.isdisjoint(question.states)),
    }


def _period(question: Question) -> dict[str, float]:
    """From when on and until when, in seconds; 0 for no limit."""
    moments = {"since": question.since, "until": question.until}
    return {name: moment.timestamp() if moment else 0.0 for name, moment in moments.items()}


def _bill(row: dict[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:  # values as the driver reads them
    earlier = [json.loads(data) for seq, data in about.get("bills", ()) if seq < row["sequence"]]
    known = {name: about.get(name, "") for name in ("user", "label")}
    bill = {**row, **known, "tags": about.get("tags", [])}
    return bill | ({"before": earlier[-1], "first": earlier[0]} if earlier else {})


def _billed(bill: Mapping[str, Any]) -> str:
    """The id of what a bill charges: a job, a hybrid job or a session."""
    data = bill["data"]
    return str(bill["job"] or data.get("hybrid") or data.get("session"))


def _fits(row: Mapping[str, object], question: Question) -> bool:
    """Whether a job is now where the question wants it to be."""
    return (not question.states or row["state"] in question.states) and question.backend in (None, row["backend"])


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _json(row: dict[str, Any]) -> dict[str, JsonValue]:  # values as the driver reads them
    return {name: _value(value) for name, value in row.items()}


def _value(value: object) -> JsonValue:
    match value:
        case datetime():
            return rfc3339(value.replace(tzinfo=value.tzinfo or UTC))
        case Decimal():
            return Money(value).text()
        case list() | tuple():
            return [_value(item) for item in value]
    return cast("JsonValue", value)
