"""Books and cancels reservations at a user's request, and plans windows at the operator's."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from queuebit_broker import reservation_events as events
from queuebit_broker.eligibility import Tariff
from queuebit_broker.following import follow, follow_author
from queuebit_broker.funds import budgets_for
from queuebit_broker.holding import ATTEMPTS, Facts, Holding
from queuebit_broker.ports import EventLog, Follower
from queuebit_broker.requests import NOT_SIGNED, signature_holds
from queuebit_broker.reservation_rules import Booking, Planned, Refusal, about_cancelling, booked, planned
from queuebit_broker.reservations import KnownReservation
from queuebit_broker.rules import unknown_key
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.calendar import ReservedSlot, WindowsAnswer, WindowsRequest
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.delegations import Authority
from queuebit_contracts.reservation import (
    BookReservation,
    CancelReservation,
    Reservation,
    ReservationAnswer,
    ReservationBooked,
    ReservationCancelled,
    ReservationEnded,
    ReservationReturned,
    ReservationStarted,
    request_of,
    signed_part,
)
from queuebit_contracts.wire import Reason
from queuebit_kernel import Clock, Stale
from queuebit_runtime.log import Guarded

__all__ = ["KeepReservations", "PlanWindows", "withdrawal"]


class KeepReservations:
    """Books each slot once, and cancels it once; several brokers may try, and of two that overlap one is refused."""

    def __init__(
        self, *, log: EventLog, follower: Follower, world: World, tariff: Tariff, clock: Clock, holding: Holding
    ) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._tariff = tariff
        self._clock = clock
        self._holding = holding

    async def book(self, tenant: str, request: BookReservation) -> ReservationAnswer:
        """Book a slot with its hold, in one batch; the same request again has the same answer.

        Raises:
            Stale, Unavailable: the log does not accept it now; the same request can be made again.
        """
        aggregate = subjects.reservation(tenant, request.reservation)
        if await follow(self._log, self._follower, aggregate.everything):
            return await self._same(aggregate, request)
        await follow_author(self._log, self._follower, self._world, tenant, request.proof)
        calendar = subjects.backend(request.backend).everything
        for _ in range(ATTEMPTS):
            after = await follow(self._log, self._follower, calendar)
            decided = self._decide(tenant, request)
            if isinstance(decided, Refusal):
                return ReservationAnswer(errors=decided.reasons, free_from=decided.free_from)
            if request.dry_run:
                return ReservationAnswer(reservation=decided)
            if (refused := await self._store(tenant, request, after)) is not None:
                return ReservationAnswer(errors=refused.reasons, free_from=refused.free_from)
            if await follow(self._log, self._follower, aggregate.everything):
                return await self._same(aggregate, request)
        raise Stale(f"the calendar of {request.backend} moved {ATTEMPTS} times while a slot was being booked")

    async def cancel(self, tenant: str, request: CancelReservation) -> ReservationAnswer:
        """Cancel a reservation before its start, or give the rest back; nothing if it is over.

        Raises:
            Stale, Unavailable: the log does not accept it now; the same request can be made again.
        """
        aggregate = subjects.reservation(tenant, request.reservation)
        await follow(self._log, self._follower, aggregate.everything)
        await follow_author(self._log, self._follower, self._world, tenant, request.proof)
        if request.tenant != tenant or not signature_holds(signed_part(request), request.proof):
            return ReservationAnswer(errors=(NOT_SIGNED,))
        known = await self._recorded(aggregate)
        if known is None:
            text = f"tenant {tenant} has no reservation {request.reservation}: see `qb reserve list`"
            return _no("unknown_reservation", text)
        author = self._world.author(tenant, request.proof, self._clock.now())
        if (reason := about_cancelling(request, known.reservation, author)) is not None:
            return ReservationAnswer(errors=(reason,))
        for _ in range(ATTEMPTS):
            if not known.is_open or not isinstance(author, Authority):
                break
            with suppress(Stale):  # it started, ended or was displaced meanwhile
                await self._log.append_all(withdrawal(known, self._clock.now(), by=author.user))
            await follow(self._log, self._follower, aggregate.everything)
            known = await self._recorded(aggregate) or known
        else:
            raise Stale(f"{aggregate.prefix} moved {ATTEMPTS} times")
        return _answer(known)

    async def _store(self, tenant: str, request: BookReservation, after: int) -> Refusal | None:
        """Append hold, slot and reservation; nothing if the calendar moved, so that the caller decides again."""
        refused: Refusal | None = None
        aggregate, calendar = subjects.reservation(tenant, request.reservation), subjects.backend(request.backend)

        def decide() -> Facts | None:
            nonlocal refused
            if self._world.calendars.newest(request.backend) > after:
                return None
            if self._world.calendars.find(tenant, request.reservation) is not None:  # another broker booked it
                return None
            decided = self._decide(tenant, request)
            if isinstance(decided, Refusal):
                refused = decided
                return None
            counted = budgets_for(self._world, tenant, request.project, decided.user, self._clock.now()).counted
            held = events.held(decided, decided.hold, counted) if decided.hold is not None else None
            slot = Guarded(events.reserved(decided), after, calendar.everything)  # last: then the view has all
            return Facts(held, [Guarded(events.booked(decided), 0, aggregate.everything), slot])

        await self._holding.store(tenant, request.project, decide, calendar.everything)
        return refused

    def _decide(self, tenant: str, request: BookReservation) -> Reservation | Refusal:
        now, calendars = self._clock.now(), self._world.calendars
        author = self._world.author(tenant, request.proof, now) or unknown_key(tenant, request.proof.key)
        user = author.user if isinstance(author, Authority) else None
        return booked(
            request,
            tenant,
            Booking(
                now=now,
                directory=self._world.directory,
                tariff=self._tariff,
                backends=self._world.registered(),
                author=author,
                signed=signature_holds(signed_part(request), request.proof),
                ahead=[it for it in calendars.of(tenant) if it.is_ahead(now)],
                taken=calendars.taken(request.backend, now),
                available=self._world.account(tenant, request.project).available_at(self._tariff.currency, now),
                budgets=budgets_for(self._world, tenant, request.project, user, now).hard,
            ),
        )

    async def _same(self, aggregate: subjects.Aggregate, request: BookReservation) -> ReservationAnswer:
        """The reservation as it stands, if it is the one that is asked for."""
        known = await self._recorded(aggregate)
        asked = request.model_copy(update={"dry_run": False})
        if not signature_holds(signed_part(request), request.proof):
            return ReservationAnswer(errors=(NOT_SIGNED,))
        author = self._world.author(request.tenant, request.proof, self._clock.now())
        own = known is not None and isinstance(author, Authority) and author.user == known.reservation.user
        if known is None or not own or signed_part(request_of(known.reservation)) != signed_part(asked):
            text = f"key {request.key!r} belongs to another reservation: the same key is the same slot, so use another"
            return _no("reservation_key_used", text)
        return _answer(known)

    async def _recorded(self, aggregate: subjects.Aggregate) -> KnownReservation | None:
        """A reservation; from the log where it ended so long ago that the view forgot it."""
        it = subjects.parse(aggregate.prefix)
        if (known := self._world.calendars.find(it.tenant, it.id)) is not None:
            return known
        found: KnownReservation | None = None
        for stored in await self._log.history(aggregate):
            match stored.event:
                case ReservationBooked(data=data):
                    found = KnownReservation(data, stored.sequence)
                case ReservationStarted(data=start) if found is not None:
                    found.started_at = start.started_at
                case ReservationCancelled(data=withdrawn) if found is not None:
                    found.cancelled = withdrawn
                case ReservationReturned(data=time) if found is not None:
                    found.returned = time
                case ReservationEnded(data=end) if found is not None:
                    found.ended = end
        return found


class PlanWindows:
    """Requests of the operator about the windows of a backend."""

    def __init__(self, log: EventLog, follower: Follower, world: World, clock: Clock) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._clock = clock

    async def __call__(self, request: WindowsRequest) -> WindowsAnswer:
        """Plan windows and cancel one, all or nothing; answer with the calendar of the backend.

        Raises:
            Stale, Unavailable: the log does not accept it now; the same request can be made again.
        """
        calendar, displaced = subjects.backend(request.backend), tuple[str, ...]()
        for _ in range(ATTEMPTS):
            after, now = await follow(self._log, self._follower, calendar.everything), self._clock.now()
            calendars = self._world.calendars
            known = {it.window: it for it in calendars.windows(request.backend, now)}
            if request.cancelled is not None and request.cancelled not in known:
                text = f"{request.backend} has no window {request.cancelled}: see `qb backend window list`"
                return WindowsAnswer(errors=(Reason(code="unknown_window", text=text),))
            reserved = calendars.reserved(request.backend, now)
            decided = planned(request, self._world.registered(), known, reserved, now)
            if not isinstance(decided, Planned):
                return WindowsAnswer(errors=decided)
            facts: list[AnyEvent] = [events.window_planned(it, now) for it in decided.new]
            if request.cancelled is not None:
                facts.append(events.window_cancelled(known[request.cancelled], request.by, now))
            if not facts:
                return self._calendar(request.backend, displaced)
            batch = [Guarded(facts[0], after, calendar.everything), *(Guarded(it) for it in facts[1:])]
            for it in decided.displaced:
                batch += withdrawal(it, now, by=None)
            try:
                await self._log.append_all(batch)
            except Stale:
                continue
            displaced = tuple(it.reservation.reservation for it in decided.displaced)
            await follow(self._log, self._follower, calendar.everything)
            return self._calendar(request.backend, displaced)
        raise Stale(f"the calendar of {request.backend} moved {ATTEMPTS} times")

    def _calendar(self, backend: str, displaced: tuple[str, ...]) -> WindowsAnswer:
        now, calendars = self._clock.now(), self._world.calendars
        return WindowsAnswer(
            windows=tuple(calendars.windows(backend, now)),
            reserved=tuple(
                ReservedSlot(
                    backend=backend,
                    reservation=it.reservation.reservation,
                    starts_at=it.reservation.starts_at,
                    ends_at=it.until,
                )
                for it in calendars.reserved(backend, now)
            ),
            displaced=displaced,
        )


def withdrawal(known: KnownReservation, now: datetime, *, by: str | None) -> list[Guarded]:
    """The facts that end a reservation early: before its start with its whole hold, or from now on.

    Args:
        known: a reservation that is not over.
        now: the time.
        by: the user that asked; None for a window of the operator.
    """
    it = known.reservation
    aggregate = subjects.reservation(it.tenant, it.reservation)
    free = Guarded(events.freed(it, now))
    if known.started_at is not None:
        reason = "given_back" if by is not None else "window"
        return [Guarded(events.returned(it, reason, by, now), known.last, aggregate.everything), free]
    ended = events.cancelled(it, "asked" if by is not None else "window", by, now)
    facts = [Guarded(ended, known.last, aggregate.everything), free]
    return [*facts, Guarded(events.released(it, it.hold), 0)] if it.hold is not None else facts


def _answer(known: KnownReservation) -> ReservationAnswer:
    return ReservationAnswer(
        reservation=known.reservation, cancelled=known.cancelled, returned=known.returned, ended=known.ended
    )


def _no(code: str, text: str) -> ReservationAnswer:
    return ReservationAnswer(errors=(Reason(code=code, text=text),))
