"""Scores the candidates of active jobs again after a new calibration.

Admission used the calibration of its time. The compiled operations of a candidate stay the same, so its success
probability under another calibration is a product, and needs no compiler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from pydantic import TypeAdapter

from queuebit_contracts.backend import BackendCalibrated, Calibration
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.job import Ended, JobAccepted
from queuebit_contracts.topology import COMPILED, PLATFORM
from queuebit_contracts.wire import Payload
from queuebit_kernel import Malformed, Unavailable
from queuebit_planning.fidelity import Errors, errors_in, esp_ppm, read_operations
from queuebit_runtime.payloads import Missing, PayloadStore
from queuebit_scheduling import Key

__all__ = ["RescoreJobs"]

_log = logging.getLogger(__name__)

_AGAIN_S = 1.0
"""Pause before a failed read of the payload store is repeated."""


@dataclass(frozen=True, slots=True)
class _Scored:
    """A candidate's operations, and the calibration that its success probability belongs to."""

    calibration: str | None
    operations: Payload


_Newest = dict[str, Calibration]
_ScoredJob = tuple[Key, dict[str, _Scored]]


class RescoreJobs:
    """Keeps the success probabilities of active jobs current; a candidate without operations keeps its own."""

    def __init__(
        self, payloads: PayloadStore, rescore: Callable[[Key, str, int], bool], wake: Callable[[], None]
    ) -> None:
        """Prepare.

        Args:
            payloads: where calibrations and large operations lie.
            rescore: takes a job, a backend and parts per million; says whether that changed anything.
            wake: asks for a decision, since a success probability changed.
        """
        self._payloads = payloads
        self._rescore = rescore
        self._wake = wake
        self._jobs: dict[Key, dict[str, _Scored]] = {}
        self._newest: dict[str, Calibration] = {}
        self._errors: dict[str, tuple[str, Errors | None]] = {}
        """By backend: of which calibration, and what it says."""
        self._stale: dict[tuple[Key, str], None] = {}
        self._moved = asyncio.Event()

    def evolve(self, event: Decoded) -> None:
        """Fold one event of the log."""
        match event:
            case JobAccepted(data=data):
                key = (data.tenant, data.job)
                scored = {it.backend: _Scored(it.calibration, it.operations) for it in data.everywhere if it.operations}
                if scored:
                    self._jobs[key] = scored
                    self._mark((key, backend) for backend in scored)
            case BackendCalibrated(data=data):
                self._newest[data.backend] = data
                self._mark((key, data.backend) for key in self._jobs)
            case _ if isinstance(event, Ended):
                self._jobs.pop((event.data.tenant, event.data.job), None)

    def freeze(self) -> Callable[[], Iterator[bytes]]:
        """Copy what the log says, and how far it was followed."""
        newest, jobs = {**self._newest}, [(key, {**scored}) for key, scored in self._jobs.items()]

        def encode() -> Iterator[bytes]:
            yield _newest().dump_json(newest)
            yield from map(_scored_job().dump_json, jobs)

        return encode

    def thaw(self, records: Iterable[bytes]) -> Callable[[], None]:
        """Read what was frozen; the result makes it the state.

        Raises:
            ValueError: the records are of another form.
        """
        first, *others = records
        newest, jobs = _newest().validate_json(first), dict(map(_scored_job().validate_json, others))

        def fill() -> None:
            self._newest.update(newest)
            self._jobs.update(jobs)
            for key, scored in jobs.items():
                self._mark((key, backend) for backend in scored)

        return fill

    def _mark(self, candidates: Iterable[tuple[Key, str]]) -> None:
        for key, backend in candidates:
            scored, newest = self._jobs[key].get(backend), self._newest.get(backend)
            if scored is not None and newest is not None and newest.digest != scored.calibration:
                self._stale[key, backend] = None
        if self._stale:
            self._moved.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await self.rescore()
            except Unavailable as error:
                _log.warning("%d candidates wait to be scored again: %s", len(self._stale), error)
                await asyncio.sleep(_AGAIN_S)
                self._moved.set()

    async def rescore(self) -> None:
        """Score stale candidates.

        Raises:
            Unavailable: the payload store did not answer; the rest stays stale.
        """
        known: dict[tuple[str, str], int | None] = {}
        changed = False
        while self._stale:
            key, backend = next(iter(self._stale))
            newest, scored = self._newest[backend], self._jobs.get(key, {}).get(backend)
            if scored is not None:
                score = (newest.digest, scored.operations.digest)
                if score not in known:
                    known[score] = await self._score(newest, scored.operations)
                changed |= self._take(key, backend, newest.digest, known[score])
            if self._newest[backend] is newest:  # otherwise a newer calibration came during the read
                self._stale.pop((key, backend), None)
            await asyncio.sleep(0)  # thousands of jobs must not keep the fold and the next decision waiting
        if changed:
            self._wake()

    def _take(self, key: Key, backend: str, calibration: str, ppm: int | None) -> bool:
        """Note a score unless the job ended during the read; return whether it changed."""
        candidates = self._jobs.get(key)
        if candidates is None:
            return False
        candidates[backend] = replace(candidates[backend], calibration=calibration)
        return ppm is not None and self._rescore(key, backend, ppm)

    async def _score(self, calibration: Calibration, operations: Payload) -> int | None:
        """The success probability in parts per million; None where what it needs cannot be read."""
        try:
            errors = await self._errors_of(calibration)
            if errors is None:
                return None
            return esp_ppm(read_operations(await self._payloads.get(COMPILED, operations)), errors)
        except (Missing, Malformed) as error:
            _log.error("a candidate on %s keeps its score: %s", calibration.backend, error)
            return None

    async def _errors_of(self, calibration: Calibration) -> Errors | None:
        digest, errors = self._errors.get(calibration.backend, ("", None))
        if digest != calibration.digest:
            errors = errors_in(await self._payloads.get(PLATFORM, calibration.snapshot))
            self._errors[calibration.backend] = calibration.digest, errors
        return errors


@cache
def _newest() -> TypeAdapter[_Newest]:
    return TypeAdapter(_Newest)


@cache
def _scored_job() -> TypeAdapter[_ScoredJob]:
    return TypeAdapter(_ScoredJob)
