"""The part of I2 about budgets of tenants: no hold exceeds what a budget has left in its window.

A second implementation of what the broker decides by, over the same facts in the order of the log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from queuebit_audit.records import AccountEntry
from queuebit_contracts.tenants import Budget
from queuebit_ledger import first_day

__all__ = ["BudgetFold"]

_NOTHING = Decimal(0)
_Key = tuple[str, str]
"""A budget by name and currency."""


@dataclass(slots=True)
class _Used:
    """What counts against a budget."""

    held: Decimal = _NOTHING
    spent: dict[int, Decimal] = field(default_factory=dict)
    """By day."""
    late: dict[int, Decimal] = field(default_factory=dict)
    """Of that, what corrections added, by day: a broker may hold a moment before it reads one."""

    def total(self, window: str, day: int) -> Decimal:
        """What counts on a day, without what was corrected upwards on that day."""
        first = first_day(window, date.fromordinal(day))
        begin = 0 if first is None else first.toordinal()
        spent = sum((amount for it, amount in self.spent.items() if it >= begin), _NOTHING)
        return self.held + spent - self.late.get(day, _NOTHING)


@dataclass(frozen=True, slots=True)
class _OpenHold:
    amount: Decimal
    budgets: tuple[str, ...]
    session: str


@dataclass(slots=True)
class _Tenant:
    """The holds of a tenant that name budgets, and what they come to."""

    used: defaultdict[_Key, _Used] = field(default_factory=lambda: defaultdict(_Used))
    holds: dict[str, _OpenHold] = field(default_factory=dict)
    caps: dict[str, _OpenHold] = field(default_factory=dict)
    """Of open sessions."""
    in_sessions: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """By session: what is held for its jobs and what they cost."""

    def kept(self, session: str) -> Decimal:
        """What the cap of an open session keeps for its jobs."""
        cap = self.caps.get(session)
        return _NOTHING if cap is None else max(cap.amount - self.in_sessions[session], _NOTHING)

    def count(self, entry: AccountEntry) -> None:
        """Fold one entry."""
        hold = self.holds.get(entry.job)
        session = entry.session or (hold.session if hold else entry.job)
        cap, before = self.caps.get(session), self.kept(session)
        match entry.name:
            case "cap":
                cap = self.caps[entry.job] = _OpenHold(entry.amount, entry.budgets, "")
            case "held":
                self.holds[entry.job] = _OpenHold(entry.amount, entry.budgets, entry.session)
                self._move(entry, entry.budgets, entry.session, entry.amount, _NOTHING)
            case "released" if entry.job in self.caps:
                del self.caps[entry.job]
            case "corrected":
                self._move(entry, entry.budgets, entry.session, _NOTHING, entry.amount)
                for name in entry.budgets:
                    late = self.used[name, entry.currencies[0]].late
                    late[entry.day] = late.get(entry.day, _NOTHING) + max(entry.amount, _NOTHING)
            case "settled" | "released" if hold is not None:
                del self.holds[entry.job]
                self._move(entry, hold.budgets, hold.session, -hold.amount, entry.settled)
        if cap is not None:
            for name in cap.budgets:
                self.used[name, entry.currencies[0]].held += self.kept(session) - before

    def _move(self, entry: AccountEntry, budgets: Sequence[str], session: str, held: Decimal, spent: Decimal) -> None:
        for name in budgets:
            used = self.used[name, entry.currencies[0]]
            used.held += held
            if spent:
                used.spent[entry.day] = used.spent.get(entry.day, _NOTHING) + spent
        if session:
            self.in_sessions[session] += held + spent


class BudgetFold:
    """The budgets of all tenants, entry by entry in the order of the log."""

    def __init__(self) -> None:
        self._tenants: dict[str, _Tenant] = {}
        self._before: dict[str, tuple[int, list[Mapping[str, Budget]]]] = {}
        """By tenant: a day, and what its budgets were on that day before they changed."""

    def changed(self, tenant: str, day: int, before: Mapping[str, Budget]) -> None:
        """Note that a tenant's budgets change: a broker may hold a moment before it reads that."""
        known, others = self._before.get(tenant, (day, []))
        self._before[tenant] = (day, [*(others if known == day else []), before])

    def take(self, tenant: str, entry: AccountEntry, budgets: Mapping[str, Budget]) -> Iterator[str]:
        """Fold an entry of an account; yield what it overdraws.

        Args:
            tenant: whose account it is.
            entry: of the account.
            budgets: of the tenant, as they are now.
        """
        it = self._tenants.get(tenant)
        if it is None:
            if not entry.budgets:
                return
            it = self._tenants[tenant] = _Tenant()
        cap = it.caps.get(entry.session)
        it.count(entry)
        if entry.name not in ("held", "cap"):
            return
        for name in entry.budgets:
            if name not in budgets or (cap is not None and name in cap.budgets):  # the cap has reserved it
                continue
            over = min(self._over(it, entry, name, of) for of in self._in_force(tenant, entry.day, budgets))
            if over > 0:
                held = f"sequence {entry.sequence} holds {entry.amount} for {entry.job}"
                yield f"{held}, which overdraws budget {name} by {over}"

    def _in_force(self, tenant: str, day: int, budgets: Mapping[str, Budget]) -> Iterator[Mapping[str, Budget]]:
        yield budgets
        known, before = self._before.get(tenant, (0, []))
        if day - known <= 1:
            yield from before

    @staticmethod
    def _over(it: _Tenant, entry: AccountEntry, name: str, budgets: Mapping[str, Budget]) -> Decimal:
        budget, currency = budgets.get(name), entry.currencies[0]
        if budget is None or budget.soft or budget.currency != currency:
            return _NOTHING
        return it.used[name, currency].total(budget.window, entry.day) - Decimal(budget.amount)
