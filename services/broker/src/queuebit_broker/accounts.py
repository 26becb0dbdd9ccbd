"""Money of tenants, folded from the log: accounts, and the budgets that the holds of several accounts count against.

Folded in place, since an account may carry thousands of holds. An event of an account is folded once: from
the broker that wrote it, or from the view that reads it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from queuebit_broker.closed_jobs import ClosedJobs
from queuebit_contracts.account import (
    AccountCorrected,
    AccountFunded,
    AccountHeld,
    AccountReleased,
    AccountSettled,
    Hold,
)
from queuebit_contracts.catalog import AnyEvent, Decoded
from queuebit_kernel import Money

__all__ = ["Account", "Accounts", "Committed", "OpenHold", "Totals", "counted"]


@dataclass(frozen=True, slots=True)
class OpenHold:
    """Money held for a job."""

    amount: Money
    budgets: tuple[str, ...] = ()
    """The budgets it counts against, besides its account."""


@dataclass(frozen=True, slots=True)
class _Movement:
    """A change of money by an event, for the budgets that it counts against."""

    budgets: Sequence[str]
    held: Money
    spent: Money


@dataclass(slots=True)
class Account:
    """One project's money, by currency; currencies are never converted."""

    funded: dict[str, Money] = field(default_factory=dict)
    free: dict[str, Money] = field(default_factory=dict)
    """Funded, less what is held and what was charged."""
    holds: dict[str, OpenHold] = field(default_factory=dict)
    """By job."""
    closed: ClosedJobs = field(default_factory=ClosedJobs)
    """Jobs whose hold was settled or released: they never hold again, even after a late delivery."""
    last_funded: int = 0
    last_held: int = 0
    """Sequence of the newest hold. The next append expects it, so its writer has seen every earlier hold."""
    last_corrected: int = 0

    def available(self, currency: str) -> Money:
        """The free amount."""
        return self.free.get(currency, Money.zero(currency))

    def held(self, currency: str) -> Money:
        """The held amount."""
        amounts = (it.amount for it in self.holds.values() if it.amount.currency == currency)
        return sum(amounts, Money.zero(currency))

    def spent(self, currency: str) -> Money:
        """The charged amount, with corrections."""
        return self.funded.get(currency, Money.zero(currency)) - self.available(currency) - self.held(currency)

    def take(self, event: Decoded, sequence: int) -> _Movement | None:
        """Fold one fact of this account; say what it moved, if it did."""
        match event:
            case AccountHeld() if sequence > self.last_held:
                hold = OpenHold(event.data.amount.money, event.data.budgets or ())
                self.holds[event.data.job] = hold
                self._shrink(hold.amount)
                self.last_held = sequence
                return _Movement(hold.budgets, hold.amount, Money.zero(hold.amount.currency))
            case AccountSettled():
                return self._close(event.data.job, event.data.settled.money)
            case AccountReleased():
                return self._close(event.data.job, Money.zero(event.data.amount.currency))
            case AccountFunded() if sequence > self.last_funded:
                amount = event.data.amount.money
                self.funded[amount.currency] = self.funded.get(amount.currency, Money.zero(amount.currency)) + amount
                self._grow(amount)
                self.last_funded = sequence
            case AccountCorrected() if sequence > self.last_corrected:
                delta = event.data.delta.money
                self._shrink(delta)
                self.last_corrected = sequence
                return _Movement(event.data.budgets or (), Money.zero(delta.currency), delta)
        return None

    def copy(self) -> Account:
        """A copy that later facts do not change."""
        return replace(
            self, funded={**self.funded}, free={**self.free}, holds={**self.holds}, closed=self.closed.copy()
        )

    def _close(self, job: str, spent: Money) -> _Movement | None:
        self.closed.add(job)
        if (hold := self.holds.pop(job, None)) is None:
            return None
        self._grow(hold.amount - spent)
        return _Movement(hold.budgets, Money.zero(spent.currency) - hold.amount, spent)

    def _grow(self, amount: Money) -> None:
        self.free[amount.currency] = self.available(amount.currency) + amount

    def _shrink(self, amount: Money) -> None:
        self.free[amount.currency] = self.available(amount.currency) - amount


@dataclass(frozen=True, slots=True)
class Committed:
    """What counts against a budget, in one currency."""

    held: Money
    spent: Money

    @property
    def total(self) -> Money:
        return self.held + self.spent


@dataclass(frozen=True, slots=True)
class Totals:
    """What `Accounts` has beside the accounts."""

    committed: list[tuple[tuple[str, str, str], Committed]]
    """By tenant, budget and currency."""
    seen: dict[str, int]
    newest: int


class Accounts:
    """All accounts, and what counts against each budget of their tenants."""

    def __init__(self) -> None:
        self._accounts: defaultdict[tuple[str, str], Account] = defaultdict(Account)
        self._committed: dict[tuple[str, str, str], Committed] = {}
        self._seen: defaultdict[str, int] = defaultdict(int)
        self._ahead: dict[int, str] = {}
        """The jobs of holds that were folded when they were appended, and that the view has not read back."""
        self.newest = 0
        """Sequence of the newest fact that is folded; it may lie ahead of the view."""

    def account(self, tenant: str, name: str) -> Account:
        """The account; an empty one if it was never funded."""
        return self._accounts.get((tenant, name)) or Account()

    def of(self, tenant: str) -> dict[str, Account]:
        """The accounts of a tenant that have a history, by name."""
        return {name: it for (owner, name), it in sorted(self._accounts.items()) if owner == tenant}

    def committed(self, tenant: str, budget: str, currency: str) -> Committed:
        """What counts against a budget since it was defined."""
        zero = Money.zero(currency)
        return self._committed.get((tenant, budget, currency)) or Committed(zero, zero)

    def seen(self, tenant: str) -> int:
        """The sequence up to which all holds of a tenant are folded; the next append on its accounts expects it."""
        return self._seen[tenant]

    def take(self, event: AnyEvent, sequence: int) -> None:
        """Fold the next event in the order of the log."""
        if self.read_back(event.data.tenant, sequence) is not None:
            return
        self._fold(event, sequence)
        if isinstance(event, AccountHeld):
            self._see(event.data.tenant, sequence)

    def read_back(self, tenant: str, sequence: int) -> str | None:
        """Note that the view has come to a hold; return its job if it was folded already, when it was appended."""
        job = self._ahead.pop(sequence, None)
        if job is not None:
            self._see(tenant, sequence)
        return job

    def hold(self, event: AccountHeld, sequence: int, *, behind_all: bool) -> None:
        """Fold a hold that was just appended, before the view reads it back.

        Args:
            event: the hold.
            sequence: its place in the log.
            behind_all: no hold of the tenant lies between the last one that was seen and this one.
        """
        self._fold(event, sequence)
        self._ahead[sequence] = event.data.job
        if behind_all:
            self._see(event.data.tenant, sequence)

    def totals(self) -> Totals:
        """A copy of all that is not in an account."""
        return Totals([*self._committed.items()], {**self._seen}, self.newest)

    def accounts(self) -> Mapping[tuple[str, str], Account]:
        """Every account that has a history, by tenant and name."""
        return self._accounts

    def restore(self, totals: Totals, accounts: Mapping[tuple[str, str], Account]) -> None:
        """Take what was copied."""
        self._accounts.update(accounts)
        self._committed.update(totals.committed)
        self._seen.update(totals.seen)
        self.newest = totals.newest

    def _see(self, tenant: str, sequence: int) -> None:
        self._seen[tenant] = max(self._seen[tenant], sequence)

    def _fold(self, event: AnyEvent, sequence: int) -> None:
        self.newest = max(self.newest, sequence)
        tenant = event.data.tenant
        moved = self._accounts[tenant, event.data.account].take(event, sequence)
        if moved is None:
            return
        for budget in moved.budgets:
            before = self.committed(tenant, budget, moved.held.currency)
            after = Committed(before.held + moved.held, before.spent + moved.spent)
            self._committed[tenant, budget, moved.held.currency] = after


def counted(holds: Sequence[Hold], budget: str, currency: str) -> Money:
    """What holds that are being made count against a budget."""
    amounts = (it.amount.money for it in holds if budget in (it.budgets or ()))
    return sum((it for it in amounts if it.currency == currency), Money.zero(currency))
