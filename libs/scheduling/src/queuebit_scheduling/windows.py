"""Periods in which a backend is not free for every job: reservations, maintenance and calibration."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A period of a backend, from `start_us` until just before `end_us`."""

    start_us: int
    end_us: int
    kind: str
    """Such as `reservation`, `maintenance` or `calibration`; may grow."""
    tenant: str | None = None
    """The tenant that it is reserved for; None if it is for no job."""
    reservation: str | None = None
    """The id of the reservation; None for other kinds."""

    @property
    def place(self) -> tuple[int, int, str, str, str]:
        """What windows of one backend are sorted by."""
        return self.start_us, self.end_us, self.kind, self.tenant or "", self.reservation or ""
