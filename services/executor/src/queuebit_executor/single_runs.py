"""Runs single circuits on the children of one backend.

Small ones of one tenant that wait for a simulator share requests; those of one group share a device.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from queuebit_contracts.sharing import MOST_TOGETHER
from queuebit_executor.answers import Described, Ran, Refused
from queuebit_executor.child_answers import read_ran
from queuebit_executor.child_worker import run_request
from queuebit_executor.joint_runs import JointRun, Member
from queuebit_executor.policy import together
from queuebit_executor.ports import CircuitWork, RunTimer
from queuebit_executor.shared_circuits import Place, SharedCircuits
from queuebit_executor.turn import Turn
from queuebit_executor.worker_pool import Borrowed, WorkerPool
from queuebit_kernel import Unavailable
from queuebit_planning.limits import TRANSIENT, run_limit_s
from queuebit_quantum.regions import Region
from queuebit_runtime.tasks import Tasks

__all__ = ["SingleRuns"]

_TOGETHER_S = 1.0
"""The time limit of a shared request. Circuits without an answer then run again, each alone, within its own limit."""


@dataclass
class _Queue:
    """The circuits of one tenant that wait for a child."""

    waiting: deque[Turn] = field(default_factory=deque)
    called: bool = False
    """Whether a child is on its way to them."""


class SingleRuns:
    """Lends children to circuits. Tenants take turns, and each takes its share of what it has waiting.

    A request for several circuits is answered circuit by circuit. One without an answer, because another was slow or
    ended the child, runs again, alone.
    """

    def __init__(
        self,
        offer: Callable[[], Described],
        pool: WorkerPool,
        shared: SharedCircuits,
        tasks: Tasks,
        most_s: float,
        regions: Callable[[Sequence[int]], Awaitable[Sequence[Region | None]]] | None = None,
    ) -> None:
        """Prepare; `regions` chooses those of circuits of these sizes, on a device that they can share."""
        self._regions = regions
        self._offer = offer
        self._pool = pool
        self._shared = shared
        self._tasks = tasks
        self._most_s = most_s
        self._queues: defaultdict[str, _Queue] = defaultdict(_Queue)

    def turn(self, tenant: str, work: CircuitWork, busy: RunTimer) -> Turn:
        """A place in the queue of a tenant, from when it is entered."""
        return Turn(work, busy, enter=partial(self._enter, tenant), leave=partial(self._leave, tenant))

    def _enter(self, tenant: str, turn: Turn) -> None:
        self._queues[tenant].waiting.append(turn)
        self._call(tenant)

    def _leave(self, tenant: str, turn: Turn) -> None:
        queue = self._queues[tenant]
        if turn in queue.waiting:
            queue.waiting.remove(turn)
        self._forget(tenant)

    def _call(self, tenant: str) -> None:
        """Ask for one more child, unless one is on its way."""
        queue = self._queues[tenant]
        if queue.waiting and not queue.called:
            queue.called = True
            self._tasks.spawn(self._serve(tenant), "single runs")
        self._forget(tenant)

    def _forget(self, tenant: str) -> None:
        queue = self._queues[tenant]
        if not queue.waiting and not queue.called:
            del self._queues[tenant]

    async def _serve(self, tenant: str) -> None:
        """Wait for a child, and have it run some of the circuits that wait then."""
        turns: list[Turn] = []
        try:
            async with self._pool.borrow(tenant) as child:
                turns = self._next(tenant)
                if (joint := await self._joint(tenant, turns)) is not None:
                    turns = [it.turn for it in joint.members]
                    await self._run_members(joint, tenant, child)
                elif turns:
                    await self._run(tenant, child, turns)
            if joint is not None:
                await self._run_others(joint, tenant)
        except Unavailable as fault:
            for turn in turns or self._next(tenant):
                turn.fail(fault)

    def _next(self, tenant: str) -> list[Turn]:
        """Take circuits from the queue, at most the share of one child, and call another child for the rest."""
        queue = self._queues[tenant]
        queue.called = False
        share = -(-len(queue.waiting) // self._pool.size) if self._offer().kind == "simulator" else 1
        count = together((it.load for it in queue.waiting), share)
        turns = [queue.waiting.popleft() for _ in range(count)]
        self._call(tenant)
        return turns

    async def _joint(self, tenant: str, turns: Sequence[Turn]) -> JointRun | None:
        """The run that the first circuit shares with those of its group that wait now; None if it runs alone.

        Those without room on the device stay in their queues.
        """
        first = turns[0] if turns else None
        if first is None or not first.may_share or not self._offer().shares or self._regions is None:
            return None
        others = self._of_group(first)
        if not others:
            return None
        chosen = await self._regions([it.work.qubits for it in (first, *(turn for _, turn in others))])
        here = {id(turn) for _, turn in self._of_group(first)}  # some may have left meanwhile
        members = [
            Member(owner, turn, region)
            for (owner, turn), region in zip([(tenant, first), *others], chosen, strict=True)
            if region is not None and (turn is first or id(turn) in here)
        ]
        if len(members) < 2 or members[0].turn is not first or not first.wanted:
            return None
        for it in members[1:]:
            self._leave(it.tenant, it.turn)
        for it in members:
            it.turn.take([member.turn for member in members], asyncio.current_task())
        return JointRun(members)

    def _of_group(self, first: Turn) -> list[tuple[str, Turn]]:
        """The circuits that wait and may be on the device with this one."""
        found = (
            (tenant, turn)
            for tenant, queue in self._queues.items()
            for turn in queue.waiting
            if turn.may_share and (turn.work.group, turn.work.shots) == (first.work.group, first.work.shots)
        )
        return [*islice(found, MOST_TOGETHER - 1)]

    async def _run_members(self, joint: JointRun, tenant: str, child: Borrowed) -> None:
        """Have a child of a tenant run its circuits on their regions, one after another."""
        offer, left = self._offer(), deque(it for it in joint.of(tenant) if it.turn.wanted)
        if not left:
            return
        place = Place(tenant, offer.backend, offer.target)
        head, body = run_request([it.work for it in left], partial(self._shared.request, place=place, compiled=False))

        def take(answer: Ran | Refused) -> None:
            left.popleft().take(answer)
            if left:
                left[0].turn.busy.start()

        left[0].turn.busy.start()
        limit_s = run_limit_s(offer.kind, left[0].work.budget_us, self._most_s)
        await child.ask_each({**_about(offer, tenant), **head}, read_ran, body, take, len(left), limit_s)

    async def _run_others(self, joint: JointRun, first: str) -> None:
        """Run the circuits of the other tenants, each by a child of its own; then give all of them their answers."""
        for tenant in joint.tenants:
            if tenant != first:
                async with self._pool.borrow(tenant) as child:
                    await self._run_members(joint, tenant, child)
        again = joint.finish(self._offer())
        for tenant in joint.tenants:
            self._again(tenant, [it.turn for it in again if it.tenant == tenant])

    async def _run(self, tenant: str, child: Borrowed, turns: list[Turn]) -> None:
        offer, left = self._offer(), deque(turns)
        request = partial(self._shared.request, place=Place(tenant, offer.backend, offer.target))
        head, body = run_request([it.work for it in turns], request)
        again: list[Turn] = []

        def take(answer: Ran | Refused) -> None:
            turn = left.popleft()
            if len(turns) > 1 and isinstance(answer, Refused) and answer.error.code in TRANSIENT:
                again.append(turn)  # another may have used the memory
            else:
                turn.give(answer)
            if left:
                left[0].busy.start()

        limit_s = run_limit_s(offer.kind, turns[0].work.budget_us, self._most_s)
        for turn in turns:
            turn.take(turns, asyncio.current_task())
        turns[0].busy.start()
        refused = await child.ask_each(
            {**_about(offer, tenant), **head},
            read_ran,
            body,
            take,
            len(turns),
            limit_s if len(turns) == 1 else _TOGETHER_S,
        )
        if refused is not None and len(turns) == 1:
            turns[0].give(refused)
            return
        self._again(tenant, [*again, *left])

    def _again(self, tenant: str, turns: list[Turn]) -> None:
        """Put circuits back in front, each to run alone."""
        queue = self._queues[tenant]
        for turn in reversed(turns):
            if turn.wanted:
                turn.alone = True
                turn.busy.reset()
                queue.waiting.appendleft(turn)
        self._call(tenant)


def _about(offer: Described, tenant: str) -> dict[str, Any]:  # plain JSON
    return {"backend": offer.backend, "target": offer.target, "without": offer.without, "owner": tenant}
