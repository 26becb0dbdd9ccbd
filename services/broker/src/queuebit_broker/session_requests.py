"""Opens and closes sessions: at a user's request, or when one is idle, old or spent."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from queuebit_broker import session_events
from queuebit_broker.accounts import OpenHold
from queuebit_broker.eligibility import Tariff
from queuebit_broker.following import follow, follow_author
from queuebit_broker.funds import budgets_for
from queuebit_broker.holding import Facts, Holding
from queuebit_broker.ports import EventLog, Follower
from queuebit_broker.requests import NOT_SIGNED, signature_holds
from queuebit_broker.rules import unknown_key
from queuebit_broker.session_rules import Opening, about_closing, due, ended, opened
from queuebit_broker.sessions import KnownSession
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.delegations import Authority
from queuebit_contracts.session import (
    CloseSession,
    OpenSession,
    Session,
    SessionAnswer,
    SessionClosed,
    SessionEnd,
    SessionOpened,
    budget_of,
    request_of,
    signed_part,
)
from queuebit_contracts.wire import Reason
from queuebit_kernel import Clock, Fault, Stale
from queuebit_runtime.log import Guarded

__all__ = ["KeepSessions"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
"""Between two checks of which open sessions are due."""


class KeepSessions:
    """Opens each session once, and closes it once; several brokers may try."""

    def __init__(
        self, *, log: EventLog, follower: Follower, world: World, tariff: Tariff, clock: Clock, holding: Holding
    ) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._tariff = tariff
        self._clock = clock
        self._holding = holding

    async def open(self, tenant: str, request: OpenSession) -> SessionAnswer:
        """Open a session, with the hold of its cap in the same batch; the same request again has the same answer.

        Raises:
            Stale, Unavailable: the log does not accept it now; the same request can be made again.
        """
        aggregate = subjects.session(tenant, request.session)
        if await follow(self._log, self._follower, aggregate.everything):
            return await self._same(aggregate, request)
        await follow_author(self._log, self._follower, self._world, tenant, request.proof)
        if request.dry_run or request.cap is None:
            decided = self._decide(tenant, request)
            if not isinstance(decided, Session):
                return SessionAnswer(errors=decided)
            if request.dry_run:
                return SessionAnswer(session=decided)
            with suppress(Stale):  # another broker opened it
                await self._log.append(session_events.opened(decided), after=0, guard=aggregate.everything)
        elif refused := await self._open_held(tenant, request, aggregate):
            return SessionAnswer(errors=refused)
        await follow(self._log, self._follower, aggregate.everything)
        return await self._same(aggregate, request)

    async def close(self, tenant: str, request: CloseSession) -> SessionAnswer:
        """Close a session, unless it has closed.

        Raises:
            Stale, Unavailable: the log does not accept it now; the same request can be made again.
        """
        aggregate = subjects.session(tenant, request.session)
        await follow(self._log, self._follower, aggregate.everything)
        await follow_author(self._log, self._follower, self._world, tenant, request.proof)
        if request.tenant != tenant or not signature_holds(signed_part(request), request.proof):
            return SessionAnswer(errors=(NOT_SIGNED,))
        session, end = await self._recorded(aggregate)
        if session is None:
            return _no("unknown_session", f"tenant {tenant} has no session {request.session}: see `qb session list`")
        author = self._world.author(tenant, request.proof, self._clock.now())
        if (reason := about_closing(request, session, author)) is not None:
            return SessionAnswer(errors=(reason,))
        if end is None and isinstance(author, Authority):
            await self._close(session, "asked", author.user)
            _, end = await self._recorded(aggregate)
        return SessionAnswer(session=session, closed=end)

    async def run(self) -> None:
        """Close sessions that are idle, old or spent, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.close_due()
            except Fault as error:  # the next round tries again
                _log.warning("sessions could not be closed: %s", error)

    async def close_due(self) -> None:
        """Close each open session that is due.

        Raises:
            Stale, Unavailable: the log does not accept it now.
        """
        for known in [it for it in self._world.sessions.open() if self._due(it)]:
            await self._holding.follow_account(known.session.tenant, known.session.project)
            if known.end is None and (reason := self._due(known)):
                await self._close(known.session, reason, None)

    async def _open_held(
        self, tenant: str, request: OpenSession, aggregate: subjects.Aggregate
    ) -> tuple[Reason, ...] | None:
        refused: tuple[Reason, ...] | None = None

        def decide() -> Facts | None:
            nonlocal refused
            if self._world.sessions.find(tenant, request.session) is not None:  # another broker opened it
                return None
            decided = self._decide(tenant, request)
            if not isinstance(decided, Session) or decided.cap is None:
                refused = decided if isinstance(decided, tuple) else ()
                return None
            counted = budgets_for(self._world, tenant, request.project, decided.user, self._clock.now()).counted
            held = session_events.cap_held(decided, decided.cap, counted)
            return Facts(held, [Guarded(session_events.opened(decided), 0, aggregate.everything)])

        await self._holding.store(tenant, request.project, decide, aggregate.everything)
        return refused

    async def _close(self, session: Session, reason: str, by: str | None) -> None:
        """Append the end of a session with the end of its hold, unless another broker was faster."""
        aggregate = subjects.session(session.tenant, session.session)
        after = await follow(self._log, self._follower, aggregate.everything)

        def decide() -> Facts | None:
            known = self._world.sessions.find(session.tenant, session.session)
            if known is None or known.end is not None:
                return None
            hold = self._hold_of(session)
            end = ended(known, hold, reason, by, self._clock.now())
            facts = [Guarded(session_events.closed(end), after, aggregate.everything)]  # last: then all is followed
            if hold is not None and hold.cap is not None:
                facts = [Guarded(session_events.released(session, hold.cap), 0), *facts]
            if end.idle_hold is None or hold is None:
                return Facts(None, facts)
            return Facts(session_events.idle_held(session, end.idle_hold, hold.budgets), facts)

        await self._holding.store(session.tenant, session.project, decide, aggregate.everything)
        await follow(self._log, self._follower, aggregate.everything)

    def _due(self, known: KnownSession) -> str | None:
        session, hold = known.session, self._hold_of(known.session)
        in_use = None
        if hold is not None:
            budget = budget_of(session.session)
            in_use = self._world.accounts.committed(session.tenant, budget, hold.amount.currency).held
        return due(known, hold, in_use, self._clock.now())

    def _hold_of(self, session: Session) -> OpenHold | None:
        return self._world.account(session.tenant, session.project).sessions.get(session.session)

    def _decide(self, tenant: str, request: OpenSession) -> Session | tuple[Reason, ...]:
        now, currency = self._clock.now(), self._tariff.currency
        author = self._world.author(tenant, request.proof, now) or unknown_key(tenant, request.proof.key)
        user = author.user if isinstance(author, Authority) else None
        return opened(
            request,
            tenant,
            Opening(
                now=now,
                directory=self._world.directory,
                tariff=self._tariff,
                backends=self._world.registered(),
                author=author,
                signed=signature_holds(signed_part(request), request.proof),
                open=sum(it.end is None for it in self._world.sessions.of(tenant)),
                available=self._world.account(tenant, request.project).available_at(currency, now),
                budgets=budgets_for(self._world, tenant, request.project, user, now).hard,
            ),
        )

    async def _same(self, aggregate: subjects.Aggregate, request: OpenSession) -> SessionAnswer:
        """The session as it stands, if it is the one that is asked for."""
        session, end = await self._recorded(aggregate)
        asked = request.model_copy(update={"dry_run": False})
        if not signature_holds(signed_part(request), request.proof):
            return SessionAnswer(errors=(NOT_SIGNED,))
        author = self._world.author(request.tenant, request.proof, self._clock.now())
        own = session is not None and isinstance(author, Authority) and author.user == session.user
        if session is None or not own or signed_part(request_of(session)) != signed_part(asked):
            text = f"key {request.key!r} belongs to another session: the same key is the same session, so use another"
            return _no("session_key_used", text)
        return SessionAnswer(session=session, closed=end)

    async def _recorded(self, aggregate: subjects.Aggregate) -> tuple[Session | None, SessionEnd | None]:
        """A session and its end; from the log where it closed so long ago that the view forgot it."""
        it = subjects.parse(aggregate.prefix)
        if (known := self._world.sessions.find(it.tenant, it.id)) is not None:
            return known.session, known.end
        history = [it.event for it in await self._log.history(aggregate)]
        session = next((it.data for it in history if isinstance(it, SessionOpened)), None)
        return session, next((it.data for it in history if isinstance(it, SessionClosed)), None)


def _no(code: str, text: str) -> SessionAnswer:
    return SessionAnswer(errors=(Reason(code=code, text=text),))
