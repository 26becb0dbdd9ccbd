"""Drift as a source of alerts: follows the warehouse in steps, and keeps the state of all monitors (ADR 0085)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from queuebit_alerting.drift_rows import (
    FIRST,
    SHORTEST,
    STEP_KINDS,
    StepKind,
    calibrated,
    ended,
    kinds_of_steps,
    ran,
    spent,
)
from queuebit_alerting.drifting import ALERTNAME, drift_signals, stream_of
from queuebit_alerting.ports import Keeps, Rows, Snapshots
from queuebit_alerting.state import Signal
from queuebit_contracts.backend import Calibration
from queuebit_drift import BadState, Watch
from queuebit_kernel import Clock, Unavailable

__all__ = ["WatchDrift"]

_PAST: Final = timedelta(days=30)
"""How much of the past is taken where there is no state: waits need a fortnight, and spend four weeks."""
_LATE: Final = timedelta(minutes=1)
"""How long after its end a step is asked for."""
_PAUSE_S: Final = 0.2
"""Between two steps of the past: the warehouse answers people, too."""
_LOOK_S: Final = 10.0
"""Between two looks whether a step is over."""
_STORE_S: Final = 60.0
"""Between two writes of the state while the past is taken."""

_logger = logging.getLogger(__name__)


class WatchDrift:
    """Takes each step once, in order, and says which streams drift when it has reached the present.

    The state of monitors and how far each kind of step is are stored together: after a restart, no sample is missing
    or taken twice. Without a state, the last 30 days are taken in the background.
    """

    def __init__(
        self,
        warehouse: Rows,
        complete: Callable[[], Awaitable[None]],
        snapshots: Snapshots,
        keeps: Keeps,
        firing: Callable[[], Iterable[Mapping[str, str]]],
        clock: Clock,
        *,
        room: int,
        shortest: timedelta = SHORTEST,
    ) -> None:
        """Prepare.

        Args:
            warehouse: what is asked.
            complete: raises `Unavailable` while the warehouse lacks a part of the log.
            snapshots: reads calibrations that are too large for their fact.
            keeps: where the state is stored.
            firing: the labels of all alerts that fire.
            clock: the time.
            room: how many values monitors may keep.
            shortest: the length of the steps of results and calibrations; hours and days stay what they are.
        """
        self._warehouse = warehouse
        self._complete = complete
        self._snapshots = snapshots
        self._keeps = keeps
        self._firing = firing
        self._clock = clock
        self._room = room
        self._kinds = kinds_of_steps(shortest)
        self._watch = Watch(room)
        self._reached: dict[str, int] = {}
        """By kind of step: the end of the last one, in seconds since 1970."""
        self._stored_at = float("-inf")
        self._changed = False
        """Whether a step was taken since the state was stored."""
        self._is_present = False
        self._trouble = ""
        """Why the newest steps are missing; empty if none is."""
        self._unstored = ""
        """Why the state could not be stored the last time; empty if it was."""

    @property
    def detail(self) -> dict[str, str | int]:
        """How many streams there are, and up to when they are known."""
        return {"streams": len(self._watch), **({"drift_until": self._until} if self._reached else {})}

    @property
    def _until(self) -> str:
        return f"{datetime.fromtimestamp(self._reached.get('ran', 0), UTC):%Y-%m-%d %H:%M}"

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """A signal for each stream that drifts, and for each alert whose stream does not; see `SignalSource`.

        While the past is taken, nothing is said: `detail` says how far it is.
        """
        if not self._is_present:
            return []
        if self._trouble:
            raise Unavailable(self._trouble)
        found = drift_signals(self._watch.drifts, now)
        mine = (it for it in self._firing() if it.get("alertname") == ALERTNAME)
        over = [Signal(it, {}, firing=False, at=now) for it in mine if self._watch.drift(stream_of(it)) is None]
        return [*found, *over]

    async def run(self) -> NoReturn:
        """Take steps until cancelled."""
        await self.restore()
        while True:
            more = await self.advance()
            await asyncio.sleep(_PAUSE_S if more else _LOOK_S)

    async def advance(self) -> bool:
        """Take the next step of each kind, and note why nothing can be said; return whether there was a step."""
        try:
            more = await self._step()
            if self._changed and (not more or self._clock.monotonic() - self._stored_at >= _STORE_S):
                await self._store()
        except Unavailable as error:
            self._trouble = f"drift: {error}"
            return False
        self._is_present = self._is_present or not more
        self._trouble = ""
        return more

    async def restore(self) -> None:
        """Continue with the stored state; without a usable one, begin with the past."""
        try:
            stored = await self._keeps.read()
            if stored is not None:
                document = json.loads(stored)
                reached = {name: int(document["reached"][name]) for name in STEP_KINDS}
                self._watch, self._reached = Watch.restored(document["watch"], self._room), reached
        except (ArithmeticError, BadState, KeyError, RecursionError, TypeError, ValueError) as error:
            _logger.warning(
                "the state of drift cannot be used, the last %d days are taken again: %s", _PAST.days, error
            )

    async def _step(self) -> bool:
        """Take the next step of each kind that is over; return whether there was one.

        Raises:
            Unavailable: the warehouse does not answer, or lacks a part of the log: the step is taken later.
        """
        await self._complete()
        due = self._clock.now() - _LATE
        first = (due - _PAST).timestamp()
        took = [
            await self._take_step(name, it, due, self._reached.get(name, int(first)))
            for name, it in self._kinds.items()
        ]
        self._changed = self._changed or any(took)
        return any(took)

    async def _store(self) -> None:
        """Store the state; if that is impossible, go on, and try it with the next step: only a restart would notice."""
        self._stored_at = self._clock.monotonic()
        try:
            await self._keeps.write(
                lambda: json.dumps({"reached": self._reached, "watch": self._watch.state()}).encode()
            )
        except Unavailable as error:
            if not self._unstored:
                _logger.warning("the state of drift is not stored, a restart takes its steps again: %s", error)
            self._unstored = str(error)
        else:
            self._changed, self._unstored = False, ""

    async def _take_step(self, name: str, kind: StepKind, due: datetime, reached: int) -> bool:
        """Take the next step of a kind with anything in it, or pass over all empty ones."""
        every = int(kind.every.total_seconds())
        last = int(due.timestamp()) // every * every
        if reached > last + every:  # the clock was ahead: without this, nothing is taken until it is there again
            _logger.warning("steps of drift were taken up to a later time than now: the clock was changed")
            self._reached[name] = last
        if reached >= last:
            return False
        since = reached if last - reached == every else await self._next(kind, reached, last)
        if since >= last:
            self._reached[name] = last
            return True
        found = await self._warehouse.rows(kind.sql, {"since": str(since), "until": str(since + every)})
        await self._take(name, found, datetime.fromtimestamp(since, UTC))
        self._reached[name] = since + every
        return True

    async def _next(self, kind: StepKind, reached: int, last: int) -> int:
        """The begin of the next step with anything in it; `last` if there is none."""
        every = int(kind.every.total_seconds())
        types = "[" + ",".join(f"'{it}'" for it in kind.types) + "]"
        rows = await self._warehouse.rows(FIRST, {"types": types, "since": str(reached)})
        return int(rows[0]["at"]) // every * every if rows else last

    async def _take(self, name: str, rows: Sequence[Mapping[str, Any]], since: datetime) -> None:
        match name:
            case "ran":
                ran(self._watch, rows)
            case "calibrated":
                until = since + self._kinds[name].every
                for it in rows:
                    await self._calibrated(str(it["event_id"]), str(it["data"]), until)
            case "ended":
                for stream, sample in ended(rows, since):
                    self._watch.take(stream, sample)
            case "spent":
                for stream, sample in spent(rows, since.date()):
                    self._watch.take(stream, sample)

    async def _calibrated(self, event: str, data: str, until: datetime) -> None:
        """Take a calibration; a vendor's time in the future counts as the end of the step, or no later one would."""
        try:
            it = Calibration.model_validate_json(data)
            it = it.model_copy(update={"calibrated_at": min(it.calibrated_at, until)})
        except ValidationError:  # it breaks its contract: the warehouse has it all the same
            return
        for stream, sample in calibrated(event, it, await self._snapshots.snapshot(it.snapshot)):
            self._watch.take(stream, sample)
