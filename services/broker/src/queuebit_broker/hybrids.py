"""Admits hybrid jobs, and stops them at the request of their users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from queuebit_broker import account_events
from queuebit_broker.cancelling import authority_for
from queuebit_broker.eligibility import Tariff
from queuebit_broker.errors import Forbidden
from queuebit_broker.following import follow, follow_author
from queuebit_broker.funds import funds_of
from queuebit_broker.holding import ATTEMPTS, Facts, Holding
from queuebit_broker.hybrid_policy import AdmitHybrid, HybridRequest, HybridSnapshot, admit_hybrid
from queuebit_broker.ports import EventLog, Flags, Follower, Stored, no_flags
from queuebit_broker.requests import address, signature_holds, signed_bytes
from queuebit_broker.rules import unknown_key
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountHeld, Hold
from queuebit_contracts.command import CancelJob
from queuebit_contracts.delegation import Delegation
from queuebit_contracts.delegations import Authority
from queuebit_contracts.hybrid import (
    ENDS,
    HybridAcceptance,
    HybridAccepted,
    HybridRejected,
    HybridRejection,
    HybridStopRequest,
    HybridStopRequested,
    HybridSubmitted,
    is_hybrid,
)
from queuebit_contracts.wire import Reason
from queuebit_kernel import Clock, Stale, Superseded, digest, event_id
from queuebit_runtime.log import Guarded
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["AdmitHybridJobs", "Cancel", "CancelByKind", "StopHybridJobs"]

_SOURCE = "qb/broker"


class AdmitHybridJobs:
    """Answers every submission with exactly one `accepted` or `rejected`.

    The hold and the acceptance are one batch: neither is ever without the other.
    """

    def __init__(
        self,
        log: EventLog,
        follower: Follower,
        world: World,
        tariff: Tariff,
        clock: Clock,
        holding: Holding,
        flags: Flags = no_flags,
    ) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._tariff = tariff
        self._clock = clock
        self._holding = holding
        self._flags = flags

    async def __call__(self, event: HybridSubmitted, *, body: bytes, subject: str, sequence: int) -> None:
        """Decide on one submission; its time is when the log stored it.

        Raises:
            Superseded: it was decided already.
            Stale: other brokers were faster repeatedly.
        """
        request = _read(event, body, subject)
        await follow_author(self._log, self._follower, self._world, request.tenant, event.data.proof)
        await self._follow_named(request)
        history = subjects.hybrid(request.tenant, request.hybrid)
        past = await self._log.history(history, reaching=sequence)
        if len(past) > 1:
            raise Superseded(f"hybrid job {request.hybrid} is decided")
        refused: Sequence[Reason] = ()
        flags = await self._flags(event)

        def decide() -> Facts | None:
            nonlocal refused
            decision = admit_hybrid(request, self._snapshot(request, sequence))
            if not isinstance(decision, AdmitHybrid):
                refused = decision
                return None
            accepted = Guarded(_accepted(request, decision, flags), sequence, history.everything)
            return Facts(_held(request, decision), [accepted])

        await self._holding.store(request.tenant, request.submission.project, decide, history.everything)
        if refused:
            await self._log.append(_rejected(request, refused), after=sequence, guard=history.everything)

    async def _follow_named(self, request: HybridRequest) -> None:
        """Wait for the grant of its key, and for its session: another broker may have made them."""
        asked, tenant = request.submission, request.tenant
        if self._world.delegations.find(tenant, asked.delegation) is None:
            await follow(self._log, self._follower, subjects.delegation(tenant, asked.delegation).everything)
        if asked.session is not None and self._world.sessions.find(tenant, asked.session) is None:
            await follow(self._log, self._follower, subjects.session(tenant, asked.session).everything)

    def _snapshot(self, request: HybridRequest, sequence: int) -> HybridSnapshot:
        asked, world = request.submission, self._world
        delegated = world.delegated(request.tenant, asked.proof, request.submitted_at)
        owner = world.directory.user(request.tenant, asked.proof.key)
        funds = funds_of(world, request, (), delegated, self._clock.now(), self._tariff.currency)
        author = delegated or (Authority(*owner) if owner else unknown_key(request.tenant, asked.proof.key))
        return HybridSnapshot(
            directory=world.directory,
            tariff=self._tariff,
            author=author,
            key=self._key(request),
            available=funds.available,
            budgets=funds.budgets,
            session=None if asked.session is None else world.sessions.at(request.tenant, asked.session, sequence),
            cap=funds.cap,
        )

    def _key(self, request: HybridRequest) -> Delegation | Reason:
        name = request.submission.delegation
        grant = self._world.delegations.find(request.tenant, name)
        if grant is None:
            text = f"tenant {request.tenant} has no delegation {name}: grant a key first, as the client does"
            return Reason(code="bad_delegation", text=text)
        if grant.ended is not None:
            text = f"delegation {name} has ended: {grant.ended}; grant another key"
            return Reason(code="bad_delegation", text=text)
        return grant.delegation


class Cancel(Protocol):
    """Cancels something at its owner's request."""

    async def __call__(self, event: CancelJob, *, body: bytes, subject: str) -> None: ...


class CancelByKind:
    """Cancels jobs and hybrid jobs: the id says which it is."""

    def __init__(self, jobs: Cancel, hybrids: Cancel) -> None:
        self._jobs = jobs
        self._hybrids = hybrids

    async def __call__(self, event: CancelJob, *, body: bytes, subject: str) -> None:
        """Cancel it; raises as the handler of its kind."""
        cancel = self._hybrids if is_hybrid(subjects.parse(subject).id) else self._jobs
        await cancel(event, body=body, subject=subject)


class StopHybridJobs:
    """Has the hybrid service stop a hybrid job: members their own, admins all of their tenant."""

    def __init__(self, log: EventLog, follower: Follower, world: World) -> None:
        self._log = log
        self._follower = follower
        self._world = world

    async def __call__(self, event: CancelJob, *, body: bytes, subject: str) -> None:
        """Append `stop_requested`, unless it ended.

        Raises:
            Forbidden: the request is not proven, or its author may not stop this hybrid job.
            Superseded: it does not exist, has ended, or was asked to stop before.
        """
        tenant, hybrid = address(subject)
        await follow_author(self._log, self._follower, self._world, tenant, event.data.proof)
        author = authority_for(self._world, event, tenant, hybrid, body)
        aggregate = subjects.hybrid(tenant, hybrid)
        for _ in range(ATTEMPTS):
            past = await self._log.history(aggregate)
            accepted = next((it.event for it in past if isinstance(it.event, HybridAccepted)), None)
            if accepted is None or not _names(past).isdisjoint({*ENDS, "stop_requested"}):
                raise Superseded(f"hybrid job {hybrid} of tenant {tenant} does not run and will not")
            if not author.may("manage") and author.user != accepted.data.user:
                raise Forbidden(f"hybrid job {hybrid} is not {author.user}'s: ask its owner, or an admin of {tenant}")
            if author.project not in (None, accepted.data.terms.project):
                raise Forbidden(f"delegation {author.delegation} is for another project: use another key")
            stop = _stop(accepted, author, event.data.reason)
            try:
                await self._log.append(stop, after=past[-1].sequence, guard=aggregate.everything)
            except Stale:
                continue
            return
        raise Stale(f"hybrid job {hybrid} moved {ATTEMPTS} times while it was to be stopped")


def _read(event: HybridSubmitted, body: bytes, subject: str) -> HybridRequest:
    tenant, hybrid = address(subject)
    signed = signed_bytes(body)
    holds = signature_holds(signed, event.data.proof)
    return HybridRequest(tenant, hybrid, event.data, holds, None if signed is None else digest(signed), event.time)


def _names(past: Sequence[Stored]) -> set[str]:
    return {subjects.parse(it.subject).event for it in past}


def _held(request: HybridRequest, admitted: AdmitHybrid) -> AccountHeld:
    asked = request.submission
    hold = Hold(
        tenant=request.tenant,
        account=asked.project,
        job=request.hybrid,
        amount=admitted.terms.hold,
        budgets=admitted.budgets or None,
        purpose="hybrid",
    )
    return account_events.held(hold, request.provenance)


def _accepted(request: HybridRequest, admitted: AdmitHybrid, flags: tuple[str, ...] | None) -> HybridAccepted:
    asked = request.submission
    return HybridAccepted(
        id=event_id("hybrid-accepted", request.tenant, request.hybrid),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=request.provenance,
        data=HybridAcceptance(
            tenant=request.tenant,
            hybrid=request.hybrid,
            user=admitted.user,
            delegation=asked.delegation,
            file=asked.file,
            parameters=asked.parameters,
            purpose=asked.purpose,
            label=asked.label,
            session=asked.session,
            retries=asked.retries or 0,
            terms=admitted.terms,
            budgets=admitted.budgets or None,
            submitted_at=request.submitted_at,
            flags=flags,
            erasable=admitted.erasable or None,
        ),
    )


def _rejected(request: HybridRequest, reasons: Sequence[Reason]) -> HybridRejected:
    return HybridRejected(
        id=event_id("hybrid-rejected", request.tenant, request.hybrid),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=request.provenance,
        data=HybridRejection(
            tenant=request.tenant, hybrid=request.hybrid, reasons=tuple(reasons), submitted_at=request.submitted_at
        ),
    )


def _stop(accepted: HybridAccepted, author: Authority, reason: str) -> HybridStopRequested:
    it = accepted.data
    return HybridStopRequested(
        id=event_id("hybrid-stop-requested", it.tenant, it.hybrid),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=accepted.provenanceid,
        data=HybridStopRequest(
            tenant=it.tenant, hybrid=it.hybrid, by=author.user, delegation=author.delegation, reason=reason
        ),
    )
