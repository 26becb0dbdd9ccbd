"""Whether a job may run in the reservation that it names, and what that means for its limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from queuebit_broker.eligibility import Candidate
from queuebit_broker.reservations import KnownReservation
from queuebit_contracts.delegations import Authority
from queuebit_contracts.wire import Reason
from queuebit_kernel import rfc3339
from queuebit_planning.constraints import Limits

__all__ = ["about_slot", "about_spot", "in_slot", "needed"]

_MARGIN: Final = 4
"""A run may take a part of one in so many longer than its estimate, as the scheduler counts it."""

_COLD: Final = timedelta(seconds=1)
"""A worker may have to start first."""


class _Asked(Protocol):
    """What a submission and the question for a plan have in common."""

    @property
    def project(self) -> str | None: ...
    @property
    def backend(self) -> str | None: ...
    @property
    def session(self) -> str | None: ...
    @property
    def reservation(self) -> str | None: ...
    @property
    def spot(self) -> bool | None: ...


def about_slot(
    asked: _Asked,
    tenant: str,
    author: Authority | Reason | None,
    known: KnownReservation | None,
    candidates: Sequence[Candidate],
    now: datetime,
) -> Iterator[Reason]:
    """Yield every reason why a job cannot run in the reservation that it names.

    Args:
        asked: the submission, or the question for a plan.
        tenant: whose job it is.
        author: who submits it; None if that is not asked.
        known: the reservation; None if the tenant has none of that name, or it was over a day ago.
        candidates: where the job fits, with its estimates.
        now: the time.
    """
    name = asked.reservation
    if name is None:
        return
    if asked.session is not None:
        text = f"the job names session {asked.session} and reservation {name}: it runs in one of them, so name one"
        yield Reason(code="session_or_reservation", text=text)
    if known is None:
        text = f"tenant {tenant} has no reservation {name}: see `qb reserve list`, or book one"
        yield Reason(code="unknown_reservation", text=text)
        return
    yield from _about_holder(asked, author, known)
    slot, state = known.reservation, known.state if known.returned is None else "given back"
    if asked.backend not in (None, slot.backend):
        text = f"reservation {name} is on {slot.backend}, and the job is for {asked.backend}: name that backend or none"
        yield Reason(code="reservation_backend", text=text)
    if not known.is_open or known.until <= now:
        over = f"is {state}" if not known.is_open else f"was over at {rfc3339(known.until)}"
        text = f"reservation {name} {over}: book another slot, or submit the job without a reservation"
        yield Reason(code="reservation_over", text=text)
        return
    left = known.until - max(now, slot.starts_at)
    for it in candidates:
        if it.backend == slot.backend and (takes := needed(it.estimate.qpu_us)) > left:
            text = (
                f"the job takes up to {_s(takes)} s with its margin, and reservation {name} has {_s(left)} s: use "
                "fewer shots, or book a longer slot"
            )
            yield Reason(code="slot_too_short", text=text)


def about_spot(asked: _Asked) -> Iterator[Reason]:
    """Yield why a job cannot be a spot job: it names what keeps a backend for it."""
    if asked.spot and (asked.session is not None or asked.reservation is not None):
        what = f"session {asked.session}" if asked.session is not None else f"reservation {asked.reservation}"
        text = (
            f"a spot job runs while no other job wants the backend, and {what} keeps it: submit it without one of them"
        )
        yield Reason(code="spot_or_kept", text=text)


def needed(qpu_us: int) -> timedelta:
    """The time that must be left in a slot for a run: its estimate, a quarter more, and the start of a worker."""
    return timedelta(microseconds=qpu_us - (-qpu_us // _MARGIN)) + _COLD


def in_slot(limits: Limits, known: KnownReservation | None) -> Limits:
    """The limits of a job that runs in a slot: its result is there when the slot ends, at the latest."""
    if known is None:
        return limits
    ends_at = known.reservation.ends_at
    return replace(limits, deadline=ends_at if limits.deadline is None else min(limits.deadline, ends_at))


def _about_holder(asked: _Asked, author: Authority | Reason | None, known: KnownReservation) -> Iterator[Reason]:
    slot = known.reservation
    if asked.project not in (None, slot.project):
        text = (
            f"reservation {slot.reservation} is of project {slot.project}, and the job of {asked.project}: submit to "
            "the former"
        )
        yield Reason(code="foreign_reservation", text=text)
    if isinstance(author, Authority) and slot.users is not None and author.user not in slot.users:
        text = (
            f"reservation {slot.reservation} is for {', '.join(slot.users)}, and not for {author.user}: submit without "
            "a reservation, or book your own"
        )
        yield Reason(code="foreign_reservation", text=text)


def _s(time: timedelta) -> str:
    return f"{time.total_seconds():,.3g}"
