"""Appends what this executor offers to the log, at the start and after each change."""

from __future__ import annotations

from collections.abc import Sequence

from queuebit_contracts import subjects
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.wire import Reason, UnknownEvent
from queuebit_executor import events
from queuebit_executor.answers import Described
from queuebit_executor.instance import Instance
from queuebit_executor.ports import Circuits
from queuebit_kernel import Clock, Stale
from queuebit_runtime.log import EventLog, Unreadable
from queuebit_runtime.payloads import PayloadStore

__all__ = ["AnnounceBackends"]

_TRIES = 5


class AnnounceBackends:
    """Append what the log does not contain yet. Several executors of one stack may do so concurrently."""

    def __init__(
        self, log: EventLog, payloads: PayloadStore, circuits: Circuits, clock: Clock, *, me: Instance
    ) -> None:
        self._log = log
        self._payloads = payloads
        self._circuits = circuits
        self._clock = clock
        self._me = me

    async def __call__(self, offers: Sequence[Described]) -> None:
        for offer in offers:
            await self._say(events.registered(self._me, offer, self._clock.now()))
        for offer in offers:
            if offer.calibration is not None:
                await self._calibrate(offer.backend, offer.calibration)

    async def failed(self, backend: str, reason: Reason) -> None:
        """Append that a device's calibration could not be read."""
        event = events.calibration_failed(self._me, backend, reason, self._clock.now())
        _, sequence = await self._said(subjects.subject_of(event))
        await self._log.append(event, after=sequence)

    async def _calibrate(self, backend: str, digest: str) -> None:
        newest, _ = await self._said(subjects.backend(backend).event("calibrated"))
        if newest is not None and newest.data.digest == digest:
            return
        content = await self._circuits.calibration(backend)
        snapshot = await self._payloads.put(PLATFORM, content, "application/json")
        await self._say(events.calibrated(self._me, backend, content, snapshot, self._clock.now()))

    async def _say(self, event: BackendRegistered | BackendCalibrated) -> None:
        subject = subjects.subject_of(event)
        for _ in range(_TRIES):
            newest, sequence = await self._said(subject)
            if newest is not None and newest.data == event.data:
                return
            try:
                await self._log.append(event, after=sequence)
            except Stale:
                continue
            return
        raise Stale(
            f"{subject} keeps changing: two executors may offer different backends under one stack: stop one of them"
        )

    async def _said(self, subject: str) -> tuple[AnyEvent | None, int]:
        """The newest known event on a subject and the sequence to guard the next with; nonsense before it is none."""
        try:
            newest = await self._log.last(subject)
        except Unreadable as nonsense:
            return None, nonsense.sequence
        if newest is None:
            return None, 0
        return None if isinstance(newest.event, UnknownEvent) else newest.event, newest.sequence
