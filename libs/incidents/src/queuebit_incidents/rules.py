"""What alerts do to incidents: open, join, reopen, resolve by rule. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from queuebit_contracts.alerts import Firing
from queuebit_contracts.incidents import (
    MOST_ALERTS,
    MOST_EPISODES,
    MOST_JOINED,
    IncidentAlert,
    IncidentEnd,
    Joining,
    Opening,
    Reopening,
)
from queuebit_contracts.subjects_alerting import incident_id
from queuebit_incidents.state import Incident

__all__ = ["AlertNow", "Change", "Rules", "decide", "firing_of"]

Change = Opening | Joining | Reopening | IncidentEnd


@dataclass(frozen=True, slots=True)
class AlertNow:
    """An alert that fired at least once, as it is now."""

    last: Firing
    group: str
    labels: Mapping[str, str]
    """Those that the alerts of the group share."""
    firing: bool
    ended_at: datetime | None = None
    cause_at: datetime | None = None
    """The time of the earliest case that it is about, where known."""
    suppressed: bool = False
    """Whether it is silenced, inhibited, or within planned maintenance: then it opens no incident."""

    @property
    def is_page(self) -> bool:
        """Whether it can open an incident."""
        return self.last.labels.get("severity") == "page" and not self.suppressed


@dataclass(frozen=True, slots=True)
class Rules:
    """When an incident ends by itself, and when it continues."""

    quiet: timedelta = timedelta(minutes=10)
    """So long after the last alert of its group was resolved, it is resolved."""
    reopen_within: timedelta = timedelta(hours=1)
    """A page so soon after the end continues the incident; a later one opens another."""


def decide(incidents: Mapping[str, Incident], alerts: Iterable[AlertNow], now: datetime, rules: Rules) -> list[Change]:
    """All changes that follow from the alerts, at most one for each group.

    Args:
        incidents: the newest incident of each group, by group.
        alerts: all alerts that ever fired; an alert of an incident that is missing counts as firing.
        now: the time.
        rules: when incidents end and continue.

    Deciding again after these changes changes nothing more, unless a group has more than 50 new alerts.
    """
    by_group = {
        group: [*them] for group, them in groupby(sorted(alerts, key=lambda it: (it.group, it.last.alert)), _group)
    }
    return [
        change
        for group in sorted(by_group)
        for change in _of_group(incidents.get(group), group, by_group[group], now, rules)
    ]


def firing_of(group: str, alerts: Iterable[AlertNow]) -> list[AlertNow]:
    """The alerts of a group that fire now, in the order of their ids."""
    return sorted((it for it in alerts if it.group == group and it.firing), key=lambda it: it.last.alert)


def _group(alert: AlertNow) -> str:
    return alert.group


def _of_group(
    incident: Incident | None, group: str, alerts: Sequence[AlertNow], now: datetime, rules: Rules
) -> Iterator[Change]:
    if incident is None or incident.is_over:
        ignored = {} if incident is None else incident.ignored
        firing = [it for it in alerts if it.firing and it.last.number > ignored.get(it.last.alert, 0)]
        if any(it.is_page for it in firing):
            firing.sort(key=lambda it: not it.is_page)  # stable: pages first, each part in the order of ids
            yield _begun(incident, group, firing, now, rules)
        return
    fresh = [it for it in alerts if it.firing and it.last.alert not in incident.alerts]
    if fresh and incident.joined < MOST_JOINED:
        yield Joining(incident=incident.id, number=incident.joined + 1, alerts=_carried(fresh))
    elif (quiet_since := _quiet_since(incident, alerts)) and now - quiet_since >= rules.quiet:
        yield IncidentEnd(incident=incident.id, episode=incident.episode, rule="quiet", ended_at=quiet_since)


def _begun(
    last: Incident | None, group: str, firing: Sequence[AlertNow], now: datetime, rules: Rules
) -> Opening | Reopening:
    if (
        last is not None
        and last.ended_at is not None
        and now - last.ended_at <= rules.reopen_within
        and last.episode < MOST_EPISODES
    ):
        return Reopening(incident=last.id, episode=last.episode + 1, alerts=_carried(firing))
    first = firing[0]
    return Opening(
        incident=incident_id(group, 1 if last is None else last.serial + 1),
        group=group,
        labels=dict(first.labels),
        title=_title(first),
        alerts=_carried(firing),
    )


def _quiet_since(incident: Incident, alerts: Sequence[AlertNow]) -> datetime | None:
    """When the last alert of the group was resolved; None while any fires, or is unknown."""
    known = {it.last.alert for it in alerts}
    ends = [it.ended_at for it in alerts if it.ended_at is not None]
    if any(it.firing for it in alerts) or not incident.alerts.keys() <= known or not ends:
        return None
    return max(ends)


def _carried(alerts: Sequence[AlertNow]) -> tuple[IncidentAlert, ...]:
    return tuple(
        IncidentAlert(
            alert=it.last.alert,
            number=it.last.number,
            labels=it.last.labels,
            summary=it.last.annotations.get("summary", ""),
            fired_at=it.last.starts_at,
            cause_at=it.cause_at,
        )
        for it in alerts[:MOST_ALERTS]
    )


def _title(first: AlertNow) -> str:
    """What the incident is called: the first page, and what its group has in common."""
    about = ", ".join(f"{name} {value}" for name, value in first.labels.items())
    name = first.last.annotations.get("summary") or first.last.labels.get("alertname", "an alert")
    return f"{name} ({about})" if about and about not in name else name
