"""Grants: prepaid credit of an account, burnt by charges in a fixed order, until it expires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from queuebit_kernel import Money

__all__ = ["Credit", "burn", "expiring"]

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Credit:
    """A grant, and what became of it."""

    amount: Money
    burnt: Money
    """What charges have used of it."""
    expired: Money
    """What was taken back when it expired."""
    priority: int
    """A lower one is burnt first."""
    expires_at: datetime | None
    sequence: int
    """Of its fact in the log: which of two was granted first."""

    @property
    def left(self) -> Money:
        return self.amount - self.burnt - self.expired


def burn(grants: Mapping[str, Credit], charge: Money) -> dict[str, Credit]:
    """The grants that pay for a charge, as they are afterwards; what they cannot pay, the budget does.

    They are burnt by priority, of equal ones the first to expire, of those the oldest. An expired grant that was not
    taken back yet pays, too: it was promised to what is on hold. A negative charge gives nothing back to them.
    """
    changed, rest = dict[str, Credit](), charge
    for name, it in sorted(grants.items(), key=lambda it: _order(it[1])):
        part = min(it.left, rest) if it.left.currency == rest.currency else Money.zero(rest.currency)
        if part.amount > 0:
            changed[name] = replace(it, burnt=it.burnt + part)
            rest -= part
    return changed


def expiring(grants: Iterable[Credit], currency: str, now: datetime) -> Money:
    """What is left of grants that have expired and were not taken back yet."""
    over = (it.left for it in grants if it.amount.currency == currency and (it.expires_at or _NEVER) <= now)
    return sum(over, Money.zero(currency))


def _order(it: Credit) -> tuple[int, datetime, int]:
    return it.priority, it.expires_at or _NEVER, it.sequence
