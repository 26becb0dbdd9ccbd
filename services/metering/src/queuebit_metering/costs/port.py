"""What the poller needs of a vendor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from queuebit_kernel import Unavailable

__all__ = ["Cost", "CostReader", "CostsUnavailable", "cost_of_day", "cost_of_month"]


class CostsUnavailable(Unavailable):
    """A vendor does not say its costs: it does not answer, refuses the credentials, or answers something else.

    The text never contains a secret. The next poll asks again.
    """

    code = "costs_unavailable"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a vendor says that a period costs so far; it may still change."""

    period: str
    """A day such as `2026-11-05`, or a month such as `2026-11` where the vendor says no days."""
    start: datetime
    end: datetime
    """Half-open."""
    amounts: Mapping[str, Decimal]
    """By currency; without usage, 0 in the expected one."""


class CostReader(Protocol):
    """Asks one vendor for its costs."""

    @property
    def vendor(self) -> str:
        """The vendor's name: that of the reader of its bills."""
        ...

    async def read(self, first: date, last: date) -> list[Cost]:
        """The costs of each period from a first to a last day, both included; oldest first, each once.

        Raises:
            CostsUnavailable: any of them is not known.
        """
        ...


def cost_of_day(day: date, amounts: Mapping[str, Decimal]) -> Cost:
    """The costs of a day."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Cost(f"{day:%Y-%m-%d}", start, start + timedelta(days=1), amounts)


def cost_of_month(year: int, month: int, amounts: Iterable[tuple[str, Decimal]]) -> Cost:
    """The costs of a month."""
    start = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return Cost(f"{start:%Y-%m}", start, end, dict(amounts))
