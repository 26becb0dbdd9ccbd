"""Runs single circuits on the children of one backend.

Small ones of one tenant that wait for a simulator share requests; those whose projects agreed share a device.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any

from queuebit_executor.answers import Described, Ran, Refused
from queuebit_executor.child_answers import read_ran
from queuebit_executor.child_worker import run_request
from queuebit_executor.joint_runs import JointRun, Member
from queuebit_executor.policy import Sharing, companions, together
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
    joint: deque[JointRun] = field(default_factory=deque)
    """Runs on a device in which circuits of this tenant wait for a child of it; they come before those that wait."""

    @property
    def needs_child(self) -> bool:
        """Whether anything is left to run."""
        return bool(self.waiting or self.joint)


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
        if queue.needs_child and not queue.called:
            queue.called = True
            self._tasks.spawn(self._serve(tenant), "single runs")
        self._forget(tenant)

    def _forget(self, tenant: str) -> None:
        queue = self._queues[tenant]
        if not queue.needs_child and not queue.called:
            del self._queues[tenant]

    async def _serve(self, tenant: str) -> None:
        """Wait for a child, and have it run some of the circuits that wait then."""
        turns: list[Turn] = []
        try:
            async with self._pool.borrow(tenant) as child:
                joint = self._next_joint(tenant)
                turns = self._next(tenant) if joint is None else []
                joint = joint or await self._joint(tenant, turns)
                turns = [it for it in turns if it.wanted]  # some may have left meanwhile
                if joint is not None:
                    turns = [it.turn for it in joint.members]
                    await self._run_members(joint, tenant, child)
                elif turns:
                    await self._run(tenant, child, turns)
            if joint is not None:
                self._go_on(joint, tenant)
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
        """The run that the first circuit shares with those that wait now and may be with it; None if it runs alone.

        Those without room on the device stay in their queues.
        """
        first = turns[0] if turns else None
        if first is None or not first.may_share or not self._offer().shares or self._regions is None:
            return None
        all_of_them = [(tenant, first), *self._companions(tenant, first)]
        if len(all_of_them) < 2:
            return None
        chosen = await self._regions([turn.work.qubits for _, turn in all_of_them])
        here = {id(turn) for _, turn in self._waiting()} | {id(first)}  # some may have left meanwhile
        members = [
            Member(owner, turn, region)
            for (owner, turn), region in zip(all_of_them, chosen, strict=True)
            if region is not None and id(turn) in here and turn.wanted
        ]
        if len(members) < 2 or members[0].turn is not first:
            return None
        for it in members[1:]:
            self._leave(it.tenant, it.turn)
        return JointRun(members)

    def _companions(self, tenant: str, first: Turn) -> list[tuple[str, Turn]]:
        """The circuits that wait and are on the device with this one."""
        waiting = [(owner, turn) for owner, turn in self._waiting() if turn.may_share]
        chosen = companions(_sharing(tenant, first), [_sharing(*it) for it in waiting])
        return [waiting[it] for it in chosen]

    def _waiting(self) -> list[tuple[str, Turn]]:
        """All circuits that wait, with their tenants: the first of each tenant, then the second of each, and so on."""
        placed = (
            (place, owner, turn) for owner, queue in self._queues.items() for place, turn in enumerate(queue.waiting)
        )
        return [(owner, turn) for _, owner, turn in sorted(placed, key=itemgetter(0))]

    async def _run_members(self, joint: JointRun, tenant: str, child: Borrowed) -> None:
        """Have a child of a tenant run its circuits on their regions, one after another."""
        for it in joint.members:
            it.turn.take([member.turn for member in joint.members], asyncio.current_task())
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

    def _next_joint(self, tenant: str) -> JointRun | None:
        """The run in which circuits of a tenant wait for a child; call another one for the rest."""
        queue = self._queues[tenant]
        if not queue.joint:
            return None
        queue.called, joint = False, queue.joint.popleft()
        self._call(tenant)
        return joint

    def _go_on(self, joint: JointRun, tenant: str) -> None:
        """After the circuits of a tenant, those of the others need children; the last one ends the run."""
        if tenant == joint.tenants[0]:
            for other in joint.tenants[1:]:
                self._queues[other].joint.append(joint)
                self._call(other)
        if not joint.done(tenant):
            return
        again = joint.finish(self._offer())
        for owner in joint.tenants:
            self._again(owner, [it.turn for it in again if it.tenant == owner])

    async def _run(self, tenant: str, child: Borrowed, turns: list[Turn]) -> None:
        offer, left = self._offer(), deque(turns)
        earlier = turns[0].work.calibration
        request = partial(
            self._shared.request, place=Place(tenant, offer.backend, offer.target), compiled=earlier is None
        )
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
            {**_about(offer, tenant), **head, **({} if earlier is None else {"calibration": earlier})},
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


def _sharing(tenant: str, turn: Turn) -> Sharing:
    return Sharing((tenant, turn.work.shared_device), turn.work.shots)
