"""The calendar of a backend: windows that its operator planned, and slots that are reserved.

All are facts of the backend, `qb.backend.<backend>.>`, and each is appended with the newest of them expected. So a
window and a reservation that overlap cannot both be stored. They name no tenant, and every tenant may follow them.

The operator plans and cancels windows on `subjects.WINDOWS_REQUEST`. So does the service `fleet`, for calibrations that
follow from a rule.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.wire import Event, Moment, Name, Reason, Wire, open_text

__all__ = [
    "MOST_WINDOWS",
    "WINDOW_KINDS",
    "BackendFreed",
    "BackendReserved",
    "BackendWindowCancelled",
    "BackendWindowPlanned",
    "FreedSlot",
    "PlannedWindow",
    "ReservedSlot",
    "WindowCancellation",
    "WindowsAnswer",
    "WindowsRequest",
]

WINDOW_KINDS: Final = ("maintenance", "calibration")
"""Why no job runs on a backend in a window."""

MOST_WINDOWS: Final = 100
"""The most windows of one request."""


class PlannedWindow(Wire):
    """No job runs on the backend in this time."""

    backend: Name
    window: Name
    """Its id; the same window again is the same fact."""
    kind: Annotated[str, open_text(*WINDOW_KINDS)]
    starts_at: Moment
    ends_at: Moment
    """The window ends before this moment."""
    note: str = Field(default="", max_length=200)
    by: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """`fleet` if it was planned by rule; absent: the operator."""
    rule: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The rule for people; absent if it follows from none."""
    due_at: Moment | None = None
    """When the calibration is due by the rule: the window is moved where that time is taken."""


class WindowCancellation(Wire):
    """A window is not needed, or ends now."""

    backend: Name
    window: Name
    cancelled_at: Moment
    by: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """`fleet` if its rule asks for another one; absent: the operator."""


class ReservedSlot(Wire):
    """A slot is reserved; its reservation says for whom."""

    backend: Name
    reservation: Name
    starts_at: Moment
    ends_at: Moment


class FreedSlot(Wire):
    """A reserved slot is free again from a moment on."""

    backend: Name
    reservation: Name
    freed_at: Moment


class BackendWindowPlanned(Event[PlannedWindow]):
    """A window was planned."""

    type: Literal["qb.backend.window_planned.v1"] = "qb.backend.window_planned.v1"


class BackendWindowCancelled(Event[WindowCancellation]):
    """A window was cancelled."""

    type: Literal["qb.backend.window_cancelled.v1"] = "qb.backend.window_cancelled.v1"


class BackendReserved(Event[ReservedSlot]):
    """A slot of a backend is reserved."""

    type: Literal["qb.backend.reserved.v1"] = "qb.backend.reserved.v1"


class BackendFreed(Event[FreedSlot]):
    """What is left of a reserved slot is free again."""

    type: Literal["qb.backend.freed.v1"] = "qb.backend.freed.v1"


class WindowsRequest(Wire):
    """Plan windows, cancel one, or, with neither, only list. All windows of a request are planned, or none."""

    backend: Name
    planned: tuple[PlannedWindow, ...] = Field(default=(), max_length=MOST_WINDOWS)
    cancelled: Name | None = None
    """The window to cancel."""
    by: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Who cancels it: `fleet`; absent: the operator."""
    displace: bool = False
    """Cancel reservations that a window overlaps. Without it, the window is refused."""


class WindowsAnswer(Wire):
    """The calendar of a backend from now on, or all reasons of a refusal."""

    windows: tuple[PlannedWindow, ...] = ()
    reserved: tuple[ReservedSlot, ...] = ()
    displaced: tuple[Name, ...] = ()
    """The reservations that were cancelled for the windows of this request."""
    errors: tuple[Reason, ...] = ()
