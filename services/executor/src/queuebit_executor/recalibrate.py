"""Reads the calibrations of devices again on a schedule."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from queuebit_contracts.backend import CalibrationAttempt
from queuebit_contracts.wire import Reason
from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.answers import Described
from queuebit_kernel import Clock, Stale, Unavailable

__all__ = ["Recalibrate"]

_log = logging.getLogger(__name__)


class Recalibrate:
    """Calibrates each device every `every_s` seconds, and passes the new description of each that changed."""

    def __init__(
        self,
        circuits: ChildCircuits,
        every_s: float,
        clock: Clock,
        changed: Callable[[Described], Awaitable[None]],
        failed: Callable[[str, Reason], Awaitable[None]],
    ) -> None:
        self._circuits = circuits
        self._every_s = every_s
        self._clock = clock
        self._changed = changed
        self._failed = failed
        self.newest: dict[str, CalibrationAttempt] = {}
        """The newest attempt of each device."""

    async def run(self, offers: Sequence[Described]) -> None:
        """Work until cancelled.

        A device that does not answer keeps its calibration; a change that the log does not take is passed again later.
        """
        known = {offer.backend: offer for offer in offers if offer.calibration is not None}
        while known:
            await asyncio.sleep(self._every_s)
            for backend, before in known.items():
                try:
                    now = await self._circuits.recalibrate(backend)
                    if now != before:
                        await self._changed(now)
                        known[backend] = now
                        _log.info("%s has a new calibration: %s", backend, now.calibration)
                except (Stale, Unavailable) as fault:
                    _log.warning("%s keeps its calibration: %s: %s", backend, fault.code, fault)
                    await self._note_failure(backend, Reason(code=fault.code, text=str(fault)))
                else:
                    self.newest[backend] = CalibrationAttempt(attempted_at=self._clock.now())

    async def _note_failure(self, backend: str, reason: Reason) -> None:
        """Keep why an attempt failed; pass it unless the attempt before failed for the same reason."""
        now, before = self._clock.now(), self.newest.get(backend)
        since = (before and before.failing_since) or now
        if before is None or before.reason is None or before.reason.code != reason.code:
            try:
                await self._failed(backend, reason)
            except (Stale, Unavailable) as fault:
                _log.warning("the log did not take why %s keeps its calibration: %s", backend, fault)
        self.newest[backend] = CalibrationAttempt(attempted_at=now, failing_since=since, reason=reason)
