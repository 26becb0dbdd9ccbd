"""Concurrent clients cannot overdraw a budget."""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal

import pytest

from queuebit import AsyncClient, Refused
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

PRICE = Decimal("0.002")
"""Of a Bell job with 1,000 shots on cirq, whose price has no measured part: the hold is the charge."""
LAST_CENT = Decimal("0.01")
AFFORDABLE = 5
CLIENTS = 50


async def _race(stack: EmbeddedStack, tenant: str) -> list[str]:
    """How the job of each client ended; each has a connection of its own."""

    async def one(client: AsyncClient) -> str:
        job = await client.submit(BELL, shots=1000, backend="cirq", purpose="race")
        try:
            await job.result(timeout=60)
        except Refused as refused:
            return refused.reasons[0].code
        return "completed"

    clients = [AsyncClient(find(stack.home, tenant)) for _ in range(CLIENTS)]
    try:
        return await asyncio.gather(*map(one, clients))
    finally:
        await asyncio.gather(*(client.close() for client in clients))


def test_fifty_clients_that_race_for_the_last_cent_never_overdraw(stack: EmbeddedStack, tenant: str) -> None:
    stack.qb("tenant", "fund", tenant, "main", str(LAST_CENT))
    ends = asyncio.run(_race(stack, tenant))
    assert ends.count("completed") == AFFORDABLE
    assert ends.count("budget_exceeded") == CLIENTS - AFFORDABLE
    assert _charged(stack, tenant) == PRICE * AFFORDABLE
    left = _balances(stack, tenant)
    assert min(left) == left[-1] == 0
    _the_ledger_agrees(stack, tenant)
    verdicts = {it["invariant"]: it for it in stack.ask("verify", accept=(0, 1))}
    assert verdicts["I2"]["findings"] == []
    assert verdicts["I1"]["findings"] == []


def _charged(stack: EmbeddedStack, tenant: str, seconds: float = 30) -> Decimal:
    """What the tenant's jobs cost, once nothing is held for them: a bill follows its result."""
    end = time.monotonic() + seconds
    while (
        Decimal(stack.ask("ledger", "--tenant", tenant)[0]["charged"]) < PRICE * AFFORDABLE and time.monotonic() < end
    ):
        time.sleep(0.2)
    (charged,) = stack.ask("charges", "--tenant", tenant)
    return Decimal(charged["amount"])


def _the_ledger_agrees(stack: EmbeddedStack, tenant: str) -> None:
    """`qb ledger` has the same cent, in double entry, and the entries that lead there."""
    account, total = stack.ask("ledger", "--tenant", tenant)
    assert (account["funding"], account["charged"]) == ("-0.01", "0.01")
    assert {account[it] for it in ("available", "reserved", "held", "sum")} == {"0.00"}
    assert total["sum"] == "0.00"
    entries = stack.ask("ledger", "--tenant", tenant, "--project", "main")
    assert sum(Decimal(it["amount"]) for it in entries) == 0
    assert [it["fact"] for it in entries if it["book"] == "charged"] == ["settled"] * AFFORDABLE


def _balances(stack: EmbeddedStack, tenant: str) -> list[Decimal]:
    """What was left to hold after each event of the account."""
    rows = stack.ask(
        "sql", f"SELECT type, data FROM events WHERE tenant = '{tenant}' AND account = 'main' ORDER BY seq"
    )
    left, balances = Decimal(0), []
    for row in rows:
        data = json.loads(row["data"])
        match row["type"].split("."):
            case [_, _, "funded", _]:
                left += Decimal(data["amount"]["amount"])
            case [_, _, "held", _]:
                left -= Decimal(data["amount"]["amount"])
            case [_, _, "settled", _]:
                left += Decimal(data["released"]["amount"])
            case [_, _, "released", _]:
                left += Decimal(data["amount"]["amount"])
        balances.append(left)
    assert len(balances) >= 2 * AFFORDABLE + 1
    return balances
