"""A budget of this month names the day on which it frees money, announces its shares, and holds in `qb verify`."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from queuebit import AsyncClient, Refused
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

_ANNOUNCED = """SELECT JSONExtractString(data, 'budget') AS budget, JSONExtractString(data, 'share') AS share
FROM events WHERE tenant = '{}' AND type = 'qb.budget.reached.v1' ORDER BY budget, share"""


def _months() -> set[str]:
    """The first day of the next month as refusals write it; of two months, should the month end during the test."""
    today: date = datetime.now(UTC).date()
    firsts = ((day.replace(day=1) + timedelta(days=32)).replace(day=1) for day in (today, today + timedelta(days=1)))
    return {f"{it:%a} {it.day} {it:%b %Y}" for it in firsts}


def test_a_month_and_a_class_have_budgets(stack: EmbeddedStack, tenant: str) -> None:
    stack.qb("tenant", "budget", tenant, "tenant", "0.0025", "--window", "month", "--warn-at", "0.5")
    stack.qb("tenant", "budget", tenant, "class:batch", "0.001", "--soft", "--warn-at", "1")

    async def submit() -> list[str]:
        async with AsyncClient(find(stack.home, tenant)) as client:
            job = await client.submit(BELL, shots=1000, backend="cirq", workload_class="batch")  # 0.002 USD
            try:
                await job.result(60)
            except Refused as refused:
                return [it.text for it in refused.reasons]
            while (await client.balances())[-1]["held"] != "0.00":  # the bill is a moment behind the result
                await asyncio.sleep(0.05)
            return []

    async def announced() -> None:
        expected = [{"budget": "class:batch", "share": "1"}, {"budget": "tenant", "share": "0.5"}]
        while stack.ask("sql", _ANNOUNCED.format(tenant)) != expected:
            await asyncio.sleep(0.2)

    assert asyncio.run(submit()) == []
    (reason,) = asyncio.run(submit())
    assert "budget tenant" in reason
    assert any(f"wait until {day}, when its window, month" in reason for day in _months())
    batch, month = stack.ask("tenant", "budget", tenant)
    assert [batch[it] for it in ("window", "soft", "spent", "left")] == ["lifetime", True, "0.002", "-0.001"]
    assert [month[it] for it in ("window", "soft", "spent", "left")] == ["month", False, "0.002", "0.0005"]
    asyncio.run(announced())
    assert {it["invariant"]: it["findings"] for it in stack.ask("verify", accept=(0, 1))}["I2"] == []
