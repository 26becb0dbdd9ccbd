"""A budget that is spent at more than twice its planned rate is a page, while that goes on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from queuebit_alerting.burning import BudgetsBurning
from queuebit_contracts.runbooks import runbook_of
from queuebit_contracts.tenant import BudgetTerms
from queuebit_kernel import Unavailable

from .alerting_world import NOON

LABELS = {"alertname": "BudgetBurning", "severity": "page", "owner": "billing", "tenant": "acme", "budget": "tenant"}
HALF_PAST = NOON + timedelta(minutes=30)
"""The windows have 23.5 and 1.5 hours."""


class _Charges:
    """What was charged to acme in the long window and in the short one."""

    def __init__(self, long: str, short: str, charges: int = 100) -> None:
        self.said = [long, short]
        self.charges = charges
        self.asked = 0

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        assert ("currency" in sql, parameters) == (True, {})
        it = {"project": "main", "workload_class": "batch", "vendor": "Amazon Braket", "currency": "USD"}
        self.asked += 1
        spent = self.said[(self.asked - 1) % 2]
        return [
            {**it, "tenant": "acme", "spent": spent, "charges": self.charges},
            {**it, "tenant": "beta", "spent": "9999", "charges": 1},
        ]


async def _complete() -> None:
    pass


def _source(charges: _Charges, window: str | None = "30d", name: str = "tenant", amount: str = "720") -> BudgetsBurning:
    budgets = {"acme": {name: BudgetTerms(amount=amount, window=window)}}
    return BudgetsBurning(lambda: budgets, charges, _complete, list)


@pytest.mark.parametrize(
    ("long", "short", "fires"),
    [("47", "3.1", False), ("47.1", "3.1", True), ("47.1", "3", False), ("0", "0", False)],
    ids=["twice the rate", "above twice", "but it is over", "without a charge"],
)
async def test_a_budget_pages_above_twice_its_rate_in_both_windows(long: str, short: str, fires: bool) -> None:
    (signal,) = await _source(_Charges(long, short)).signals(HALF_PAST)
    assert (signal.firing, signal.labels) == (fires, LABELS)
    assert runbook_of("BudgetBurning") == "docs/runbooks/burn.md"
    if fires:
        assert signal.annotations["summary"] == (
            "acme: the budget tenant of 720 USD in 30d is spent 2.0 times as fast as planned: 47.1 USD within a day"
        )


@pytest.mark.parametrize("name", ["project:main", "class:batch", "vendor:amazon-braket"])
async def test_budgets_of_a_part_count_its_charges(name: str) -> None:
    assert [it.firing for it in await _source(_Charges("100", "9"), name=name).signals(HALF_PAST)] == [True]
    other = name.partition(":")[0] + ":other"
    assert [it.firing for it in await _source(_Charges("100", "9"), name=other).signals(HALF_PAST)] == [False]


@pytest.mark.parametrize(
    ("window", "name", "amount"),
    [
        (None, "tenant", "1"),
        ("lifetime", "tenant", "1"),
        ("30d", "user:ann", "1"),
        ("30d", "tag:x", "1"),
        ("30d", "tenant", "0"),
    ],
)
async def test_a_budget_without_a_rate_or_of_a_user_or_tag_asks_nothing(
    window: str | None, name: str, amount: str
) -> None:
    charges = _Charges("100", "9")
    assert await _source(charges, window, name, amount).signals(HALF_PAST) == []
    assert charges.asked == 0


async def test_the_rate_of_a_month_is_by_its_days_and_charges_in_other_currencies_do_not_count() -> None:
    (signal,) = await _source(_Charges("48", "3.1"), "month").signals(HALF_PAST)  # November has 30 days
    assert signal.firing
    budgets = {"acme": {"tenant": BudgetTerms(amount="1", currency="EUR", window="30d")}}
    (signal,) = await BudgetsBurning(lambda: budgets, _Charges("48", "9"), _complete, list).signals(HALF_PAST)
    assert not signal.firing


async def test_seven_days_of_spending_as_planned_page_no_person() -> None:
    """A job of 10 USD about every ten hours: with chance, but as planned. It is looked at every ten minutes."""
    rng = Random(20261130)
    charged = [NOON + timedelta(hours=it) for it in range(-24, 7 * 24) if rng.random() < 0.1]
    for look in range(7 * 24 * 6):
        now = NOON + timedelta(minutes=10 * look)
        hour = now.replace(minute=0)
        spent = [sum(10 for it in charged if hour - timedelta(hours=back) <= it <= now) for back in (23, 1)]
        (signal,) = await _source(_Charges(str(spent[0]), str(spent[1]), spent[0] // 10)).signals(now)
        assert not signal.firing, now


@pytest.mark.parametrize(("charges", "fires"), [(4, False), (5, True)])
async def test_a_few_large_jobs_page_no_person(charges: int, *, fires: bool) -> None:
    (signal,) = await _source(_Charges("9999", "9999", charges)).signals(HALF_PAST)
    assert signal.firing is fires


async def test_a_budget_that_was_removed_ends_its_page() -> None:
    others = {"alertname": "BudgetSpent", "tenant": "acme", "budget": "tenant"}
    source = BudgetsBurning(dict, _Charges("100", "9"), _complete, lambda: [LABELS, others])
    assert [(it.firing, it.labels) for it in await source.signals(NOON)] == [(False, LABELS)]


async def test_nothing_is_said_while_the_warehouse_lacks_charges() -> None:
    async def behind() -> None:
        raise Unavailable("it is behind")

    budgets = {"acme": {"tenant": BudgetTerms(amount="1", window="30d")}}
    with pytest.raises(Unavailable):
        await BudgetsBurning(lambda: budgets, _Charges("1", "1"), behind, list).signals(NOON)
