"""The part of I2 about what is free: no hold overdraws its account, nor the cap of its session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from queuebit_audit.records import AccountEntry

__all__ = ["AccountFold", "overdrawn"]

_NOTHING = Decimal(0)


@dataclass(slots=True)
class AccountFold:
    """An account, entry by entry. The cap of an open session keeps on hold what its jobs do not use."""

    free: Decimal = _NOTHING
    caps: dict[str, Decimal] = field(default_factory=dict)
    """By open session."""
    used: dict[str, Decimal] = field(default_factory=dict)
    """By session: what is held for its jobs and what they cost."""
    late: dict[str, Decimal] = field(default_factory=dict)
    """By session: what corrections added after its jobs were settled; no cap can know that before."""
    session_of: dict[str, str] = field(default_factory=dict)
    """By job that holds in a session."""

    def take(self, entry: AccountEntry) -> None:
        session = entry.session or self.session_of.get(entry.job, "")
        kept = self._kept(session), self._kept(entry.job)
        match entry.name:
            case "funded":
                self.free += entry.amount
            case "cap":
                self.caps[entry.job] = entry.amount
            case "held":
                self.free -= entry.amount
                self._use(session, entry.amount)
                if session:
                    self.session_of[entry.job] = session
            case "released" if entry.job in self.caps:
                del self.caps[entry.job]
            case "corrected":
                self.free -= entry.amount
                self._use(session, entry.amount)
                if session:
                    self.late[session] = self.late.get(session, _NOTHING) + max(entry.amount, _NOTHING)
            case _:
                self.free += entry.released
                self._use(session, -entry.released)
        self.free += kept[0] - self._kept(session) + kept[1] - self._kept(entry.job)

    def over(self, session: str) -> Decimal:
        """What the jobs of an open session hold and cost above its cap."""
        if session not in self.caps:
            return _NOTHING
        return self.used.get(session, _NOTHING) - self.late.get(session, _NOTHING) - self.caps[session]

    def _use(self, session: str, amount: Decimal) -> None:
        if session:
            self.used[session] = self.used.get(session, _NOTHING) + amount

    def _kept(self, session: str) -> Decimal:
        return (
            max(self.caps[session] - self.used.get(session, _NOTHING), _NOTHING) if session in self.caps else _NOTHING
        )


def overdrawn(entries: Sequence[AccountEntry]) -> Iterator[str]:
    """An operator may cut a budget below what is spent; a hold may not exceed what is free, or left of a cap."""
    fold, currency = AccountFold(), entries[0].currencies[0]
    for entry in entries:
        if set(entry.currencies) != {currency}:
            yield f"sequence {entry.sequence} counts in {', '.join(entry.currencies)}: the account is in {currency}"
            return
        before = fold.free
        fold.take(entry)
        if entry.name in ("held", "cap") and fold.free < min(before, _NOTHING):
            yield f"sequence {entry.sequence} holds {entry.amount} for {entry.job}, which overdraws it by {-fold.free}"
        if entry.name == "held" and (over := fold.over(entry.session)) > 0:
            yield (
                f"sequence {entry.sequence} holds {entry.amount} for {entry.job}, which exceeds the cap of session "
                f"{entry.session} by {over}"
            )
