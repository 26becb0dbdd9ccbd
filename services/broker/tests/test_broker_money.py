"""No interleaving of brokers that lag behind the log ever holds money that is not there."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_broker.accounts import Account
from queuebit_contracts.account import (
    AccountFunded,
    AccountHeld,
    AccountReleased,
    AccountSettled,
    Funding,
    Hold,
    Release,
    Settlement,
)
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money

ACCOUNT = {"tenant": "acme", "account": "main"}


def cents(number: int) -> Amount:
    return Amount(amount=Money(Decimal(number).scaleb(-2)).text())


def funded(amount: int) -> AccountFunded:
    return AccountFunded(source="t", data=Funding(**ACCOUNT, amount=cents(amount)))


def held(job: str, amount: int) -> AccountHeld:
    return AccountHeld(source="t", data=Hold(**ACCOUNT, job=job, amount=cents(amount)))


def settled(job: str, hold: int, charge: int) -> AccountSettled:
    return AccountSettled(
        source="t",
        data=Settlement(**ACCOUNT, job=job, held=cents(hold), settled=cents(charge), released=cents(hold - charge)),
    )


def released(job: str, hold: int) -> AccountReleased:
    return AccountReleased(source="t", data=Release(**ACCOUNT, job=job, amount=cents(hold)))


class Ledger:
    """The truth: a log that refuses a hold whose author has not seen the newest hold."""

    def __init__(self, budget: int) -> None:
        self.log: list[AnyEvent] = [funded(budget)]
        self.budget, self.spent, self.open = budget, 0, dict[str, int]()
        self.last_held = 0

    def hold(self, job: str, amount: int, after: int) -> int | None:
        if after != self.last_held:
            return None
        self.log.append(held(job, amount))
        self.open[job] = amount
        self.last_held = len(self.log)
        return self.last_held

    def end(self, job: str, charge: int | None) -> None:
        hold = self.open.pop(job)
        self.log.append(released(job, hold) if charge is None else settled(job, hold, min(charge, hold)))
        self.spent += min(charge or 0, hold)


Step = tuple[Literal["hold", "end", "read"], int, int | None]
"""What happens, to which broker or job, and how many cents or events."""

STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.integers(0, 2), st.integers(1, 30)),
        st.tuples(st.just("end"), st.integers(0, 30), st.none() | st.integers(0, 60)),
        st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 5)),
    ),
    min_size=15,
    max_size=60,
)


class Brokers:
    """Three brokers that have read how much there is, and go on reading when they get to it."""

    def __init__(self, budget: int) -> None:
        self.truth = Ledger(budget)
        self.readers = [(Account(), [0]) for _ in range(3)]
        self.holds = self.conflicts = 0
        for account, position in self.readers:
            read(account, position, self.truth, 1)

    def take(self, number: int, step: Step) -> None:
        what, which, amount = step
        truth = self.truth
        if what == "end":
            if truth.open:
                truth.end(sorted(truth.open)[which % len(truth.open)], amount)
            return
        account, position = self.readers[which]
        assert amount is not None
        if what == "read":
            read(account, position, truth, amount)
        elif Money(Decimal(amount).scaleb(-2)) <= account.available("USD"):
            sequence = truth.hold(f"j{number}", amount, account.last_held)
            if sequence is None:
                self.conflicts += 1
            else:
                self.holds += 1
                account.take(truth.log[sequence - 1], sequence)


@settings(deadline=None)
@given(budget=st.integers(30, 200), steps=STEPS)
def test_brokers_never_overdraw(budget: int, steps: list[Step]) -> None:
    brokers = Brokers(budget)
    truth = brokers.truth
    for number, step in enumerate(steps):
        brokers.take(number, step)
        assert truth.spent + sum(truth.open.values()) <= budget
    for account, position in brokers.readers:
        read(account, position, truth, len(truth.log))
        assert account.available("USD") == Money(Decimal(budget - truth.spent - sum(truth.open.values())).scaleb(-2))
        assert set(account.holds) == set(truth.open)


def read(account: Account, position: list[int], truth: Ledger, events: int) -> None:
    """Fold what comes next in the log, the account's own holds included."""
    for _ in range(events):
        if position[0] < len(truth.log):
            position[0] += 1
            account.take(truth.log[position[0] - 1], position[0])


def test_most_cases_of_the_property_above_hold_money_and_meet_a_conflict() -> None:
    """Otherwise it proves little."""
    seen: list[bool] = []

    @settings(deadline=None, derandomize=True)
    @given(budget=st.integers(30, 200), steps=STEPS)
    def look(budget: int, steps: list[Step]) -> None:
        brokers = Brokers(budget)
        for number, step in enumerate(steps):
            brokers.take(number, step)
        seen.append(brokers.holds > 0 and brokers.conflicts > 0)

    look()
    assert sum(seen) >= len(seen) // 2


def test_currencies_are_separate_purses() -> None:
    account = Account()
    account.take(funded(500), 1)
    euro = AccountFunded(source="t", data=Funding(**ACCOUNT, amount=Amount(amount="7", currency="EUR")))
    account.take(euro, 2)
    assert (account.available("USD"), account.available("EUR")) == (Money.of(5), Money.of(7, "EUR"))
    assert account.available("GBP") == Money.zero("GBP")


@pytest.mark.parametrize(
    ("amount", "twice"),
    [
        ("0.000000000000000001", "0.000000000000000002"),
        ("999999999999999999.999999999999999999", "1999999999999999999.999999999999999998"),
    ],
)
def test_amounts_keep_every_digit(amount: str, twice: str) -> None:
    account = Account()
    for sequence in (1, 2):
        account.take(AccountFunded(source="t", data=Funding(**ACCOUNT, amount=Amount(amount=amount))), sequence)
    assert account.available("USD") == Money.of(twice)
