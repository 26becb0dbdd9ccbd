"""Admitting one submission: decide, hold its money, accept it; or refuse it with every reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from queuebit_broker import events
from queuebit_broker.eligibility import Tariff
from queuebit_broker.following import follow, follow_author
from queuebit_broker.funds import funds_of
from queuebit_broker.holding import Holding
from queuebit_broker.policy import Admit, Decision, HoldClosed, Refuse, Wait, admit, to_profile
from queuebit_broker.ports import EventLog, Flags, Follower, no_flags
from queuebit_broker.profiles import Profiles
from queuebit_broker.requests import read_request
from queuebit_broker.reservations import KnownReservation
from queuebit_broker.sessions import KnownSession
from queuebit_broker.snapshot import Request, Snapshot
from queuebit_broker.state import Profiled, World
from queuebit_contracts import subjects
from queuebit_contracts.account import Hold
from queuebit_contracts.job import TERMINAL, JobAccepted, JobRejected, JobSubmitted
from queuebit_kernel import Clock, Stale, Superseded, Unavailable
from queuebit_runtime.log import Guarded

__all__ = ["AdmitJob"]


class AdmitJob:
    """Answers every submission with exactly one `accepted` or `rejected`.

    Money is held before the job is accepted. A broker that finds a hold without its acceptance, after a crash between
    the two, continues from there; a hold whose job ended meanwhile is released.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        follower: Follower,
        world: World,
        profiles: Profiles,
        tariff: Tariff,
        clock: Clock,
        max_source_bytes: int,
        holding: Holding,
        flags: Flags = no_flags,
    ) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._profiles = profiles
        self._tariff = tariff
        self._clock = clock
        self._max_source_bytes = max_source_bytes
        self._holding = holding
        self._flags = flags

    async def __call__(
        self, event: JobSubmitted, *, body: bytes, subject: str, sequence: int, redelivered: bool, first: bool = False
    ) -> None:
        """Decide on one submission.

        Args:
            event: the submission.
            body: its exact bytes, over which the signature is checked.
            subject: its subject.
            sequence: its sequence in the log; the job must have no later event.
            redelivered: an earlier delivery may have done part of the work.
            first: the log is known to have nothing of the job before it.

        Raises:
            Superseded: the job was decided already, or ended.
            Unavailable: no executor that could run it answers.
        """
        request = read_request(event.data, body, subject)
        await follow_author(self._log, self._follower, self._world, request.tenant, event.data.proof)
        await self._follow_session(request)
        await self._follow_slot(request)
        directory, backends = self._world.directory, self._world.registered()
        session = self._session(request, sequence)
        world = directory, backends, self._max_source_bytes, self._world.interrupted
        shots, stacks = to_profile(request, session, self._slot(request), *world)
        profiling = self._profiles.of(request.tenant, event.data.circuit, shots, stacks)
        if first and not redelivered:  # nothing was decided before the first message of a job
            tail, profiled = sequence, await profiling
        else:
            tail, profiled = await asyncio.gather(self._tail(request, sequence, redelivered=redelivered), profiling)
        try:
            await self._decide(request, event, sequence, tail, profiled, await self._flags(event))
        except BaseException:
            self._world.give_up(request.tenant, request.job)
            raise

    async def _follow_session(self, request: Request) -> None:
        """If the session that a submission names is unknown, wait for facts about it: another broker may know it."""
        session = request.submission.session
        if session is not None and self._world.sessions.find(request.tenant, session) is None:
            await follow(self._log, self._follower, subjects.session(request.tenant, session).everything)

    async def _follow_slot(self, request: Request) -> None:
        """If the reservation that a submission names is unknown, wait for facts about it, likewise."""
        name = request.submission.reservation
        if name is not None and self._slot(request) is None:
            await follow(self._log, self._follower, subjects.reservation(request.tenant, name).everything)

    def _slot(self, request: Request) -> KnownReservation | None:
        """The reservation that a submission names."""
        name = request.submission.reservation
        return None if name is None else self._world.calendars.find(request.tenant, name)

    def _session(self, request: Request, sequence: int) -> KnownSession | None:
        """The session that a submission names, as the submission found it."""
        session = request.submission.session
        return None if session is None else self._world.sessions.at(request.tenant, session, sequence)

    async def _decide(
        self,
        request: Request,
        event: JobSubmitted,
        sequence: int,
        tail: int,
        profiled: Profiled,
        flags: tuple[str, ...] | None,
    ) -> None:
        """Hold the money if the job is admitted, then append the decision."""

        def decide(others: Sequence[Hold]) -> Decision:
            snapshot = self._snapshot(request, profiled, event.time, sequence, others)
            return admit(request, replace(snapshot, flags=flags))

        def conclude(decision: Decision) -> Guarded | None:
            match decision:
                case Admit() as admitted:
                    concluded: JobAccepted | JobRejected = events.accepted(
                        request, event, sequence, admitted, profiled, self._tariff.digest
                    )
                case Refuse(reasons, user):
                    concluded = events.rejected(request, event, reasons, user)
                case _:
                    return None
            return Guarded(concluded, tail, _history(request).everything)

        outcome = await self._holding.hold(request, decide, conclude)
        if isinstance(outcome.decision, HoldClosed):
            raise Superseded(f"job {request.job} was decided, and its hold has ended")
        if isinstance(outcome.decision, Wait):
            self._world.wait(request.tenant, request.job, outcome.decision.text)
            raise Unavailable(outcome.decision.text)
        if outcome.conclusion is not None and not outcome.concluded:
            await self._conclude(request, outcome.conclusion, outcome.held)

    async def _conclude(self, request: Request, conclusion: Guarded, held: int) -> None:
        """Append the decision, provided that the job's history still ends where it did."""
        try:
            concluded = await self._log.append(conclusion.event, after=conclusion.after, guard=conclusion.guard)
        except Stale:
            tail = conclusion.after or 0
            tail = await self._unless_decided(request, tail, reaching=tail + 1)
            concluded = await self._log.append(conclusion.event, after=tail, guard=conclusion.guard)
        accepted_before = concluded < held  # and submitted again: the acceptance that counts has a hold of its own
        if accepted_before or isinstance(conclusion.event, JobRejected):
            await self._give_back(request)

    async def _tail(self, request: Request, sequence: int, *, redelivered: bool) -> int:
        """The end of the job's history, if it still needs a decision; raises like `_unless_decided`.

        Where the delivery does not prove which message of the job is the first, the log says so.
        """
        if not redelivered and await self._log.first(_history(request)) == sequence:
            return sequence
        return await self._unless_decided(request, sequence)

    async def _unless_decided(self, request: Request, sequence: int, *, reaching: int = 0) -> int:
        """The end of the job's history, if it still needs this decision.

        Other messages on the subject of the submission change nothing.

        Raises:
            Superseded: it needs none; its hold is released if it was never accepted.
            Unavailable: the history that was read ends before this submission: a replica of the log lags.
        """
        await self._holding.follow(request)
        history = await self._log.history(_history(request), reaching=max(sequence, reaching))
        past = {subjects.parse(it.subject).event: it for it in history}
        if "accepted" in past:
            raise Superseded(f"job {request.job} is accepted")
        if not past.keys().isdisjoint(TERMINAL):
            await self._give_back(request)
            raise Superseded(f"job {request.job} has ended")
        newest = past.get("submitted")
        again = newest.event if newest is not None and newest.sequence > sequence else None
        if isinstance(again, JobSubmitted) and again.data != request.submission:
            raise Superseded(f"job {request.job} was submitted again: its newest submission counts")
        return history[-1].sequence

    async def _give_back(self, request: Request) -> None:
        account = self._world.account(request.tenant, request.submission.project)
        if (hold := account.holds.get(request.job)) is not None:
            await self._log.append(events.released(request, hold.amount), after=0)

    def _snapshot(
        self, request: Request, profiled: Profiled, at: datetime, sequence: int, others: Sequence[Hold]
    ) -> Snapshot:
        """The current state, including holds under way for others; `at` and `sequence` are the submission's."""
        delegated = self._world.delegated(request.tenant, request.submission.proof, at)
        account = self._world.account(request.tenant, request.submission.project)
        now = self._clock.now()
        funds = funds_of(self._world, request, others, delegated, now, self._tariff.currency)
        return Snapshot(
            now=now,
            directory=self._world.directory,
            tariff=self._tariff,
            backends=self._world.registered(),
            profiled=profiled,
            others_active=self._world.others_active(request.tenant, request.job),
            available=funds.available,
            budgets=funds.budgets,
            quotas=funds.quotas,
            existing_hold=account.holds.get(request.job),
            hold_closed=request.job in account.closed,
            max_source_bytes=self._max_source_bytes,
            session=self._session(request, sequence),
            slot=self._slot(request),
            cap=funds.cap,
            interrupted=self._world.interrupted,
            submitted_at=at,
            delegated=delegated,
        )


def _history(request: Request) -> subjects.Aggregate:
    return subjects.job(request.tenant, request.job)
