"""Incidents as tables for people, and as documents for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from queuebit_cli.output import Output, shortened
from queuebit_cli.tables import Row

if TYPE_CHECKING:
    from queuebit_incidents import Incident
    from queuebit_incidents.timeline import Gathered

__all__ = ["document", "gathered_document", "gathered_lines", "incident_rows"]

_MOST_ENTRIES = 50
_MOST_TENANTS = 10
_MOST_JOBS = 10


def incident_rows(incidents: Sequence[Incident], now: datetime) -> list[Row]:
    """One row for each incident."""
    from queuebit_incidents.postmortem import duration

    return [
        {
            "incident": it.id,
            "state": it.state,
            "opened": _at(it.opened_at),
            "took": duration(it.time_to_remediate(now)),
            "alerts": len(it.alerts),
            "by": it.ended_by or it.acknowledged_by,
            "title": shortened(it.title, 60),
        }
        for it in incidents
    ]


def document(it: Incident, now: datetime) -> dict[str, object]:
    """An incident for programs; times in seconds, null where they are unknown."""
    detected = it.time_to_detect
    return {
        "incident": it.id,
        "group": it.group,
        "labels": dict(it.labels),
        "title": it.title,
        "state": it.state,
        "episode": it.episode,
        "opened_at": it.opened_at.isoformat(),
        "fired_at": it.fired_at.isoformat(),
        "cause_at": it.cause_at.isoformat() if it.cause_at else None,
        "acknowledged_at": it.acknowledged_at.isoformat() if it.acknowledged_at else None,
        "acknowledged_by": it.acknowledged_by,
        "ended_at": it.ended_at.isoformat() if it.ended_at else None,
        "ended_by": it.ended_by,
        "time_to_detect_s": None if detected is None else detected.total_seconds(),
        "time_to_remediate_s": it.time_to_remediate(now).total_seconds(),
        "alerts": [alert.model_dump(mode="json", exclude_none=True) for alert in it.alerts.values()],
        "notes": [
            {
                "at": note.at.isoformat(),
                "by": note.by,
                "text": note.text,
                "cause_at": note.cause_at.isoformat() if note.cause_at else None,
            }
            for note in it.notes
        ],
    }


def gathered_document(found: Gathered) -> dict[str, object]:
    """An incident with all that was gathered of it; lists are bounded as in `queuebit_incidents.queries`."""
    from queuebit_incidents.timeline import entries

    return {
        **document(found.incident, found.at),
        "sequence": found.sequence,
        "jobs_hit": found.hit,
        "tenants": list(found.tenants),
        "jobs": list(found.jobs[:1000]),
        "decisions": list(found.placements),
        "timeline": [
            {"at": it.at.isoformat(), "seq": it.sequence, "kind": it.kind, "what": it.text, "by": it.by}
            for it in entries(found)
        ],
    }


def gathered_lines(found: Gathered, out: Output) -> Iterator[str]:
    """An incident for people."""
    from queuebit_incidents.postmortem import duration

    it = found.incident
    yield f"{it.id}: {it.title}"
    detected = "unknown" if it.time_to_detect is None else duration(it.time_to_detect)
    took = duration(it.time_to_remediate(found.at))
    over = f"over after {took}" if it.is_over else f"not over after {took}"
    yield f"{it.state}, opened {_at(it.opened_at)} UTC, detected after: {detected}, {over}"
    if it.acknowledged_by and it.acknowledged_at:
        yield f"acknowledged by {it.acknowledged_by} at {_at(it.acknowledged_at)}"
    yield ""
    yield from out.lines(_alert_rows(it), fit=True)
    yield ""
    yield from _hit(found, out)
    yield ""
    yield from _timeline(found, out)


def _alert_rows(incident: Incident) -> list[Row]:
    alerts = sorted(incident.alerts.values(), key=lambda it: (it.fired_at, it.alert))
    return [
        {
            "alert": it.labels.get("alertname", it.alert),
            "severity": it.labels.get("severity"),
            "fired": _at(it.fired_at),
            "tenant": it.labels.get("tenant"),
            "backend": it.labels.get("backend"),
            "reason": it.summary,
        }
        for it in alerts[:_MOST_ENTRIES]
    ]


def _hit(found: Gathered, out: Output) -> Iterator[str]:
    if not found.tenants:
        yield "no job was hit: none failed within the scope of the alerts, and they name none"
        return
    yield from out.lines(
        [
            {
                "tenant": it["tenant"],
                "jobs hit": it["jobs"],
                "failed": it["failed"],
                "others": it["others"],
                "backends": ", ".join(filter(None, it["backends"])),
                "reasons": ", ".join(it["reasons"]),
            }
            for it in found.tenants[:_MOST_TENANTS]
        ],
        fit=True,
    )
    if (more := len(found.tenants) - _MOST_TENANTS) > 0:
        yield f"and {more:,} more tenants"
    names = [str(it["job"]) for it in found.jobs[:_MOST_JOBS]]
    more = found.hit - len(names)
    yield f"first jobs: {', '.join(names)}{f', and {more:,} more' if more > 0 else ''}"


def _timeline(found: Gathered, out: Output) -> Iterator[str]:
    from queuebit_incidents.timeline import entries

    every = entries(found)
    if (hidden := len(every) - _MOST_ENTRIES) > 0:
        yield f"{hidden:,} earlier entries are in the export: qb incident export {found.incident.id}"
    yield from out.lines(
        [{"time": _at(it.at), "by": it.by, "found": shortened(it.text, 200)} for it in every[-_MOST_ENTRIES:]],
        ("time", "by", "found"),
        fit=True,
    )


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
