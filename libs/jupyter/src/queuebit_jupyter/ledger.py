"""What the jobs of one notebook cost. The sum is the notebook's own: budgets of the platform know all jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from queuebit import Money, Status

__all__ = ["Entry", "Ledger"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one job may cost, and what it did."""

    most: Money | None
    """Its highest cost; None where it has no limit."""
    charge: Money | None = None
    """None until it is billed."""


@dataclass(slots=True)
class Ledger:
    """The jobs of a notebook; a job that several cells return counts once."""

    cap: Money | None = None
    _entries: dict[str, Entry] = field(default_factory=dict)

    def add(self, job: str, most: Money | None) -> None:
        """Count a job from now on."""
        self._entries.setdefault(job, Entry(most))

    def note(self, status: Status) -> None:
        """Take over the charge of a job that was added."""
        charge = Money.zero() if status.state == "rejected" else status.charge
        if charge is not None and status.job in self._entries:
            self._entries[status.job] = Entry(self._entries[status.job].most, charge)

    @property
    def unbilled(self) -> tuple[str, ...]:
        """Jobs whose charge is not known yet."""
        return tuple(job for job, entry in self._entries.items() if entry.charge is None)

    def totals(self) -> Mapping[str, Money]:
        """All charges so far, by currency; amounts of different currencies are not added."""
        totals: dict[str, Money] = {}
        for entry in self._entries.values():
            if entry.charge is not None and entry.charge.amount:
                currency = entry.charge.currency
                totals[currency] = totals.get(currency, Money.zero(currency)) + entry.charge
        return totals

    def limit(self, asked: Money | None) -> Money | None:
        """The highest cost of the next job: what was asked, but no more than the cap has left.

        A job that is not billed yet counts with its highest cost. One without a limit leaves nothing.
        """
        if self.cap is None:
            return asked
        left = self.cap
        for entry in self._entries.values():
            due = entry.charge or entry.most or self.cap
            if due.currency == left.currency:
                left = left - due
        left = max(left, Money.zero(left.currency))
        return left if asked is None or asked.currency != left.currency else min(asked, left)

    def __len__(self) -> int:
        return len(self._entries)
