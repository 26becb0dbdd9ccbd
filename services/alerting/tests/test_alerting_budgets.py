"""A budget that is spent is a ticket, until it is larger or its window is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from queuebit_alerting.budgets import BudgetsSpent
from queuebit_contracts.budget import BudgetReached, BudgetShare
from queuebit_contracts.runbooks import runbook_of
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.tenant import BudgetTerms, TenantDefined, TenantDefinition, TenantRemoval, TenantRemoved
from queuebit_contracts.wire import Amount
from queuebit_runtime.stored import Stored

from .alerting_world import NOON


class Tenant:
    """A tenant with a budget, and what the log says of it."""

    def __init__(self) -> None:
        self.source = BudgetsSpent()

    def take(self, event: BudgetReached | TenantDefined | TenantRemoved) -> None:
        self.source.take(Stored(event, subject_of(event), 1, NOON))

    def has(self, amount: str, window: str | None = None) -> None:
        budgets = {"tenant": BudgetTerms(amount=amount, window=window)}
        data = TenantDefinition(tenant="acme", max_shots=1, max_active_jobs=1, budgets=budgets, by="ops")
        self.take(TenantDefined(source="qb/broker", data=data))

    def reached(self, share: str, amount: str, window: str = "lifetime", period: str = "all") -> None:
        limit = Amount(amount=amount)
        data = BudgetShare(
            tenant="acme", mark="b1", budget="tenant", period=period, window=window, share=share, limit=limit,
            spent=limit, held=Amount(amount="0"),
        )  # fmt: skip
        self.take(BudgetReached(source="qb/broker", data=data))

    async def at(self, now: datetime = NOON) -> list[bool | None]:
        return [it.firing for it in await self.source.signals(now)]


async def test_a_spent_budget_is_a_ticket_of_billing_about_the_tenant() -> None:
    it = Tenant()
    it.has("5")
    it.reached("0.49", "5")
    assert await it.at() == []
    it.reached("0.50", "5")
    (signal,) = await it.source.signals(NOON)
    assert signal.annotations["summary"] == (
        "acme: the budget tenant of 5 USD is spent to 50 %; jobs that do not fit are refused"
    )
    it.reached("1", "5.0")
    (signal,) = await it.source.signals(NOON)
    assert signal.firing
    assert signal.labels == {
        "alertname": "BudgetSpent", "severity": "ticket", "owner": "billing", "tenant": "acme", "budget": "tenant",
    }  # fmt: skip
    assert signal.annotations["summary"] == (
        "acme: the budget tenant of 5.0 USD is spent to 100 %; jobs that do not fit are refused"
    )
    assert runbook_of("BudgetSpent") == "docs/runbooks/burn.md"


GONE = TenantRemoved(source="qb/broker", data=TenantRemoval(tenant="acme", by="ops"))


@pytest.mark.parametrize("change", ["amount", "window", "tenant"])
async def test_a_larger_budget_another_window_and_a_removed_tenant_end_it(change: str) -> None:
    it = Tenant()
    it.has("5")
    it.reached("1", "5")
    assert await it.at() == [True]
    match change:
        case "amount":
            it.has("6")
        case "window":
            it.has("5", "month")
        case _:
            it.take(GONE)
    assert await it.at() == [False]


@pytest.mark.parametrize(
    ("window", "period", "ends"),
    [("month", "2026-11", datetime(2026, 12, 1, tzinfo=NOON.tzinfo)), ("7d", "2026-11-25", NOON + timedelta(days=7))],
)
async def test_it_ends_with_its_window(window: str, period: str, ends: datetime) -> None:
    it = Tenant()
    it.has("5", window)
    it.reached("1", "5", window, period)
    assert await it.at(ends - timedelta(seconds=1)) == [True]
    assert await it.at(ends) == [False]


async def test_a_budget_of_a_lifetime_stays_spent() -> None:
    it = Tenant()
    it.has("5")
    it.reached("1", "5")
    assert await it.at(NOON + timedelta(days=900)) == [True]
