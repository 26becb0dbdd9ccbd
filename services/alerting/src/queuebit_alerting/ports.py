"""What the handlers need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from queuebit_alerting.state import Signal
from queuebit_kernel import Unavailable

__all__ = ["Follows", "PartlyMeasured", "Rows", "SignalSource"]


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
