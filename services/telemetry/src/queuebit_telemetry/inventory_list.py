"""The workload inventory of a tenant: its projects in force, and what their jobs amount to."""

from __future__ import annotations

import json

from pydantic import JsonValue

from queuebit_contracts.catalog import decode
from queuebit_contracts.directory import Directory
from queuebit_contracts.inventory import TENANT_TYPES, Workload, rows_of
from queuebit_contracts.query import Question
from queuebit_contracts.wire import UnknownEvent
from queuebit_telemetry.fact_lists import event_of
from queuebit_telemetry.ports import Facts, Workloads

__all__ = ["inventory"]

_FACTS = 1_000


async def inventory(warehouse: Workloads, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
    """One row for each project, as `qb inventory --tenant` has it; raises `Unavailable` as the warehouse does."""
    del question
    directory = await _directory(warehouse, tenant)
    work: dict[tuple[str, str], Workload] = {}
    for row in await warehouse.workloads(tenant):
        it = work.setdefault((tenant, row["project"]), Workload())
        it.data_sets.update(row["data_sets"])
        it.backends.update(row["backends"])
        it.jobs += row["jobs"]
        if row["jobs"]:
            it.last_run = max(filter(None, (it.last_run, row["last_run"])))
        if row["currency"]:
            it.cost[row["currency"]] = row["charge"]
    return [json.loads(json.dumps(it)) for it in rows_of(directory, work)]


async def _directory(facts: Facts, tenant: str) -> Directory:
    """The tenant as the facts in the warehouse say."""
    rows: list[dict[str, JsonValue]] = []
    question = Question(limit=_FACTS)
    while page := await facts.facts(tenant, TENANT_TYPES, (), question):
        rows += page
        if len(page) < _FACTS:
            break
        question = question.model_copy(update={"before": page[-1]["sequence"]})
    directory = Directory()
    for row in reversed(rows):
        event = decode(event_of(row))
        if not isinstance(event, UnknownEvent):
            directory.take(event)
    return directory
