"""Runs single circuits on the children of one backend; small ones of one tenant that wait share requests."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from queuebit_executor.answers import Described, Ran, Refused
from queuebit_executor.child_answers import read_ran
from queuebit_executor.child_worker import run_request
from queuebit_executor.policy import together
from queuebit_executor.ports import CircuitWork, RunTimer
from queuebit_executor.shared_circuits import Place, SharedCircuits
from queuebit_executor.turn import Turn
from queuebit_executor.worker_pool import Borrowed, WorkerPool
from queuebit_kernel import Unavailable
from queuebit_planning.limits import TRANSIENT, run_limit_s
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
        self, offer: Callable[[], Described], pool: WorkerPool, shared: SharedCircuits, tasks: Tasks, most_s: float
    ) -> None:
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
                if turns:
                    await self._run(tenant, child, turns)
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
        about = {"backend": offer.backend, "target": offer.target, "without": offer.without, "owner": tenant}
        refused = await child.ask_each(
            {**about, **head}, read_ran, body, take, len(turns), limit_s if len(turns) == 1 else _TOGETHER_S
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
