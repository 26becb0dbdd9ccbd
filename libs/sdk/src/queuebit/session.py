"""Sessions: jobs that share a tag, a backend and the most that they may cost together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any

from queuebit.amounts import money_of
from queuebit.errors import InvalidInput, Reason, Refused
from queuebit.inputs import plain_name
from queuebit.mapping import Mapped, Progress, map_circuits
from queuebit.session_ledger import SessionCost, SessionLedger
from queuebit_kernel import Money

if TYPE_CHECKING:
    from queuebit.amounts import Amount
    from queuebit.client import AsyncClient
    from queuebit.job import AsyncJob

__all__ = ["AsyncSession"]


class AsyncSession:
    """Jobs that belong together. Use it as `async with client.session(...) as session`."""

    def __init__(self, client: AsyncClient, backend: str | None, max_cost: Amount | None, name: str | None) -> None:
        self.name = plain_name("session", f"session-{token_hex(6)}" if name is None else name)
        """The tag of its jobs."""
        self.backend = backend
        self.max_cost = None if max_cost is None else money_of(max_cost)
        self._client = client
        self._ledger = SessionLedger()
        self._turn = asyncio.Lock()
        self._closed = False

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take no more jobs; those that are submitted continue."""
        self._closed = True

    async def submit(self, circuit: object, **options: Any) -> AsyncJob:
        """Submit a job; the arguments are those of `AsyncClient.submit`.

        With the session's `max_cost` it waits until the job is admitted, which is refused if it could cost more than
        is left.

        Raises:
            InvalidInput: the session is closed, or the job cannot be sent.
            Refused: nothing is left; nothing was sent.
        """
        if self._closed:
            raise InvalidInput(f"session {self.name} is closed: open a new one")
        options = {"backend": self.backend, **options, "tags": [*options.get("tags", ()), self.name]}
        if self.max_cost is None:
            job = await self._client.submit(circuit, **options)
            self._ledger.enter(job)
            return job
        async with self._turn:
            most = _lower(await self._left(self.max_cost), options.get("max_cost"))
            job = await self._client.submit(circuit, **{**options, "max_cost": most})
            await self._ledger.admit(job, most)
        return job

    async def map(
        self,
        circuits: Iterable[object],
        *,
        concurrency: int = 16,
        key: str | None = None,
        timeout: float | None = None,
        report: Callable[[Progress], None] | None = None,
        **options: Any,
    ) -> Mapped:
        """As `AsyncClient.map`, with jobs of the session."""
        return await map_circuits(self.submit, circuits, concurrency, key, timeout, report, options)

    async def cost(self) -> SessionCost:
        """What the jobs of this object cost so far, and what is held for them."""
        return await self._ledger.cost()

    async def _left(self, most: Money) -> Money:
        """What is left; bills are read only where the holds leave no room for another job like the largest."""
        left = self._ledger.left_of(most)
        if not self._ledger.fits_another(left):
            await self._ledger.read_bills()
            left = self._ledger.left_of(most)
        if left.amount <= 0:
            text = (
                f"session {self.name} may cost {most}, which is charged or held: wait for its jobs, or open a new one"
            )
            raise Refused([Reason("session_cost", text)])
        return left


def _lower(left: Money, asked: Amount | None) -> Money:
    """What a job may cost: no more than is left, and no more than was asked for."""
    most = left if asked is None else money_of(asked)
    if most.currency != left.currency:
        raise InvalidInput(
            f"max_cost is in {most.currency}, and that of the session in {left.currency}: give one currency"
        )
    return min(left, most, key=lambda it: it.amount)
