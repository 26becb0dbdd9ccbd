"""What the handlers need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from queuebit_alerting.state import Signal
from queuebit_contracts.backend import CalibrationAttempt
from queuebit_contracts.wire import Payload
from queuebit_kernel import Unavailable

__all__ = ["BackendState", "Follows", "Keeps", "Liveness", "PartlyMeasured", "Rows", "SignalSource", "Snapshots"]


class PartlyMeasured(Unavailable):
    """A source can say something of some of its alerts only; the text says of which it cannot."""

    code = "partly_measured"

    def __init__(self, text: str, signals: Sequence[Signal]) -> None:
        super().__init__(text)
        self.signals = signals
        """What it can say."""


class SignalSource(Protocol):
    """Says what is wrong."""

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """What can be said of each alert of this source now.

        Raises:
            PartlyMeasured: something can be said of some alerts only; the others stay as they are.
            Unavailable: nothing can be said; its alerts stay as they are.
        """
        ...


class Follows(Protocol):
    """The view that folds the facts of this service."""

    async def reached(self, sequence: int) -> None:
        """Wait until the fact at a sequence is folded."""
        ...


class Rows(Protocol):
    """The warehouse."""

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:  # values as JSON
        """The rows of a query, by column. Raises `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class BackendState:
    """What the scheduler knows of the executor of a backend."""

    backend: str
    live: bool | None
    """Whether it answers; None if that is not known yet."""
    silent_since: datetime | None = None
    """The first request without an answer since the last answer."""
    calibration: CalibrationAttempt | None = None
    """The newest attempt to read its calibration."""


class Liveness(Protocol):
    """The scheduler, which asks each backend every two seconds."""

    async def backends(self) -> Sequence[BackendState]:
        """All backends that promised to answer. Raises `Unavailable`."""
        ...


class Keeps(Protocol):
    """Where the state of drift is kept between two starts. It follows from the warehouse, and may be lost."""

    async def read(self) -> bytes | None:
        """What was written last; None if nothing was."""
        ...

    async def write(self, encode: Callable[[], bytes]) -> None:
        """Replace it by what `encode` gives, in another thread; the caller changes nothing meanwhile."""
        ...


class Snapshots(Protocol):
    """Calibrations in the store of payloads."""

    async def snapshot(self, payload: Payload) -> Mapping[str, object] | None:
        """The values of a calibration; None if they are missing. Raises `Unavailable`."""
        ...
