"""A grant of the tenants document is on its account at once, and pays before the budget."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from queuebit import AsyncClient
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


def test_a_grant_pays_first(stack: EmbeddedStack, tenant: str) -> None:
    file = stack.home / "tenants.toml"
    grant = f'\n[tenant.{tenant}.grant.spring]\nproject = "main"\namount = "5"\nexpires = "2999-01-01T00:00:00Z"\n'
    file.write_text(file.read_text() + grant)
    stack.qb("tenant", "apply")

    async def paid() -> dict[str, Any]:
        async with AsyncClient(find(stack.home, tenant)) as client:
            await (await client.submit(BELL, shots=1000, backend="cirq")).result(60)  # 0.002 USD
            while True:
                rows = {str(it["kind"]): it for it in await client.balances(project="main")}
                if rows["account"]["held"] == "0.00":
                    return rows["grant"]
                await asyncio.sleep(0.05)

    spring = asyncio.run(paid())
    assert [spring[it] for it in ("name", "project", "limit", "spent", "left")] == [
        "spring", "main", "5.00", "0.002", "4.998"
    ]  # fmt: skip
    (account, _) = stack.ask("ledger", "--tenant", tenant)
    assert (account["granted"], account["charged"], account["sum"]) == ("-5.00", "0.002", "0.00")
    assert f"[tenant.{tenant}.grant.spring]" in stack.qb("tenant", "export")
    assert {it["invariant"]: it["findings"] for it in stack.ask("verify", accept=(0, 1))}["I2"] == []
