"""A child in the hands of one job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from queuebit_executor.answers import Described, ItemRan, Ran, Refused
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.child_answers import read_item, read_items, read_ran
from queuebit_executor.frames import Frame
from queuebit_executor.ports import ItemWork
from queuebit_executor.worker_pool import Borrowed, WorkerPool
from queuebit_planning.limits import run_limit_s

__all__ = ["ChildWorker"]

_T = TypeVar("_T")

_TOGETHER_BYTES = 4 << 20
"""Sources that one request for several items contains."""


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
    def _about(self) -> dict[str, str]:
        return {"backend": self._offer.backend, "target": self._offer.target, "owner": self._owner}

    @property
    def overhead_us(self) -> int:
        return 0 if self._offer.kind == "simulator" else self._offer.overhead_ns // 1_000

    def limit_s(self, budget_us: int) -> float:
        return run_limit_s(self._offer.kind, budget_us, self._most_s)

    async def run(self, source: bytes, shots: int, seed: int, *, budget_us: int, token: str) -> Ran | Refused:
        work = {"shots": shots, "seed": seed, "budget_us": budget_us, "token": token}
        head, body = self._request(BoundCircuit(source))
        ask = {"op": "run", **self._about, **work, **head}
        return await self._child.ask(ask, read_ran, body, self.limit_s(budget_us))

    async def run_item(
        self, work: ItemWork, budget_us: int, seconds: float, following: Sequence[ItemWork] = ()
    ) -> ItemRan | Refused:
        if (known := self._ahead.pop(work.token, None)) is not None:
            return known
        began = asyncio.get_running_loop().time()
        if following and self._offer.kind == "simulator" and work.token not in self._alone:
            works = (work, *following)
            found = await self._ask(*self._together(works), read_items, seconds)
            if not isinstance(found, Refused):
                self._ahead = {it.token: answer for it, answer in zip(works, found, strict=False)}
                return self._ahead.pop(work.token)
            if found.error.code == "run_timeout":
                return found
            self._alone.update(it.token for it in works)
            seconds -= asyncio.get_running_loop().time() - began
        head, body = self._item(work)
        return await self._ask({"op": "item", **head, "budget_us": budget_us}, body, read_item, seconds)

    async def _ask(
        self, head: dict[str, Any], body: bytes, read: Callable[[Frame], _T | Refused], seconds: float
    ) -> _T | Refused:  # a head is plain JSON
        if not self._child.idle:
            await self._held.aclose()
            self._child = await self._held.enter_async_context(self._pool.borrow())
        return await self._child.ask({**self._about, **head}, read, body, seconds)

    def _together(self, works: Sequence[ItemWork]) -> tuple[dict[str, Any], bytes]:  # plain JSON
        """One request for several items; a source that many of them share is sent once."""
        items: list[dict[str, Any]] = []
        content, last = bytearray(), b""
        for work in works:
            head, body = self._item(work)
            if items and len(content) + len(body) > _TOGETHER_BYTES:
                break
            if not items or body != last:
                head["size"], last = len(body), body
                content += body
            items.append(head)
        return {"op": "items", "items": items}, bytes(content)

    def _item(self, work: ItemWork) -> tuple[dict[str, Any], bytes]:  # plain JSON
        head: Mapping[str, Any] = {"parameters": dict(work.item.parameters)}
        body = work.source
        if not work.item.parameters and not work.item.observables:
            head, body = self._request(BoundCircuit(body))
        return {
            **head,
            "observables": [dict(it) for it in work.item.observables],
            "outputs": [*work.outputs],
            "shots": work.shots,
            "seed": work.seed,
            "token": work.token,
        }, body
