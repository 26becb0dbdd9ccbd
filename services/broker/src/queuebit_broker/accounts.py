"""Money of tenants, folded from the log: accounts, and the budgets that the holds of several accounts count against.

Folded in place, since an account may carry thousands of holds. An event of an account is folded once: from
the broker that wrote it, or from the view that reads it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from queuebit_broker.closed_jobs import ClosedJobs
from queuebit_contracts.account import (
    AccountCorrected,
    AccountExpired,
    AccountFunded,
    AccountGranted,
    AccountHeld,
    AccountReleased,
    AccountSettled,
    Hold,
)
from queuebit_contracts.catalog import AnyEvent, Decoded
from queuebit_contracts.session import budget_of, reserved, session_in
from queuebit_kernel import Money
from queuebit_ledger import Credit, burn, count_day, expiring

__all__ = ["Account", "Accounts", "Committed", "OpenHold", "Totals", "counted"]

_OF_NO_JOB = ("session", "idle", "reservation")
"""Purposes of holds that no job has."""


@dataclass(frozen=True, slots=True)
class OpenHold:
    """Money held for a job, by a session or for a reservation."""

    amount: Money
    """What is on hold; of the cap of a session, what no job has used yet."""
    budgets: tuple[str, ...] = ()
    """The budgets it counts against, besides its account."""
    cap: Money | None = None
    """The cap of a session; None if this is another hold."""


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
    """Those of jobs, by job."""
    sessions: dict[str, OpenHold] = field(default_factory=dict)
    """Those of sessions, for their caps and their idle time, and of reservations, by name."""
    closed: ClosedJobs = field(default_factory=ClosedJobs)
    """Jobs whose hold was settled or released: they never hold again, even after a late delivery."""
    credits: dict[str, Credit] = field(default_factory=dict)
    """Grants, by name."""
    last_funded: int = 0
    last_held: int = 0
    """Sequence of the newest hold. The next append expects it, so its writer has seen every earlier hold."""
    last_corrected: int = 0

    def available(self, currency: str) -> Money:
        """The free amount."""
        return self.free.get(currency, Money.zero(currency))

    def available_at(self, currency: str, now: datetime) -> Money:
        """What may be held: the free amount without grants that have expired, of which what is on hold stays."""
        free = self.available(currency)
        if not self.credits:
            return free
        return free - min(expiring(self.credits.values(), currency, now), max(free, Money.zero(currency)))

    def granted(self, currency: str) -> Money:
        """The amount of all grants, without what was taken back."""
        amounts = (it.amount - it.expired for it in self.credits.values() if it.amount.currency == currency)
        return sum(amounts, Money.zero(currency))

    def held(self, currency: str) -> Money:
        """The held amount."""
        holds = (*self.holds.values(), *self.sessions.values())
        amounts = (it.amount for it in holds if it.amount.currency == currency)
        return sum(amounts, Money.zero(currency))

    def spent(self, currency: str) -> Money:
        """The charged amount, with corrections."""
        funded = self.funded.get(currency, Money.zero(currency)) + self.granted(currency)
        return funded - self.available(currency) - self.held(currency)

    def take(self, event: Decoded, sequence: int) -> _Movement | None:
        """Fold one fact of this account; say what it moved, if it did."""
        match event:
            case AccountHeld() if sequence > self.last_held:
                self.last_held = sequence
                return self._hold(event.data)
            case AccountSettled():
                return self._close(event.data.job, event.data.settled.money)
            case AccountReleased():
                return self._close(event.data.job, Money.zero(event.data.amount.currency))
            case AccountFunded() if sequence > self.last_funded:
                amount = event.data.amount.money
                self.funded[amount.currency] = self.funded.get(amount.currency, Money.zero(amount.currency)) + amount
                self._grow(amount)
                self.last_funded = sequence
            case AccountGranted() if event.data.grant not in self.credits:
                it, zero = event.data, Money.zero(event.data.amount.currency)
                self.credits[it.grant] = Credit(it.amount.money, zero, zero, it.priority, it.expires_at, sequence)
                self._grow(it.amount.money)
            case AccountExpired() if (credit := self.credits.get(event.data.grant)) and not credit.expired.amount:
                amount = event.data.amount.money
                self.credits[event.data.grant] = replace(credit, expired=amount)
                self._shrink(amount)
            case AccountCorrected() if sequence > self.last_corrected:
                delta = event.data.delta.money
                self._shrink(delta)
                self.credits.update(burn(self.credits, delta))
                self.last_corrected = sequence
                return _Movement(event.data.budgets or (), Money.zero(delta.currency), delta)
        return None

    def reserve(self, session: str, used: Money) -> _Movement | None:
        """Let the cap of an open session keep on hold what its jobs do not use."""
        hold = self.sessions.get(session)
        if hold is None or hold.cap is None:
            return None
        kept = reserved(hold.cap, used)
        change = kept - hold.amount
        self.sessions[session] = replace(hold, amount=kept)
        self._shrink(change)
        return _Movement(hold.budgets, change, Money.zero(change.currency))

    def cap_over(self, budgets: Iterable[str] | None) -> OpenHold | None:
        """The cap of the open session whose jobs count against these budgets: what they hold, it has reserved."""
        if not self.sessions:
            return None
        named = (self.sessions.get(session_in(it) or "") for it in budgets or ())
        return next((it for it in named if it is not None and it.cap is not None), None)

    def copy(self) -> Account:
        """A copy that later facts do not change."""
        return replace(
            self,
            funded={**self.funded},
            free={**self.free},
            holds={**self.holds},
            sessions={**self.sessions},
            credits={**self.credits},
            closed=self.closed.copy(),
        )

    def _hold(self, data: Hold) -> _Movement:
        amount, budgets = data.amount.money, data.budgets or ()
        if data.purpose in _OF_NO_JOB:
            self.sessions[data.job] = OpenHold(amount, budgets, amount if data.purpose == "session" else None)
        else:
            self.holds[data.job] = OpenHold(amount, budgets)
        self._shrink(amount)
        return _Movement(budgets, amount, Money.zero(amount.currency))

    def _close(self, job: str, spent: Money) -> _Movement | None:
        self.closed.add(job)
        hold = self.holds.pop(job, None) or self.sessions.pop(job, None)
        if hold is None:
            return None
        self._grow(hold.amount - spent)
        if self.credits:
            self.credits.update(burn(self.credits, spent))
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
    by_day: list[tuple[tuple[str, str, str], dict[date, Money]]]
    """What was charged against budgets, by day of UTC."""
    seen: dict[str, int]
    newest: int


class Accounts:
    """All accounts, and what counts against each budget of their tenants."""

    def __init__(self) -> None:
        self._accounts: defaultdict[tuple[str, str], Account] = defaultdict(Account)
        self._committed: dict[tuple[str, str, str], Committed] = {}
        self._by_day: defaultdict[tuple[str, str, str], dict[date, Money]] = defaultdict(dict)
        self._seen: defaultdict[str, int] = defaultdict(int)
        self._ahead: dict[int, str] = {}
        """The jobs of holds that were folded when they were appended, and that the view has not read back."""
        self.charged: set[tuple[str, str]] = set()
        """By tenant and name: budgets that something was charged against, until they are looked at."""
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

    def spent_by_day(self, tenant: str, budget: str, currency: str) -> Mapping[date, Money]:
        """What was charged against a budget, by day of UTC, for as many days as a window may have."""
        return self._by_day.get((tenant, budget, currency)) or {}

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

    def forget_session(self, tenant: str, session: str) -> None:
        """Drop what counted against the budget of a session that closed long ago, unless a job of it still holds."""
        budget = budget_of(session)
        for key in [it for it in self._committed if it[0] == tenant and it[1] == budget]:
            if not self._committed[key].held.amount:
                del self._committed[key]

    def totals(self) -> Totals:
        """A copy of all that is not in an account."""
        by_day = [(key, {**days}) for key, days in self._by_day.items()]
        return Totals([*self._committed.items()], by_day, {**self._seen}, self.newest)

    def accounts(self) -> Mapping[tuple[str, str], Account]:
        """Every account that has a history, by tenant and name."""
        return self._accounts

    def restore(self, totals: Totals, accounts: Mapping[tuple[str, str], Account]) -> None:
        """Take what was copied."""
        self._accounts.update(accounts)
        self._committed.update(totals.committed)
        self._by_day.update(totals.by_day)
        self._seen.update(totals.seen)
        self.newest = totals.newest

    def _see(self, tenant: str, sequence: int) -> None:
        self._seen[tenant] = max(self._seen[tenant], sequence)

    def _fold(self, event: AnyEvent, sequence: int) -> None:
        self.newest = max(self.newest, sequence)
        tenant = event.data.tenant
        account = self._accounts[tenant, event.data.account]
        moved = account.take(event, sequence)
        if moved is None:
            return
        self._move(tenant, moved, event.time.astimezone(UTC).date())
        if account.sessions:
            for session in {event.data.job, *map(session_in, moved.budgets)} & account.sessions.keys():
                self._reserve(tenant, account, session)

    def _reserve(self, tenant: str, account: Account, session: str) -> None:
        """Bring what the cap of a session keeps on hold up to date."""
        currency = account.sessions[session].amount.currency
        kept = account.reserve(session, self.committed(tenant, budget_of(session), currency).total)
        if kept is not None:
            self._move(tenant, kept, None)

    def _move(self, tenant: str, moved: _Movement, day: date | None) -> None:
        for budget in moved.budgets:
            if day is not None and moved.spent.amount and session_in(budget) is None:
                count_day(self._by_day[tenant, budget, moved.spent.currency], day, moved.spent)
                self.charged.add((tenant, budget))
            before = self.committed(tenant, budget, moved.held.currency)
            after = Committed(before.held + moved.held, before.spent + moved.spent)
            self._committed[tenant, budget, moved.held.currency] = after


def counted(holds: Sequence[Hold], budget: str, currency: str) -> Money:
    """What holds that are being made count against a budget."""
    amounts = (it.amount.money for it in holds if budget in (it.budgets or ()))
    return sum((it for it in amounts if it.currency == currency), Money.zero(currency))
