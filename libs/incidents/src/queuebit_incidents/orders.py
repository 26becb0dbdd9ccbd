"""What a person does to an incident: acknowledge, note, resolve, reopen. Pure; a repeat of the same changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from queuebit_contracts.incidents import (
    MOST_EPISODES,
    MOST_NOTES,
    AlertEpisode,
    IncidentAcknowledgement,
    IncidentEnd,
    IncidentNote,
    IncidentRequest,
    NoteOrder,
    Reopening,
)
from queuebit_contracts.wire import Reason
from queuebit_incidents.state import Incident

__all__ = ["PersonsChange", "Refused", "obey"]

PersonsChange = IncidentAcknowledgement | IncidentNote | IncidentEnd | Reopening

_MOST_FIRING = 1000


class Refused(Exception):
    """An order is refused; nothing was changed."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(code=code, text=text)


def obey(
    request: IncidentRequest,
    incident: Incident | None,
    newest: Incident | None,
    firing: Sequence[AlertEpisode],
    now: datetime,
) -> PersonsChange | None:
    """What a request changes; None if everything is so already.

    Args:
        request: what a person wants.
        incident: the incident that it names; None if there is none.
        newest: the newest incident of the same group.
        firing: what fires in the group now, which a person who ends it leaves behind.
        now: the time.

    Raises:
        Refused: it cannot be done, with what to do instead.
    """
    if incident is None:
        raise Refused("no_incident", f"there is no incident {request.incident}: `qb incident list` has all")
    orders = (request.acknowledge, request.note, request.resolve, request.reopen)
    if sum(it not in (None, False) for it in orders) != 1:
        raise Refused("malformed", "a request has exactly one order: acknowledge, note, resolve or reopen")
    if request.note is not None:
        return _noted(incident, request.note, request.by)
    if request.acknowledge:
        return _acknowledged(incident, request.by)
    if request.resolve is not None:
        return _resolved(incident, request.by, request.resolve.text, firing, now)
    assert request.reopen is not None
    return _reopened(incident, newest, request.by, request.reopen.text)


def _acknowledged(incident: Incident, by: str) -> IncidentAcknowledgement | None:
    if incident.is_over:
        raise Refused("resolved", f"{incident.id} is resolved: `qb incident reopen {incident.id} TEXT` continues it")
    if incident.state == "acknowledged":
        return None
    return IncidentAcknowledgement(incident=incident.id, episode=incident.episode, by=by)


def _noted(incident: Incident, order: NoteOrder, by: str) -> IncidentNote | None:
    last = incident.notes[-1] if incident.notes else None
    if last and (last.by, last.text, last.cause_at) == (by, order.text, order.cause_at):
        return None
    if len(incident.notes) >= MOST_NOTES:
        text = f"{incident.id} has {MOST_NOTES} notes, and no room for more: continue in the post-mortem"
        raise Refused("too_many_notes", f"{text} (`qb incident export {incident.id}`)")
    return IncidentNote(
        incident=incident.id, number=len(incident.notes) + 1, by=by, text=order.text, cause_at=order.cause_at
    )


def _resolved(
    incident: Incident, by: str, text: str | None, firing: Sequence[AlertEpisode], now: datetime
) -> IncidentEnd | None:
    if incident.is_over:
        return None
    return IncidentEnd(
        incident=incident.id,
        episode=incident.episode,
        rule="person",
        by=by,
        ended_at=now,
        text=text,
        still_firing=tuple(firing[:_MOST_FIRING]),
    )


def _reopened(incident: Incident, newest: Incident | None, by: str, text: str) -> Reopening | None:
    if not incident.is_over:
        return None
    if newest is not None and newest.serial > incident.serial:
        where = f"its group has a later incident, {newest.id}"
        raise Refused("later_incident", f"{where}: note it there, with `qb incident note {newest.id} TEXT`")
    if incident.episode >= MOST_EPISODES:
        raise Refused("too_many_episodes", f"{incident.id} was reopened {MOST_EPISODES - 1} times already: note it")
    return Reopening(incident=incident.id, episode=incident.episode + 1, by=by, text=text)
