"""The calendar of each backend, folded from the log, and the next step towards the window that its rule asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from queuebit_contracts.calendar import (
    BackendFreed,
    BackendReserved,
    BackendWindowCancelled,
    BackendWindowPlanned,
    PlannedWindow,
    ReservedSlot,
    WindowsRequest,
)
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.fleet import BackendCalibrationUnplanned, UnplannedCalibration
from queuebit_contracts.wire import Reason
from queuebit_isolation import CalibrationRule, Period, next_due, place, wished

__all__ = ["SERVICE", "Calendar", "next_step"]

SERVICE: Final = "fleet"
"""Who decides by rule, as facts name it."""

_CALIBRATION: Final = "calibration"

_KEPT = timedelta(days=1)
"""How long what is over is kept."""

_LEAD = timedelta(minutes=10)
"""A window begins so much later than it is planned at least: jobs that are placed may end before."""


@dataclass(slots=True)
class Calendar:
    """When one backend is taken, and what is known of its calibrations."""

    backend: str
    windows: dict[str, PlannedWindow] = field(default_factory=dict)
    reserved: dict[str, ReservedSlot] = field(default_factory=dict)
    begun: datetime | None = None
    """When the newest window for a calibration began that is no longer kept."""
    left_out: datetime | None = None
    """When the newest window by rule would have begun that a person cancelled."""
    unplanned: UnplannedCalibration | None = None
    """The newest calibration whose window had no place."""

    def take(self, event: Decoded, stored_at: datetime) -> None:
        """Fold a fact of this backend."""
        match event:
            case BackendWindowPlanned(data=it):
                self._forget(stored_at)
                self.windows[it.window] = it
            case BackendWindowCancelled(data=it):
                self._cancelled(it.window, it.cancelled_at, it.by)
            case BackendReserved(data=it):
                self._forget(stored_at)
                self.reserved[it.reservation] = it
            case BackendFreed(data=it):
                if (slot := self.reserved.pop(it.reservation, None)) is not None and it.freed_at > slot.starts_at:
                    ends_at = min(slot.ends_at, it.freed_at)
                    self.reserved[it.reservation] = slot.model_copy(update={"ends_at": ends_at})
            case BackendCalibrationUnplanned(data=it):
                self.unplanned = it
            case _:
                pass

    def calibrating(self, now: datetime) -> PlannedWindow | None:
        """The window for a calibration that is in force."""
        return next((it for it in self._calibrations() if it.starts_at <= now < it.ends_at), None)

    def last(self, calibrated: datetime | None, now: datetime) -> datetime | None:
        """When the backend was calibrated last, or could have been; None if it never was, as a simulator.

        The newest of: a calibration, the start of a window for one, a time that a person left out. A calibration in a
        window counts from the start of the window, so that the next one comes at the same time of the day.
        """
        if calibrated is None:
            return None
        begun = [it for it in self._calibrations() if it.starts_at <= now]
        calibrated = min(calibrated, now)
        inside = (it.starts_at for it in begun if it.starts_at <= calibrated <= it.ends_at)
        known = [max(inside, default=calibrated), self.begun, self.left_out, *(it.starts_at for it in begun)]
        return max(it for it in known if it is not None)

    def ahead(self, now: datetime) -> list[PlannedWindow]:
        """The windows for calibrations that have not begun."""
        return [it for it in self._calibrations() if it.starts_at > now]

    def taken(self) -> list[Period]:
        """Every window and every reservation that is kept."""
        windows = [Period(it.starts_at, it.ends_at) for it in self.windows.values()]
        return windows + [Period(it.starts_at, it.ends_at) for it in self.reserved.values()]

    def _calibrations(self) -> Iterator[PlannedWindow]:
        return (it for it in self.windows.values() if it.kind == _CALIBRATION)

    def _cancelled(self, window: str, at: datetime, by: str | None) -> None:
        it = self.windows.pop(window, None)
        if it is None:
            return
        if it.starts_at <= at:
            self.windows[window] = it.model_copy(update={"ends_at": min(at, it.ends_at)})
        elif it.by == SERVICE and by != SERVICE:
            self.left_out = it.starts_at

    def _forget(self, now: datetime) -> None:
        for it in [it for it in self.windows.values() if it.ends_at < now - _KEPT]:
            del self.windows[it.window]
            if it.kind == _CALIBRATION:
                self.begun = max(self.begun or it.starts_at, it.starts_at)
        for slot in [it for it in self.reserved.values() if it.ends_at < now - _KEPT]:
            del self.reserved[slot.reservation]


def next_step(
    calendar: Calendar, rule: CalibrationRule | None, calibrated: datetime | None, now: datetime
) -> WindowsRequest | UnplannedCalibration | None:
    """What is to be done so that exactly the window is planned that the rule asks for; None if it is.

    A window of a rule that changed, or for a calibration that came already, is cancelled first. A window for a
    calibration that a person planned about the same time counts.

    Args:
        calendar: of the backend.
        rule: of the backend; None: no window is planned.
        calibrated: when its newest calibration was made.
        now: the time.
    """
    ahead = calendar.ahead(now)
    own = [it for it in ahead if it.by == SERVICE]
    last = calendar.last(calibrated, now)
    fitting: list[PlannedWindow] = []
    if rule is not None and last is not None:
        due = next_due(rule, last)
        when = wished(rule, due, now + _LEAD)
        by_hand = [it for it in ahead if it.by != SERVICE and abs(it.starts_at - when) <= rule.within]
        fitting = by_hand or [it for it in own if (it.due_at, it.rule) == (due, rule.text)]
    if stale := [it for it in own if it not in fitting]:
        return WindowsRequest(backend=calendar.backend, cancelled=stale[0].window, by=SERVICE)
    if rule is None or last is None or fitting:
        return None
    starts_at = place(rule, due, now + _LEAD, calendar.taken())
    if starts_at is None:
        return _unplanned(calendar, rule, due, now)
    planned = PlannedWindow(
        backend=calendar.backend,
        window=f"rule-{due:%Y%m%dt%H%M%Sz}",
        kind=_CALIBRATION,
        starts_at=starts_at,
        ends_at=starts_at + rule.length,
        by=SERVICE,
        rule=rule.text,
        due_at=due,
    )
    return WindowsRequest(backend=calendar.backend, planned=(planned,))


def _unplanned(calendar: Calendar, rule: CalibrationRule, due: datetime, now: datetime) -> UnplannedCalibration | None:
    before = calendar.unplanned
    if before is not None and (before.due_at, before.rule) == (due, rule.text):
        return None
    text = (
        f"{calendar.backend} is to be calibrated at {due:%Y-%m-%d %H:%M} UTC ({rule.text}), and no free {rule.minutes} "
        "min are near enough: see `qb backend window list`, or let within_h be more"
    )
    reason = Reason(code="no_place", text=text)
    return UnplannedCalibration(backend=calendar.backend, at=now, due_at=due, rule=rule.text, reason=reason)
