"""Plans the windows for calibrations that the rules of `fleet.toml` ask for."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from queuebit_contracts.calendar import WindowsRequest
from queuebit_contracts.fleet import BackendCalibrationUnplanned, UnplannedCalibration
from queuebit_contracts.subjects import backend as backend_history
from queuebit_fleet.calendar import next_step
from queuebit_fleet.ports import Broker
from queuebit_fleet.state import KnownBackend
from queuebit_kernel import Clock, Unavailable, event_id, rfc3339
from queuebit_runtime.log import EventLog

__all__ = ["PlanCalibrations"]

_log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PlanCalibrations:
    """Does the next step for one backend. The broker appends windows, guarded by the whole calendar of the backend, and
    the name of a window follows from when its calibration is due: two processes plan one."""

    def __init__(self, log: EventLog, broker: Broker, clock: Clock) -> None:
        self._log = log
        self._broker = broker
        self._clock = clock

    async def __call__(self, known: KnownBackend) -> None:
        """Plan or cancel a window if the rule asks for it, or state that it has no place.

        Raises:
            Unavailable: a broker or the log does not answer, or knows a newer calendar; the next look decides again.
            Stale: another process stated it.
        """
        now = self._clock.now()
        newest = known.calibrated[-1].at_us if known.calibrated else None
        calibrated = None if newest is None else _EPOCH + timedelta(microseconds=newest)
        match next_step(known.calendar, known.rule, calibrated, now):
            case WindowsRequest() as request:
                answer = await self._broker.plan(request)
                if answer.errors:
                    raise Unavailable("; ".join(it.text for it in answer.errors))
                for it in request.planned:
                    _log.info("%s is calibrated from %s on: %s", it.backend, rfc3339(it.starts_at), it.rule)
            case UnplannedCalibration() as data:
                await self._state(data)
            case None:
                pass

    async def _state(self, data: UnplannedCalibration) -> None:
        name = event_id("calibration-unplanned", data.backend, rfc3339(data.due_at), data.rule)
        newest = await self._log.last(backend_history(data.backend).event("calibration_unplanned"))
        fact = BackendCalibrationUnplanned(id=name, source="qb/fleet", data=data)
        await self._log.append(fact, after=newest.sequence if newest else 0)
        _log.warning("%s", data.reason.text)
