"""Decides who is to be notified of which groups; pure.

One notification has all that changed in a group. What a receiver was informed of is in the log: so the same inputs
never give the same notification twice, however often it is decided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from queuebit_alerting.quieting import Quieting
from queuebit_alerting.state import FIRING, Alert, Book, Group
from queuebit_contracts.alert_documents import Alerts, Rotation, Route
from queuebit_contracts.alerts import Notification, NotifiedAlert, shared_labels
from queuebit_contracts.subjects_alerting import group_id

__all__ = ["notifications"]

_MOST: Final = 200
"""Alerts of one notification; further ones follow in the next."""


@dataclass(slots=True)
class _Members:
    """What belongs to a group now."""

    labels: Mapping[str, str]
    audible: list[Alert] = field(default_factory=list)
    """Those that fire and may notify."""


def notifications(book: Book, documents: Alerts, now: datetime) -> list[Notification]:
    """All that is to be notified now; of a group in the order in which it is to be stored."""
    quieting = Quieting(book, documents, now)
    groups: dict[str, _Members] = {}
    for alert in book.alerts.values():
        labels = shared_labels(alert.last.labels)
        members = groups.setdefault(group_id(labels), _Members(labels))
        if alert.firing and quieting.reason(alert) is None:
            members.audible.append(alert)
    found: list[Notification] = []
    for name, members in sorted(groups.items()):
        group = book.groups.get(name, Group())
        if not members.audible and not group.opened:
            continue
        drafts = [*_changes(book, documents, quieting, members, group, now), *_steps(documents, members, group, now)]
        for place, draft in enumerate(drafts, 1):
            found.append(draft.model_copy(update={"group": name, "number": group.number + place}))
    return found


def _changes(
    book: Book, documents: Alerts, quieting: Quieting, members: _Members, group: Group, now: datetime
) -> Iterator[Notification]:
    """What receivers do not know yet: alerts that fire, and alerts that were resolved."""
    wanted = _wanted(documents, members, group, now)
    for receiver in sorted({*wanted, *group.informed}):
        informed = group.informed.get(receiver, {})
        firing = {it.id: it for it in wanted.get(receiver, ())}
        new = [it for it in firing.values() if informed.get(it.id) != it.last.number]
        over = [
            name
            for name, number in informed.items()
            if name not in firing and _is_over(book.alerts[name], number, quieting)
        ]
        if not new and not over:
            continue
        last = group.notified_at.get(receiver)
        is_end = not new and len(over) == len(informed)
        if informed and not is_end and last is not None and not _is_due(last, now, documents.group_interval_s):
            continue
        alerts = [_informed_of(book.alerts[it.id], informed, resolved=False) for it in new]
        alerts += [_informed_of(book.alerts[it], informed, resolved=True) for it in over]
        alerts += _still_known(firing, informed, {it.alert for it in alerts})
        yield Notification(
            group="0" * 16,
            number=1,
            receiver=receiver,
            reason="fired" if new else "resolved",
            step=group.step,
            labels=dict(members.labels),
            alerts=tuple(sorted(alerts[:_MOST], key=lambda it: it.alert)),
            paged=any(_pages(it) for it in new),
        )


def _steps(documents: Alerts, members: _Members, group: Group, now: datetime) -> Iterator[Notification]:
    """The next member of each rotation, if a page that a member knows of stays without an acknowledgement."""
    if not group.opened or group.in_hand or group.stepped_at is None:
        return
    pages = [it for it in members.audible if _pages(it)]
    for name, rotation in documents.rotation.items():
        mine = [it for it in pages if any(route.rotation == name for route in _routes(documents, it))]
        known = [it for it in rotation.on_call(now) if it in group.informed]
        further = next((it for it in rotation.on_call(now) if it not in group.informed), None)
        is_due = _is_due(group.stepped_at, now, rotation.escalate_minutes * 60)
        if mine and known and further is not None and is_due:
            yield Notification(
                group="0" * 16,
                number=1,
                receiver=further,
                reason="escalated",
                step=group.step + 1,
                labels=dict(members.labels),
                alerts=tuple(
                    NotifiedAlert(alert=it.id, number=it.last.number, status=FIRING) for it in _sorted(mine)[:_MOST]
                ),
                paged=True,
            )


def _wanted(documents: Alerts, members: _Members, group: Group, now: datetime) -> dict[str, list[Alert]]:
    """What each receiver is to know to be firing."""
    wanted: dict[str, list[Alert]] = {}
    for alert in _sorted(members.audible):
        receivers: dict[str, None] = {}
        for route in _routes(documents, alert):
            receivers |= dict.fromkeys(route.receivers)
            if route.rotation is not None:
                receivers |= dict.fromkeys(_reached_by(documents.rotation[route.rotation], group, now))
        for receiver in receivers:
            wanted.setdefault(receiver, []).append(alert)
    return wanted


def _reached_by(rotation: Rotation, group: Group, now: datetime) -> Sequence[str]:
    """Those members who know of the group, also after their shift; else the one on call."""
    order = rotation.on_call(now)
    return [it for it in order if it in group.informed] or order[:1]


def _routes(documents: Alerts, alert: Alert) -> Iterable[Route]:
    return [it for it in documents.route.values() if it.matches(alert.last.labels)]


def _is_over(alert: Alert, number: int, quieting: Quieting) -> bool:
    """Whether a firing that a receiver knows of has ended, and may be sent."""
    return (not alert.firing or alert.last.number != number) and quieting.reason(alert) is None


def _informed_of(alert: Alert, informed: Mapping[str, int], *, resolved: bool) -> NotifiedAlert:
    number = informed[alert.id] if resolved else alert.last.number
    return NotifiedAlert(alert=alert.id, number=number, status="resolved" if resolved else FIRING)


def _still_known(
    firing: Mapping[str, Alert], informed: Mapping[str, int], said: Collection[str]
) -> list[NotifiedAlert]:
    """What a receiver knows to be firing and that has not ended, also if it is silenced now.

    Without it, the end of one alert would close a receiver's incident while another alert of the group still fires.
    """
    return [
        NotifiedAlert(alert=name, number=number, status=FIRING)
        for name, number in sorted(informed.items(), key=lambda it: it[0] not in firing)
        if name not in said
    ]


def _pages(alert: Alert) -> bool:
    return alert.last.labels.get("severity") == "page"


def _sorted(alerts: Iterable[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda it: it.id)


def _is_due(since: datetime, now: datetime, wait_s: float) -> bool:
    """Whether a pause is over; also if the clock went back before its beginning."""
    return not timedelta(0) <= now - since < timedelta(seconds=wait_s)
