"""The rate limit of a vendor: a token bucket over all calls of this executor, of all tenants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from queuebit_contracts.job import Measure
from queuebit_contracts.results import ItemResult
from queuebit_contracts.wire import Digest
from queuebit_executor.answers import Refused, Submitted
from queuebit_executor.manifest import Manifest
from queuebit_executor.ports import ItemWork, Vendor
from queuebit_planning.token_bucket import TokenBucket

__all__ = ["PacedVendor"]


class PacedVendor:
    """Calls a vendor no more often than its bucket allows; calls that wait are made in their order."""

    def __init__(
        self,
        vendor: Vendor,
        bucket: TokenBucket,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._vendor = vendor
        self._bucket = bucket
        self._now = now
        self._sleep = sleep

    def max_items(self, backend: str) -> int:
        return self._vendor.max_items(backend)

    async def submit(
        self, backend: str, items: Sequence[ItemWork], owner: str, *, budget_us: int, token: str
    ) -> Submitted | Refused:
        await self._turn()
        return await self._vendor.submit(backend, items, owner, budget_us=budget_us, token=token)

    async def find(
        self, backend: str, items: Sequence[ItemWork], owner: str, token: str, *, incomplete: bool = False
    ) -> Submitted:
        await self._turn()
        return await self._vendor.find(backend, items, owner, token, incomplete=incomplete)

    async def ended(self, backend: str, handle: str, owner: str) -> bool:
        await self._turn()
        return await self._vendor.ended(backend, handle, owner)

    async def collect(
        self, backend: str, handle: str, items: Sequence[ItemWork], manifest: Manifest, owner: str
    ) -> list[ItemResult] | Refused:
        await self._turn()
        return await self._vendor.collect(backend, handle, items, manifest, owner)

    async def calibration(self, backend: str) -> Digest | None:
        return await self._vendor.calibration(backend)

    async def cancel(self, backend: str, handle: str, owner: str) -> None:
        await self._turn()
        await self._vendor.cancel(backend, handle, owner)

    async def usage(self, backend: str, handle: str, owner: str) -> tuple[Measure, ...]:
        await self._turn()
        return await self._vendor.usage(backend, handle, owner)

    async def _turn(self) -> None:
        if (wait := self._bucket.take(self._now())) > 0:
            await self._sleep(wait)
