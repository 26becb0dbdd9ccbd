"""Holds money: concurrent jobs of one account share one append.

A hold is guarded by the newest hold of its account, so an account takes one append at a time. Jobs that arrive
meanwhile join the next round, and a round is one append for any number of jobs.

A tenant with budgets, which holds of several accounts count against, is one scope: its holds are guarded by the newest
hold on any of its accounts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from queuebit_broker import events
from queuebit_broker.following import follow
from queuebit_broker.policy import Admit, Decision
from queuebit_broker.ports import EventLog, Follower
from queuebit_broker.snapshot import Request
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountHeld, Hold
from queuebit_kernel import Stale, Unavailable
from queuebit_runtime.log import Guarded
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["ATTEMPTS", "Decide", "Holding", "Outcome"]

ATTEMPTS = 8
"""Attempts of a round against other brokers, before its submissions are delivered again."""

Decide = Callable[[Sequence[Hold]], Decision]
"""Decides on a job with the current state and the holds of its round."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The decision on a job."""

    decision: Decision
    held: int = 0
    """Sequence of its new hold; 0 if there is none, because it was refused or has one."""


@dataclass(frozen=True, slots=True)
class _PendingAdmission:
    request: Request
    decide: Decide
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class _NewHold:
    decision: Admit
    held: AccountHeld


_Outcomes = dict[str, Outcome | ValueError]


@dataclass(eq=False, slots=True)
class _Batch:
    pending: dict[str, _PendingAdmission] = field(default_factory=dict)
    """By job."""
    served: asyncio.Task[_Outcomes] | None = None


@dataclass(frozen=True, slots=True)
class _Scope:
    """Accounts whose holds are guarded together."""

    tenant: str
    account: str | None
    """None for all accounts of the tenant."""

    @property
    def subject(self) -> str:
        """The subject of its holds."""
        if self.account is None:
            return subjects.every(AccountHeld, tenant=self.tenant)
        return subjects.account(self.tenant, self.account).event("held")

    @property
    def guard(self) -> str:
        """The guard of the next hold; empty for its own subject."""
        return self.subject if self.account is None else ""

    def newest(self, world: World) -> int:
        """Sequence of its newest hold up to which all are known."""
        if self.account is None:
            return world.accounts.seen(self.tenant)
        return world.account(self.tenant, self.account).last_held

    def __str__(self) -> str:
        return f"{self.tenant}/{self.account or '*'}"


def _scope_of(world: World, tenant: str, account: str) -> _Scope:
    entry = world.directory.tenant.get(tenant)
    return _Scope(tenant, None if entry and entry.budget else account)


class _ScopeQueue:
    """One scope: the current round has the lock, the next one is open for new jobs."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.next = _Batch()


class Holding:
    """Decides and holds, never more than an account has, even if other brokers hold on it."""

    def __init__(self, log: EventLog, follower: Follower, world: World) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._queues: WeakValueDictionary[_Scope, _ScopeQueue] = WeakValueDictionary()

    async def hold(self, request: Request, decide: Decide) -> Outcome:
        """Decide on one job, and if it is admitted and holds no money yet, hold it.

        Raises:
            Stale: other brokers were faster repeatedly.
            Unavailable: the log or the view of it does not answer.
        """
        scope = self._scope(request)
        queue = self._queues.setdefault(scope, _ScopeQueue())
        while (served := queue.next.served) and request.job in queue.next.pending:
            await asyncio.wait([served])  # one job decided twice at once: the second sees the first decision
        queue.next.pending[request.job] = _PendingAdmission(request, decide, current_traceparent())
        if queue.next.served is None:  # awaited by all jobs of the round
            queue.next.served = asyncio.ensure_future(self._serve(queue, scope))
        outcome = (await asyncio.shield(queue.next.served))[request.job]
        if isinstance(outcome, ValueError):
            raise outcome
        return outcome

    async def follow(self, request: Request) -> None:
        """Wait until the view has every current hold of the scope, of all brokers.

        Raises:
            Unavailable: the view did not reach them in time.
        """
        await self._follow(self._scope(request))

    def _scope(self, request: Request) -> _Scope:
        return _scope_of(self._world, request.tenant, request.submission.project)

    async def _serve(self, queue: _ScopeQueue, scope: _Scope) -> _Outcomes:
        async with queue.lock:
            pending, queue.next = queue.next.pending, _Batch()
            for _ in range(ATTEMPTS):
                if scope.account is not None:  # the tenant may have budgets since the jobs came together
                    scope = _scope_of(self._world, scope.tenant, scope.account)
                outcomes, new_holds = self._decide(pending, scope.tenant)
                holds = [it.held for it in new_holds]
                try:
                    sequences = await self._append(holds, scope)
                except Stale:
                    for held in holds:
                        self._world.give_up(scope.tenant, held.data.job)
                    await self._follow(scope)
                else:
                    for sequence, new_hold in zip(sequences, new_holds, strict=True):
                        self._world.accounts.hold(new_hold.held, sequence, behind_all=scope.account is None)
                        outcomes[new_hold.held.data.job] = Outcome(new_hold.decision, sequence)
                    return outcomes
        raise Stale(f"account {scope} moved {ATTEMPTS} times while {len(pending)} jobs were being decided")

    def _decide(self, pending: dict[str, _PendingAdmission], tenant: str) -> tuple[_Outcomes, list[_NewHold]]:
        """Decide in the order of arrival; return the decisions and the new holds."""
        outcomes, new_holds = _Outcomes(), list[_NewHold]()
        for job, admission in pending.items():
            try:
                decision = admission.decide([it.held.data for it in new_holds])
            except ValueError as error:  # a failure affects only its own job
                outcomes[job] = error
                continue
            outcomes[job] = Outcome(decision)
            existing = self._world.account(tenant, admission.request.submission.project).holds
            if isinstance(decision, Admit) and job not in existing:
                held = events.held(admission.request, decision, admission.traceparent)
                new_holds.append(_NewHold(decision, held))
                self._world.reserve(tenant, job)
        return outcomes, new_holds

    async def _append(self, holds: Sequence[AccountHeld], scope: _Scope) -> Sequence[int]:
        """Append all consecutively, the first guarded by the newest hold of the scope; return their sequences.

        They form one batch. If the server allows no further batch, they are appended one by one.
        """
        after = scope.newest(self._world)
        if len(holds) > 1:
            first, *others = holds
            with suppress(Unavailable):
                last = await self._log.append_all([Guarded(first, after, scope.guard), *map(Guarded, others)])
                return range(last - len(others), last + 1)
        sequences = list[int]()
        for held in holds:
            after = await self._log.append(held, after=after, guard=scope.guard)
            sequences.append(after)
        return sequences

    async def _follow(self, scope: _Scope) -> None:
        await follow(self._log, self._follower, scope.subject)
