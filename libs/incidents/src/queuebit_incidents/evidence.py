"""Gathers what the warehouse says of an incident, through a function that runs queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from queuebit_incidents import queries
from queuebit_incidents.scope import scope_of, texts
from queuebit_incidents.state import Incident
from queuebit_incidents.timeline import Gathered, Record

__all__ = ["Ask", "gather"]

Ask = Callable[[str, Mapping[str, str]], Sequence[Record]]
"""Runs a query with the values of its placeholders; returns rows by column, decimals as text."""

_FOLLOWED: Final = 20
"""So many jobs are followed by their provenance ids."""


def gather(ask: Ask, incident: Incident, *, now: datetime, sequence: int) -> Gathered:
    """Everything about an incident. The number of rows is bounded, and the number of jobs is counted beside them.

    Args:
        ask: runs a query, and raises what it raises.
        incident: which one.
        now: the time; an incident that is not over reaches until then.
        sequence: the last sequence of the log that the warehouse has.
    """
    scope = scope_of(incident, now)
    values = scope.parameters()
    tenants, jobs = ask(queries.TENANTS, values), ask(queries.JOBS, values)
    devices = {backend for _, backend in scope.pairs} | {str(it) for row in tenants for it in row["backends"]}
    provenance = dict.fromkeys(str(it["provenanceid"]) for it in jobs[:_FOLLOWED] if it["provenanceid"])
    return Gathered(
        incident=incident,
        scope=scope,
        at=now,
        sequence=sequence,
        facts=ask(queries.FACTS, values),
        response=ask(queries.RESPONSE, values),
        tenants=tenants,
        jobs=jobs,
        lifecycles=ask(queries.LIFECYCLES, {**values, "provenance": texts(provenance)}) if provenance else [],
        placements=ask(queries.PLACEMENTS, values),
        calibrations=ask(queries.CALIBRATIONS, {**values, "devices": texts(sorted(devices - {""}))}),
        changes=ask(queries.CHANGES, values),
        charges=ask(queries.CHARGES, values),
    )
