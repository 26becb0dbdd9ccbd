"""A child in the hands of one job."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from queuebit_executor.answers import Described, ItemRan, Ran, Refused
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.child_answers import read_item, read_ran
from queuebit_executor.frames import joined
from queuebit_executor.ports import CircuitWork, ItemWork
from queuebit_executor.worker_pool import Borrowed, WorkerPool
from queuebit_planning.limits import TRANSIENT, run_limit_s

__all__ = ["ChildWorker", "run_request"]


def run_request(
    works: Iterable[CircuitWork], request: Callable[[BoundCircuit], tuple[Mapping[str, Any], bytes]]
) -> tuple[dict[str, Any], bytes]:  # plain JSON
    """The request to run circuits, one after another; `request` gives the form in which a child takes a circuit."""

    def one(work: CircuitWork) -> tuple[Mapping[str, Any], bytes]:
        head, body = request(BoundCircuit(work.source))
        where = {} if work.region is None else {"region": [*work.region]}
        return {
            **head,
            **where,
            "shots": work.shots,
            "seed": work.seed,
            "budget_us": work.budget_us,
            "token": work.token,
        }, body

    runs, content = joined(map(one, works))
    return {"op": "runs", "runs": runs}, content


class ChildWorker:
    """A child that runs one circuit, or one after another those that run the items of a program."""

    def __init__(
        self,
        offer: Described,
        pool: WorkerPool,
        child: Borrowed,
        held: AsyncExitStack,
        request: Callable[[BoundCircuit], tuple[Mapping[str, Any], bytes]],
        most_s: float,
        owner: str,
    ) -> None:
        self._offer = offer
        self._pool = pool
        self._child = child
        self._held = held
        self._request = request
        self._most_s = most_s
        self._owner = owner
        self._ahead: dict[str, ItemRan | Refused] = {}
        """Answers for items that ran with the ones before them, by their tokens."""
        self._alone: set[str] = set()
        """Items of a request that failed as a whole: each runs alone, so that only the one at fault fails."""

    @property
    def _about(self) -> dict[str, Any]:  # plain JSON
        offer = self._offer
        return {"backend": offer.backend, "target": offer.target, "without": offer.without, "owner": self._owner}

    @property
    def pid(self) -> int:
        """The process id of the child."""
        return self._child.child.pid

    @property
    def overhead_us(self) -> int:
        return 0 if self._offer.kind == "simulator" else self._offer.overhead_ns // 1_000

    def limit_s(self, budget_us: int) -> float:
        return run_limit_s(self._offer.kind, budget_us, self._most_s)

    async def run(self, work: CircuitWork) -> Ran | Refused:
        head, body = run_request([work], self._request)
        return await self._child.ask({**self._about, **head}, read_ran, body, self.limit_s(work.budget_us))

    async def run_item(
        self, work: ItemWork, budget_us: int, seconds: float, following: Sequence[ItemWork] = ()
    ) -> ItemRan | Refused:
        if (known := self._ahead.pop(work.token, None)) is not None:
            return known
        began = asyncio.get_running_loop().time()
        if following and self._offer.kind == "simulator" and work.token not in self._alone:
            await self._run_ahead((work, *following), seconds)
            if (known := self._ahead.pop(work.token, None)) is not None:
                return known
            seconds = max(0.0, seconds - (asyncio.get_running_loop().time() - began))
        head, body = self._item(work)
        answers: list[ItemRan | Refused] = []
        ask = {"op": "item", **head, "budget_us": budget_us}
        refused = await self._ask(ask, body, answers.append, 1, seconds)
        return answers[0] if refused is None else refused

    async def _run_ahead(self, works: Sequence[ItemWork], seconds: float) -> None:
        """Run the first of these items in one request, as many as the child takes.

        If the time of the job ends, the item that ran then is refused, and those before it keep their answers. If the
        child ends, those without an answer run alone. So does one whose failure may be due to another, such as missing
        memory.
        """
        waiting = deque(works)

        def take(answer: ItemRan | Refused) -> None:
            token = waiting.popleft().token
            if isinstance(answer, Refused) and answer.error.code in TRANSIENT:
                self._alone.add(token)
            else:
                self._ahead[token] = answer

        items, content = joined(map(self._item, works))
        refused = await self._ask({"op": "items", "items": items}, content, take, len(items), seconds)
        if refused is not None and refused.error.code == "run_timeout":
            self._ahead[waiting[0].token] = refused
        elif refused is not None:
            self._alone.update(it.token for it in waiting)

    async def _ask(
        self, head: dict[str, Any], body: bytes, take: Callable[[ItemRan | Refused], object], most: int, seconds: float
    ) -> Refused | None:  # a head is plain JSON
        if not self._child.idle:
            await self._held.aclose()
            self._child = await self._held.enter_async_context(self._pool.borrow(self._owner))
        return await self._child.ask_each({**self._about, **head}, read_item, body, take, most, seconds)

    def _item(self, work: ItemWork) -> tuple[dict[str, Any], bytes]:  # plain JSON
        head: Mapping[str, Any] = {"parameters": dict(work.item.parameters)}
        body = work.source
        if not (work.item.parameters or work.item.observables or work.options or work.post):
            head, body = self._request(BoundCircuit(body))
        return {**head, **work.head}, body
