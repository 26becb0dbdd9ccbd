"""A draft of a post-mortem in Markdown: what the log knows is filled in, what people must judge is left open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from queuebit_incidents.state import Incident
from queuebit_incidents.timeline import Entry, Gathered, entries, read_moment

__all__ = ["EvidenceFile", "duration", "postmortem"]

_MOST_ENTRIES: Final = 200
_MOST_TENANTS: Final = 50
_MOST_JOBS: Final = 20
_SPECIAL: Final = re.compile(r"([\\`*<>\[\]|#])")


class EvidenceFile(NamedTuple):
    """A file beside the post-mortem."""

    name: str
    lines: int
    sha256: str
    """In hex."""
    what: str


def duration(span: timedelta) -> str:
    """A time as `2 d 3 h`, `3 h 20 min`, `12 min 5 s` or `5 s`; shorter than a second is 0 s."""
    seconds = int(span.total_seconds())
    for unit, size, next_unit, next_size in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            rest = seconds % size // next_size
            return f"{seconds // size} {unit}{f' {rest} {next_unit}' if rest else ''}"
    return f"{seconds} s"


def postmortem(found: Gathered, files: Sequence[EvidenceFile]) -> str:
    """The draft; the same facts give the same text."""
    sections = (
        _head(found),
        _summary(found),
        _impact(found),
        _timeline(entries(found)),
        _detection(found.incident),
        _response(found),
        _open_questions(),
        _evidence(files),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _head(found: Gathered) -> Iterator[str]:
    incident = found.incident
    yield f"# Post-mortem: {_plain(incident.title)}"
    yield ""
    yield f"Draft of {_at(found.at)}, from the log up to sequence {found.sequence}. Times are in UTC."
    yield "Replace what is in _italics_."
    yield ""
    yield from _table(
        ("", ""),
        [
            ("Incident", f"`{incident.id}`"),
            ("State", incident.state + (f", episode {incident.episode}" if incident.episode > 1 else "")),
            ("Group", ", ".join(f"{name} {value}" for name, value in incident.labels.items()) or "the platform"),
            ("Opened", _at(incident.opened_at)),
            ("Over", _at(incident.ended_at) if incident.ended_at and incident.is_over else "not yet"),
            ("Time to detect", _detected(incident)),
            ("Time to remediate", _remediated(found)),
        ],
    )


def _summary(found: Gathered) -> Iterator[str]:
    incident = found.incident
    yield "## Summary"
    yield ""
    jobs, tenants, alerts = found.hit, len(found.tenants), len(incident.alerts)
    hit = f"{_count(jobs, 'job')} of {_count(tenants, 'tenant')}" if jobs else "no job"
    yield (
        f"{_count(alerts, 'alert')} fired from {_at(incident.fired_at)}: {_plain(incident.title)}. "
        f"{hit} {'was' if jobs <= 1 else 'were'} hit."
    )
    yield ""
    yield "_In two sentences that a customer understands: what happened, and why._"


def _impact(found: Gathered) -> Iterator[str]:
    yield "## Impact"
    yield ""
    if not found.tenants:
        yield "No job failed within the scope of the alerts, and none is named by them as evidence."
    else:
        charged = _charges(found)
        yield from _table(
            ("tenant", "jobs", "failed", "others", "backends", "reasons", "charged"),
            [
                (
                    it["tenant"],
                    f"{int(it['jobs']):,}",
                    f"{int(it['failed']):,}",
                    f"{int(it['others']):,}",
                    ", ".join(filter(None, it["backends"])),
                    ", ".join(it["reasons"]),
                    charged.get(it["tenant"], "0"),
                )
                for it in found.tenants[:_MOST_TENANTS]
            ],
        )
        yield from _more(len(found.tenants) - _MOST_TENANTS, "tenants are in `tenants.jsonl`")
        yield ""
        yield "`others` ended without failing: an alert names them, or their result did not pass its check."
        yield ""
        yield from _jobs(found)
    yield ""
    yield from _decisions(found)
    yield "_What customers noticed. What it cost, and what is to be credited (`qb invoice credit`)._"


def _jobs(found: Gathered) -> Iterator[str]:
    yield from _table(
        ("at", "tenant", "job", "backend", "ended as", "reasons", "provenance id"),
        [
            (
                _at(read_moment(it["at"])),
                it["tenant"],
                f"`{it['job']}`",
                it["backend"],
                it["state"],
                ", ".join(it["reasons"]),
                f"`{it['provenanceid'][:19]}…`" if it["provenanceid"] else "",
            )
            for it in found.jobs[:_MOST_JOBS]
        ],
    )
    yield from _more(found.hit - _MOST_JOBS, "jobs were hit: the first 10,000 are in `jobs.jsonl`")


def _decisions(found: Gathered) -> Iterator[str]:
    if found.placements:
        yield "Decisions about these jobs:"
        yield ""
        yield from _table(
            ("backend", "policy", "placements", "jobs", "first", "last"),
            [
                (
                    it["backend"],
                    it["policy"],
                    f"{int(it['placed']):,}",
                    f"{int(it['jobs']):,}",
                    _at(read_moment(it["first_at"])),
                    _at(read_moment(it["last_at"])),
                )
                for it in found.placements[:_MOST_TENANTS]
            ],
        )
        yield ""
        yield "`qb job explain JOB --all-tenants` computes a decision again."
        yield ""


def _timeline(every: Sequence[Entry]) -> Iterator[str]:
    yield "## Timeline"
    yield ""
    first, last = every[: _MOST_ENTRIES // 2], every[_MOST_ENTRIES // 2 :][-_MOST_ENTRIES // 2 :]
    rows = [(_at(it.at), it.kind, it.text, it.by, str(it.sequence or "")) for it in (*first, *last)]
    if (left_out := len(every) - len(first) - len(last)) > 0:
        rows.insert(len(first), ("…", "", f"{left_out:,} more are in `timeline.jsonl`", "", ""))
    yield from _table(("at", "kind", "what", "by", "sequence"), rows)


def _detection(incident: Incident) -> Iterator[str]:
    yield "## Detection"
    yield ""
    cause = "unknown: `qb incident note ID TEXT --cause TIME` states it" if incident.cause_at is None else None
    yield f"- The fault began: {cause or _at(incident.cause_at or incident.fired_at)}"
    yield f"- The first alert fired: {_at(incident.fired_at)}"
    yield f"- Time to detect: {_detected(incident)}"
    yield ""
    yield from _table(
        ("alert", "severity", "fired", "summary"),
        [
            (
                it.labels.get("alertname", it.alert),
                it.labels.get("severity", ""),
                _at(it.fired_at),
                it.summary,
            )
            for it in sorted(incident.alerts.values(), key=lambda it: (it.fired_at, it.alert))[:_MOST_TENANTS]
        ],
    )
    yield from _more(len(incident.alerts) - _MOST_TENANTS, "alerts are in `incident.jsonl`")
    yield ""
    yield "_Could it have been found earlier, or by an alert instead of a person?_"


def _response(found: Gathered) -> Iterator[str]:
    incident = found.incident
    yield "## Response"
    yield ""
    if incident.acknowledged_at:
        after = duration(max(incident.acknowledged_at - incident.fired_at, timedelta()))
        by = _plain(incident.acknowledged_by or "")
        yield f"- Acknowledged: {_at(incident.acknowledged_at)} by {by}, after {after}"
    else:
        yield "- Acknowledged: by no person"
    if incident.is_over and incident.ended_at:
        by = f"by {_plain(incident.ended_by)}" if incident.ended_by else "by rule: its alerts were quiet"
        yield f"- Over: {_at(incident.ended_at)}, {by}{f': {_plain(incident.ending)}' if incident.ending else ''}"
    else:
        yield "- Over: not yet"
    yield f"- Time to remediate: {_remediated(found)}"
    if people := sorted({it.by for it in entries(found) if it.by}):
        yield f"- People: {', '.join(map(_plain, people))}"
    yield ""
    for note in incident.notes:
        yield f"- {_at(note.at)}, {_plain(note.by)}: {_plain(note.text)}"
    if incident.notes:
        yield ""
    yield "_What was tried, in which order, and what helped._"


def _open_questions() -> Iterator[str]:
    for heading, question in (
        ("Root cause", "Why it happened, and why nothing stopped it."),
        ("What went well", "What limited the damage."),
        ("What went badly", "What made it worse, or longer."),
        ("Where we were lucky", "What could have made it worse."),
    ):
        yield f"## {heading}"
        yield ""
        yield f"_{question}_"
        yield ""
    yield "## Action items"
    yield ""
    yield from _table(("action", "prevents, detects or mitigates", "owner", "due"), [("_…_", "_…_", "_…_", "_…_")])


def _evidence(files: Sequence[EvidenceFile]) -> Iterator[str]:
    yield "## Evidence"
    yield ""
    yield "`sha256sum -c SHA256SUMS` checks these files, and this one as it was exported."
    yield ""
    rows = [(f"`{it.name}`", f"{it.lines:,}", it.what, f"`{it.sha256}`") for it in files]
    yield from _table(("file", "lines", "what", "SHA-256"), rows)


def _charges(found: Gathered) -> Mapping[str, str]:
    charged: dict[str, list[str]] = {}
    for it in found.charges:
        charged.setdefault(it["tenant"], []).append(f"{_trimmed(str(it['charged']))} {it['currency']}")
    return {tenant: " + ".join(amounts) for tenant, amounts in charged.items()}


def _trimmed(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def _detected(incident: Incident) -> str:
    return "unknown" if incident.time_to_detect is None else duration(incident.time_to_detect)


def _remediated(found: Gathered) -> str:
    taken = duration(found.incident.time_to_remediate(found.at))
    return taken if found.incident.is_over else f"not over after {taken}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _more(number: int, what: str) -> Iterator[str]:
    if number > 0:
        yield ""
        yield f"{number:,} more {what}."


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _plain(text: str) -> str:
    """Text of people and programs, on one line, without effect on the Markdown around it."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_cell(it) for it in row)} |"


def _cell(text: str) -> str:
    is_code = text.startswith("`") and text.endswith("`")
    return text.replace("|", r"\|") if is_code else _plain(text)
