"""Placements as people like to read them: when, what waited, what was compared, and which rule decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from queuebit.text import visible
from queuebit_cli.output import Output
from queuebit_cli.render_tables import moment, share, took
from queuebit_cli.tables import wrapped
from queuebit_contracts.sharing import ANYONE

__all__ = ["explanation_lines"]

_Row = Mapping[str, Any]
"""As the scheduler answers: JSON."""


def explanation_lines(row: _Row, out: Output) -> list[str]:
    """One placement for people."""
    head = f"{row['job']} was placed on {row['backend']} at {moment(row['at'])}, by {row['policy']}"
    lines = wrapped(visible(head), out.room)
    if "unexplained" in row:
        return [*lines, *wrapped(visible(str(row["unexplained"])), out.room, "  ")]
    if "gave_way" in row or "improved" in row:
        again = _gave_way(row) if "gave_way" in row else _improved(row)
        for sentence in (again, f"{row['backend']}: {row['decided']}."):
            lines += wrapped(visible(sentence), out.room, "  ")
        return [*lines, "", *_indented(out, _backends(row["backends"]))]
    decided = f"{_moved(row)}{_fallback(row)}{_objective(row)}{row['backend']}: {row['decided']}.{_sharing(row)}"
    for sentence in (_turn(row), decided):
        lines += wrapped(visible(sentence), out.room, "  ")
    return [*lines, "", *_indented(out, _backends(row["backends"])), "", *_indented(out, _tenants(row["tenants"]))]


def _gave_way(row: _Row) -> str:
    """Which job it gave way to, as a sentence."""
    way = row["gave_way"]
    why = "which is no spot job" if way["rule"] == "spot" else f"whose {way['rule']} is higher"
    sooner = f"{why} and which starts about {took(way['gained_ms'])} sooner"
    to = way.get("to", "a job of another tenant")
    return f"It had a place and had not started: it was placed again behind {to}, {sooner}."


def _improved(row: _Row) -> str:
    """Which backend it left, and what it gained, as a sentence."""
    moved = row["improved"]
    sooner = f"it is expected to end about {took(moved['gained_ms'])} sooner here"
    return f"It had a place on {moved['left']} and had not started. It was moved, because {sooner}."


def _moved(row: _Row) -> str:
    """Which jobs gave way to it, as a sentence; empty if there are none."""
    if "moved" not in row:
        return ""
    jobs = ", ".join(map(str, row["moved"]))
    sooner = f"it starts about {took(row['gained_ms'])} sooner"
    return f"Jobs that had a place and had not started gave way to it, {jobs}: {sooner}. "


def _fallback(row: _Row) -> str:
    """Which backends the chosen one stands in for, as a sentence; empty if the job asked for it."""
    if "instead_of" not in row:
        return ""
    return f"It fell back: {' and '.join(row['instead_of'])} out of service since {moment(row['out_since'])}. "


def _sharing(row: _Row) -> str:
    """With whose circuits it may be on the device, as a sentence; empty if it runs alone."""
    if "shared_device" not in row:
        return ""
    whose = "projects of any tenant that agreed" if row["shared_device"] == ANYONE else "projects of its tenant"
    return f" If others wait there with the same shots, it may run at the same time as small circuits of {whose}."


def _objective(row: _Row) -> str:
    """What the job prefers, as a sentence; empty if it says nothing."""
    return f"Its objective is {row['objective']}. " if "objective" in row else ""


def _turn(row: _Row) -> str:
    """How long it waited, beside what, and why it was next."""
    jobs = ", ".join(f"{tenant} {count}" for tenant, count in row["waiting"].items())
    waited = f"It had waited {took(row['waited_ms'])}; jobs that could be placed at this moment: {jobs}."
    if earlier := row["position"] - 1:
        waited += f" Jobs placed before it in the same cycle: {earlier}."
    if session := row.get("session"):
        waited += f" {_of_session(session, first=row['runs_first'])}"
        if row["runs_first"]:
            return waited
    tenants = row["tenants"]
    within = f" In {_own(tenants)} the job was next: {row['next']}." if "next" in row else ""
    if len(tenants) == 1:
        return f"{waited} No other tenant was ready.{within}"
    text = (
        f"{waited} Of {len(tenants)} tenants {tenants[0]['tenant']} was next: its (usage + cost) / share was the least."
    )
    return text + within


def _own(tenants: Sequence[_Row]) -> str:
    """The tenant of the job, which the others are not named beside."""
    return next((str(it["tenant"]) for it in tenants if "share" in it), "its tenant")


def _of_session(session: str, *, first: bool) -> str:
    if first:
        return f"It runs first: session {session}."
    return f"Session {session} had received its part of the backend: the job took the turn of its tenant."


def _backends(rows: Sequence[_Row]) -> list[_Row]:
    return [
        {
            "backend": it["backend"],
            "chosen": it["chosen"],
            "cost rank": it["cost_rank"],
            "runs": took(it["expected_us"] / 1000),
            "done in": None if it["completion_us"] is None else took(it["completion_us"] / 1000),
            "success": share(it["esp_ppm"]),
            "free": it["free"],
            "why not": it["reason"],
        }
        for it in rows
    ]


def _tenants(rows: Sequence[_Row]) -> list[_Row]:
    return [
        {
            "tenant": it["tenant"],
            "share": it.get("share"),
            "usage": took(it["usage_us"] / 1000) if "usage_us" in it else None,
            "cost": took(it["cost_us"] / 1000) if "cost_us" in it else None,
            "rank": took(it["rank_us"] / 1000),
        }
        for it in rows
    ]


def _indented(out: Output, rows: list[_Row]) -> list[str]:
    return [f"  {line}" for line in out.lines(rows, fit=True)]
