"""The broker and the audit agree on what a budget has left in its window, on any day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_audit.budgets import BudgetFold
from queuebit_broker.accounts import Accounts
from queuebit_contracts.account import (
    AccountCorrected,
    AccountHeld,
    AccountReleased,
    AccountSettled,
    Adjustment,
    Hold,
    Release,
    Settlement,
)
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.session import budget_of
from queuebit_contracts.tenants import Budget
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money
from queuebit_ledger import Spending

from .test_ledgers_agree import entry

AT = {"tenant": "acme", "account": "main"}
SESSION = "s1"
LIMIT = 50

Step = tuple[Literal["hold", "in session", "open", "close", "settle", "release", "correct", "days"], int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("hold", "hold", "hold", "in session", "in session", "open", "close", "settle", "settle", "release", "days")
        ),
        st.integers(0, 30),
    ),
    min_size=5,
    max_size=40,
)


class Books:
    """One tenant with one budget, of which the broker decides and the audit checks."""

    def __init__(self, window: str) -> None:
        self.budget = Budget(amount=str(LIMIT), window=window)
        self.accounts, self.fold = Accounts(), BudgetFold()
        self.now = datetime(2026, 1, 15, 12, tzinfo=UTC)
        self.holds: dict[str, int] = {}
        self.open = False
        self.count: Counter[str] = Counter()
        self.sequence = 0

    @property
    def left(self) -> Decimal:
        committed = self.accounts.committed("acme", "tenant", "USD")
        by_day = self.accounts.spent_by_day("acme", "tenant", "USD")
        today: date = self.now.date()
        it = Spending(self.budget.window, today, Money.of(LIMIT), committed.held, committed.spent, by_day)
        return it.left.amount

    @property
    def left_in_session(self) -> Decimal:
        return self.accounts.account("acme", "main").sessions[SESSION].amount.amount

    def add(self, kind: Callable[..., AnyEvent], data: Any) -> list[str]:
        self.sequence += 1
        event = kind(source="t", time=self.now, data=data)
        self.accounts.take(event, self.sequence)
        return [*self.fold.take("acme", entry(event, self.sequence), {"tenant": self.budget})]

    def hold(self, amount: int, *, session: bool = False) -> list[str]:
        job = f"j{self.sequence}"
        self.holds[job] = amount
        budgets = ("tenant", *([budget_of(SESSION)] if session else []))
        self.count["held"] += 1
        return self.add(AccountHeld, Hold(**AT, job=job, amount=Amount(amount=str(amount)), budgets=budgets))

    def step(self, what: str, number: int) -> list[str]:
        job = [*self.holds][number % len(self.holds)] if self.holds else ""
        match what:
            case "hold" if number <= self.left:
                return self.hold(number)
            case "hold":
                self.count["refused"] += 1
            case "in session" if self.open and number <= self.left_in_session:
                return self.hold(number, session=True)
            case "open" if not self.open and self.sequence < 30 and number <= self.left and not self.count["open"]:
                self.open = True
                self.count["open"] += 1
                cap = Hold(**AT, job=SESSION, amount=Amount(amount=str(number)), budgets=("tenant",), purpose="session")
                return self.add(AccountHeld, cap)
            case "close" if self.open:
                self.open = False
                return self.add(AccountReleased, Release(**AT, job=SESSION, amount=Amount(amount="1")))
            case "settle" if job:
                held = self.holds.pop(job)
                charge = min(number, held)
                parts = {"held": held, "settled": charge, "released": held - charge}
                amounts = {name: Amount(amount=str(it)) for name, it in parts.items()}
                return self.add(AccountSettled, Settlement(**AT, job=job, **amounts))
            case "release" if job:
                held = self.holds.pop(job)
                return self.add(AccountReleased, Release(**AT, job=job, amount=Amount(amount=str(held))))
            case "days":
                self.now += timedelta(days=number)
        return []


WINDOWS = st.sampled_from(("lifetime", "month", "1d", "7d", "30d"))


@settings(deadline=None, derandomize=True)
@given(WINDOWS, STEPS)
def test_no_hold_that_the_broker_allows_is_a_fault_and_each_that_it_refuses_is_one(
    window: str, steps: list[Step]
) -> None:
    books = Books(window)
    for what, number in steps:
        assert books.step(what, number) == [], (what, number)
    (fault,) = books.hold(int(books.left) + 1)
    assert fault.endswith("which overdraws budget tenant by 1")


def test_most_cases_of_the_property_above_hold_and_refuse() -> None:
    counts: list[Counter[str]] = []

    @settings(deadline=None, derandomize=True, database=None)
    @given(WINDOWS, STEPS)
    def collect(window: str, steps: list[Step]) -> None:
        books = Books(window)
        for step in steps:
            books.step(*step)
        counts.append(books.count)

    collect()
    assert sum(it["held"] > 1 for it in counts) > len(counts) / 2
    assert sum(it["refused"] > 0 for it in counts) > len(counts) / 8
    assert sum(it["open"] > 0 for it in counts) > len(counts) / 8


def test_a_limit_that_was_cut_and_a_correction_do_not_blame_a_broker_that_has_not_read_them() -> None:
    books = Books("lifetime")
    books.hold(40)
    larger, books.budget = books.budget, Budget(amount="45")
    books.fold.changed("acme", books.now.toordinal(), {"tenant": larger})
    assert books.hold(10) == []
    job, held = books.holds.popitem()
    amounts = {name: Amount(amount=str(it)) for name, it in {"held": held, "settled": held, "released": 0}.items()}
    books.add(AccountSettled, Settlement(**AT, job=job, **amounts))
    late = Adjustment(**AT, job=job, revision=1, delta=Amount(amount="7"), reason="late", budgets=("tenant",))
    assert books.add(AccountCorrected, late) == []
    assert books.hold(0) == []
    books.now += timedelta(days=2)
    (fault,) = books.hold(1)
    assert fault.endswith("overdraws budget tenant by 13")
