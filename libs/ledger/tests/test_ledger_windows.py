"""Windows of budgets: what counts, when it comes back, and when it will be spent."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_kernel import Money
from queuebit_ledger import Spending, count_day, first_day, period_of
from queuebit_ledger.windows import DAYS_KEPT

TODAY = date(2026, 11, 30)  # a Monday
WINDOWS = st.one_of(st.sampled_from(("lifetime", "month")), st.integers(1, 366).map("{}d".format))
CHARGES = st.lists(st.tuples(st.integers(0, 500), st.integers(-50, 500)), max_size=40)


def spending(window: str, charges: dict[int, str], *, limit: str = "10", held: str = "0") -> Spending:
    """Charges by how many days ago they were made."""
    by_day = {TODAY - timedelta(days=ago): Money.of(amount) for ago, amount in charges.items()}
    lifetime = sum(by_day.values(), Money.zero())
    return Spending(window, TODAY, Money.of(limit), Money.of(held), lifetime, by_day)


@pytest.mark.parametrize(
    ("window", "today", "first"),
    [
        ("lifetime", TODAY, None),
        ("fortnight", TODAY, None),
        ("0d", TODAY, None),
        ("367d", TODAY, None),
        ("month", TODAY, date(2026, 11, 1)),
        ("month", date(2026, 12, 1), date(2026, 12, 1)),
        ("1d", TODAY, TODAY),
        ("30d", TODAY, date(2026, 11, 1)),
    ],
)
def test_the_first_day_that_counts(window: str, today: date, first: date | None) -> None:
    assert first_day(window, today) == first


@given(window=WINDOWS, charges=CHARGES)
def test_what_counts_is_what_a_plain_sum_says(window: str, charges: list[tuple[int, int]]) -> None:
    by_day: dict[date, Money] = {}
    for ago, cents in sorted(charges, reverse=True):
        count_day(by_day, TODAY - timedelta(days=ago), Money.of(cents))
    it = Spending(window, TODAY, Money.of(10_000), Money.zero(), Money.of(sum(cents for _, cents in charges)), by_day)
    days = {"lifetime": 10_000, "month": TODAY.day}.get(window) or int(window[:-1])
    assert it.spent.amount == sum(cents for ago, cents in charges if ago < days)


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 9)), max_size=60), st.booleans())
def test_days_are_bounded_and_no_window_misses_one(charges: list[tuple[int, int]], ordered: bool) -> None:
    by_day: dict[date, Money] = {date(2020, 1, 1) + timedelta(days=it): Money.of(1) for it in range(DAYS_KEPT)}
    for ago, amount in sorted(charges, reverse=True) if ordered else charges:
        count_day(by_day, TODAY - timedelta(days=ago), Money.of(amount))
        assert len(by_day) <= DAYS_KEPT
    newest = max((it for it in by_day), default=TODAY)
    if ordered and charges:
        reach = [(ago, it) for ago, it in charges if TODAY - timedelta(days=ago) > newest - timedelta(days=DAYS_KEPT)]
        assert sum(it.amount for day, it in by_day.items() if day.year > 2020) >= sum(it for _, it in reach)


def test_a_month_gives_everything_back_on_its_first_day() -> None:
    it = spending("month", {0: "6", 29: "3"})
    assert it.left == Money.of(1)
    assert it.frees(Money.of(2)) == date(2026, 12, 1)
    assert it.frees(Money.of(11)) is None


def test_days_give_back_what_leaves_the_window() -> None:
    it = spending("7d", {6: "3", 4: "4", 0: "2"}, held="1")
    assert it.left == Money.zero()
    assert it.frees(Money.of(3)) == date(2026, 12, 1)
    assert it.frees(Money.of(4)) == date(2026, 12, 3)
    assert it.frees(Money.of(9)) == date(2026, 12, 7)
    assert it.frees(Money.of("9.5")) is None
    assert spending("lifetime", {0: "9"}).frees(Money.of(2)) is None


def test_the_first_free_day_is_right_when_that_day_comes() -> None:
    it = spending("7d", {6: "3", 4: "4", 0: "2"}, held="1")
    day = it.frees(Money.of(4))
    assert day is not None
    then = Spending(it.window, day, it.limit, it.held, it.lifetime, it.by_day)
    before = Spending(it.window, day - timedelta(days=1), it.limit, it.held, it.lifetime, it.by_day)
    assert before.left < Money.of(4) <= then.left


@pytest.mark.parametrize(
    ("window", "charges", "day"),
    [
        ("lifetime", {0: "1", 1: "1", 2: "1", 3: "1"}, date(2026, 12, 6)),  # 6 left, 1 a day
        ("lifetime", {0: "7"}, date(2026, 12, 1)),  # one day of data
        ("lifetime", {0: "10"}, TODAY),
        ("lifetime", {}, None),
        ("lifetime", {10: "5"}, None),  # nothing in a week
        ("lifetime", {0: "0.01"}, None),  # beyond a year
        ("month", {0: "1", 1: "1", 2: "1", 3: "1"}, None),  # the month ends first
        ("30d", {0: "1", 1: "1", 2: "1", 3: "1"}, date(2026, 12, 6)),
        ("7d", dict.fromkeys(range(7), "1"), None),  # as much leaves as comes
    ],
)
def test_when_a_budget_will_be_spent(window: str, charges: dict[int, str], day: date | None) -> None:
    assert spending(window, charges).spent_by() == day


@given(window=WINDOWS, day=st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_a_period_is_as_long_as_its_window_at_most(window: str, day: date) -> None:
    first = first_day(window, day)
    if first is None:
        assert period_of(window, day) == "all"
    else:
        reach = (day - first).days + 1
        short = min(reach, 28) if window == "month" else reach  # 31 days may touch three months
        assert len({period_of(window, day + timedelta(days=it)) for it in range(short)}) <= 2
        assert period_of(window, day) != period_of(window, day + timedelta(days=max(reach, 31)))
