"""The calls to a vendor about one placement, repeated until it answers; what a plugin fails at is decided here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import Protocol, TypeVar

from queuebit_contracts.job import Measure, Placement
from queuebit_contracts.results import ItemResult
from queuebit_contracts.usage import QPU_TIME, UNITS
from queuebit_contracts.wire import Digest, Reason
from queuebit_executor.answers import Refused, Submitted
from queuebit_executor.errors import VENDOR_FAILED, PluginFailed, VendorAway
from queuebit_executor.manifest import Manifest
from queuebit_executor.ports import ItemWork, Vendor
from queuebit_kernel.exact import total

__all__ = ["Insist", "VendorCalls", "added"]

_TRIES = 5
"""How often a call is made whose plugin crashes, takes too long, or returns what cannot be. Seconds if it crashes."""

_UNKNOWN = Measure(metric=QPU_TIME, quantity="0", unit=UNITS[QPU_TIME], final=False)
"""The usage of a run whose backend cannot be asked for it: the job ends, and its hold stays until it can."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Insist(Protocol):
    """Repeats a step until what it needs answers."""

    async def __call__(self, step: Callable[[], Awaitable[_T]]) -> _T: ...


class VendorCalls:
    """The vendor of one placement."""

    def __init__(self, vendor: Vendor, placed: Placement, insist: Insist, poll_s: float) -> None:
        self._vendor = vendor
        self._placed = placed
        self._insist = insist
        self._poll_s = poll_s

    async def submit(
        self, works: Sequence[ItemWork], budget_us: int, token: str, *, again: bool = False
    ) -> Submitted | Reason:
        """Submit. What may have reached the vendor before a call failed is looked for, not given up.

        `again` says that a lost executor may have submitted it. The vendor then has the earlier run, of an earlier
        compilation, and so it has after an answer that was lost: the manifest is marked.
        """
        it, unanswered = self._placed, False
        submit = partial(self._vendor.submit, it.backend, works, it.tenant, budget_us=budget_us, token=token)

        async def attempt() -> Submitted | Refused:
            nonlocal unanswered
            try:
                return await submit()
            except VendorAway:
                unanswered = True
                raise

        try:
            answer = await self._asked(attempt)
        except PluginFailed as fault:
            refused = self._failed(fault)
        else:
            if isinstance(answer, Submitted):
                return answer.maybe_earlier() if again or unanswered else answer
            refused = Reason(code=answer.error.code, text=answer.error.message)
            if not (unanswered or answer.error.code == VENDOR_FAILED):
                return refused
        found = await self.find(works, token)
        return found if found.handle is not None else refused

    async def find(self, works: Sequence[ItemWork], token: str, *, incomplete: bool = False) -> Submitted:
        """Look for a run by its token; where the plugin fails, submitting again gives the same run.

        `incomplete` finds also what a lost executor has not completed, to cancel it.
        """
        it = self._placed
        try:
            find = partial(self._vendor.find, it.backend, works, it.tenant, token, incomplete=incomplete)
            return await self._asked(find)
        except PluginFailed as fault:
            _log.error("%s cannot be looked for at %s: %s", it.job, it.backend, fault)
            return Submitted()

    async def results(
        self, handle: str, works: Sequence[ItemWork], manifest: Manifest
    ) -> list[ItemResult] | Refused | Reason:
        """Wait until the run ends, and take its results.

        A run without results is cancelled: a `Reason` where the plugin failed, a `Refused` where the vendor did.

        Raises:
            Unavailable: the vendor does not answer.
        """
        backend, owner = self._placed.backend, self._placed.tenant
        try:
            while not await self._asked(partial(self._vendor.ended, backend, handle, owner)):  # noqa: ASYNC110  # another machine
                await asyncio.sleep(self._poll_s)
            found = await self._asked(partial(self._vendor.collect, backend, handle, works, manifest, owner))
        except PluginFailed as fault:
            await self.cancel(handle)
            return self._failed(fault)
        if isinstance(found, Refused):
            await self.cancel(handle)  # its state may not be known: it must not go on for a job that has ended
        return found

    async def ended(self, handle: str) -> bool:
        """Whether the run has ended; raises `PluginFailed` too."""
        return await self._asked(partial(self._vendor.ended, self._placed.backend, handle, self._placed.tenant))

    async def calibration(self) -> Digest | None:
        """The digest of the calibration that the device has now."""
        return await self._vendor.calibration(self._placed.backend)

    async def cancel(self, handle: str) -> None:
        """Stop the run; it may go on where the plugin fails."""
        try:
            await self._asked(partial(self._vendor.cancel, self._placed.backend, handle, self._placed.tenant))
        except PluginFailed as fault:
            _log.error("%s may go on at %s as %s: %s", self._placed.job, self._placed.backend, handle, fault)

    async def usage(self, handles: Iterable[str]) -> list[Measure]:
        """What the runs used together; not final where the plugin cannot say."""
        found: list[Measure] = []
        for handle in handles:
            try:
                found += await self._asked(
                    partial(self._vendor.usage, self._placed.backend, handle, self._placed.tenant)
                )
            except PluginFailed as fault:
                _log.error("%s has used what %s cannot say: %s", self._placed.job, self._placed.backend, fault)
                found.append(_UNKNOWN)
        return added(found)

    def _failed(self, fault: PluginFailed) -> Reason:
        text = f"{self._placed.backend} was asked {_TRIES} times: {fault}"
        return Reason(code=fault.refused.error.code, text=text)

    async def _asked(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat a call until the vendor answers; raises `PluginFailed` where its plugin failed a few times."""
        failures = 0

        async def call() -> _T | PluginFailed:
            nonlocal failures
            try:
                return await step()
            except PluginFailed as fault:
                failures += 1
                if failures < _TRIES:
                    raise
                return fault

        found = await self._insist(call)
        if isinstance(found, PluginFailed):
            raise found
        return found


def added(measures: Iterable[Measure]) -> list[Measure]:
    """The sum of each metric, exact; it is final if all its parts are."""
    sums: dict[tuple[str, str], Measure] = {}
    for it in measures:
        before = sums.get((it.metric, it.unit))
        sums[it.metric, it.unit] = it if before is None else _sum(before, it)
    return list(sums.values())


def _sum(one: Measure, other: Measure) -> Measure:
    summed = total((Decimal(one.quantity), Decimal(other.quantity)))
    return one.model_copy(update={"quantity": f"{summed:f}", "final": one.final and other.final})
