"""Holds money: concurrent jobs of one account share one append.

A hold is guarded by the newest hold of its account, so an account takes one append at a time. Jobs that arrive
meanwhile join the next round. The holds of a round of several jobs are one batch, together with their acceptances.

A tenant with budgets or quotas, which holds of several accounts count against, is one scope: its holds are guarded by
the newest hold on any of its accounts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

from queuebit_broker import events
from queuebit_broker.following import follow
from queuebit_broker.policy import Admit, Decision
from queuebit_broker.ports import EventLog, Follower
from queuebit_broker.snapshot import Request
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountHeld, Hold
from queuebit_contracts.wildcards import every
from queuebit_kernel import Stale, Unavailable
from queuebit_runtime.log import Guarded

__all__ = ["ATTEMPTS", "Conclude", "Decide", "Facts", "Holding", "Outcome"]

ATTEMPTS = 8
"""Attempts of a round against other brokers, before its submissions are delivered again."""

_BURST_S = 0.2
"""How long after a round of several jobs further jobs are likely to come together."""

_TOGETHER_S = 0.01
"""How long a round waits for them: a batch has a fixed cost, and so has each decision of the scheduler that follows."""

Decide = Callable[[Sequence[Hold]], Decision]
"""Decides on a job with the current state and the holds of its round."""

Conclude = Callable[[Decision], Guarded | None]
"""The event that ends the admission of a job, guarded by the job's history; None if the decision ends nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The decision on a job."""

    decision: Decision
    conclusion: Guarded | None
    """What `Conclude` made of the decision."""
    held: int = 0
    """Sequence of its new hold; 0 if there is none, because it was refused or has one."""
    concluded: bool = False
    """Whether the conclusion is stored too: in one batch with the hold."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts that are appended in one batch."""

    held: AccountHeld | None
    """A hold; it is guarded as every hold of its scope is."""
    others: Sequence[Guarded]


@dataclass(frozen=True, slots=True)
class _PendingAdmission:
    request: Request
    decide: Decide
    conclude: Conclude
    context: Context
    """Of its delivery: events name the span in which they were made."""


@dataclass(frozen=True, slots=True)
class _NewHold:
    outcome: Outcome
    held: AccountHeld
    acceptance: Guarded


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
            return every(AccountHeld, tenant=self.tenant)
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
    return _Scope(tenant, None if entry and (entry.budget or entry.quota) else account)


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
        self._busy_until: dict[_Scope, float] = {}

    async def hold(self, request: Request, decide: Decide, conclude: Conclude) -> Outcome:
        """Decide on one job, and if it is admitted and holds no money yet, hold it.

        In a round of several jobs its acceptance may be stored with its hold; any other conclusion is the caller's.

        Raises:
            Stale: other brokers were faster repeatedly.
            Unavailable: the log or the view of it does not answer.
        """
        scope = self._scope(request)
        queue = self._queues.setdefault(scope, _ScopeQueue())
        while (served := queue.next.served) and request.job in queue.next.pending:
            await asyncio.wait([served])  # one job decided twice at once: the second sees the first decision
        queue.next.pending[request.job] = _PendingAdmission(request, decide, conclude, copy_context())
        if queue.next.served is None:  # awaited by all jobs of the round
            queue.next.served = asyncio.ensure_future(self._serve(queue, scope))
        outcome = (await asyncio.shield(queue.next.served))[request.job]
        if isinstance(outcome, ValueError):
            raise outcome
        return outcome

    async def store(self, tenant: str, account: str, decide: Callable[[], Facts | None], history: str) -> None:
        """Append facts while this broker makes no other hold of their scope; nothing if `decide` finds nothing to do.

        Args:
            tenant: of the account.
            account: of the hold.
            decide: decides with the current state, again after each conflict.
            history: wildcard over what the other facts are guarded on.

        Raises:
            Stale: other brokers were faster repeatedly.
            Unavailable: the log or the view of it does not answer.
        """
        first = _scope_of(self._world, tenant, account)
        queue = self._queues.setdefault(first, _ScopeQueue())
        async with queue.lock:
            for _ in range(ATTEMPTS):
                scope = _scope_of(self._world, tenant, account)
                if (facts := decide()) is None:
                    return
                held, others = facts.held, [*facts.others]
                first_fact = [] if held is None else [Guarded(held, scope.newest(self._world), scope.guard)]
                try:
                    end = await self._log.append_all([*first_fact, *others])
                except Stale:
                    await self._follow(scope)
                    await follow(self._log, self._follower, history)
                    continue
                if held is not None:
                    self._world.hold(held, end - len(others), behind_all=scope.account is None)
                return
        raise Stale(f"account {tenant}/{account} moved {ATTEMPTS} times while a session was being decided")

    async def follow_account(self, tenant: str, account: str) -> None:
        """Wait until the view has every current hold of an account's scope; raises like `follow`."""
        await self._follow(_scope_of(self._world, tenant, account))

    async def follow(self, request: Request) -> None:
        """Wait until the view has every current hold of the scope, of all brokers.

        Raises:
            Unavailable: the view did not reach them in time.
        """
        await self._follow(self._scope(request))

    def _scope(self, request: Request) -> _Scope:
        return _scope_of(self._world, request.tenant, request.submission.project)

    async def _serve(self, queue: _ScopeQueue, scope: _Scope) -> _Outcomes:
        now = asyncio.get_running_loop().time
        async with queue.lock:
            if now() < self._busy_until.get(scope, 0):
                await asyncio.sleep(_TOGETHER_S)
            pending, queue.next = queue.next.pending, _Batch()
            if len(pending) > 1:
                self._busy_until[scope] = now() + _BURST_S
            for attempt in range(ATTEMPTS):
                if scope.account is not None:  # the tenant may have budgets since the jobs came together
                    scope = _scope_of(self._world, scope.tenant, scope.account)
                outcomes, new_holds = self._decide(pending, scope.tenant)
                try:  # one job that ended fails the batch of all: the next attempt only holds
                    sequences, accepted = await self._append(new_holds, scope, accepting=attempt == 0)
                except Stale:
                    for it in new_holds:
                        self._world.give_up(scope.tenant, it.held.data.job)
                    await self._follow(scope)
                else:
                    for sequence, it in zip(sequences, new_holds, strict=True):
                        self._world.hold(it.held, sequence, behind_all=scope.account is None)
                        outcomes[it.held.data.job] = replace(it.outcome, held=sequence, concluded=accepted)
                    return outcomes
        raise Stale(f"account {scope} moved {ATTEMPTS} times while {len(pending)} jobs were being decided")

    def _decide(self, pending: dict[str, _PendingAdmission], tenant: str) -> tuple[_Outcomes, list[_NewHold]]:
        """Decide in the order of arrival; return the decisions and the new holds."""
        outcomes, new_holds = _Outcomes(), list[_NewHold]()
        for job, admission in pending.items():
            try:
                decision = admission.decide([it.held.data for it in new_holds])
                conclusion = admission.context.run(admission.conclude, decision)
            except ValueError as error:  # a failure affects only its own job
                outcomes[job] = error
                continue
            outcomes[job] = outcome = Outcome(decision, conclusion)
            existing = self._world.account(tenant, admission.request.submission.project).holds
            if isinstance(decision, Admit) and conclusion is not None and job not in existing:
                held = admission.context.run(events.held, admission.request, decision)
                new_holds.append(_NewHold(outcome, held, conclusion))
                self._world.reserve(tenant, job)
        return outcomes, new_holds

    async def _append(
        self, new_holds: Sequence[_NewHold], scope: _Scope, *, accepting: bool
    ) -> tuple[Sequence[int], bool]:
        """Append all holds, the first guarded by the newest hold of the scope.

        Several form one batch, with their acceptances if `accepting`. If the server allows no further batch, the holds
        are appended one by one.

        Returns:
            The sequences of the holds, and whether the acceptances are stored.
        """
        after = scope.newest(self._world)
        if len(new_holds) > 1:
            first, *others = new_holds
            holds = [Guarded(first.held, after, scope.guard), *(Guarded(it.held) for it in others)]
            acceptances = [it.acceptance for it in new_holds] if accepting else []
            with suppress(Unavailable):
                end = await self._log.append_all([*holds, *acceptances]) - len(acceptances) + 1
                return range(end - len(holds), end), accepting
        sequences = list[int]()
        for it in new_holds:
            after = await self._log.append(it.held, after=after, guard=scope.guard)
            sequences.append(after)
        return sequences, False

    async def _follow(self, scope: _Scope) -> None:
        await follow(self._log, self._follower, scope.subject)
