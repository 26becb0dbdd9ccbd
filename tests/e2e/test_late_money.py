"""A run that is cancelled is billed once its executor says what it used; a budget over accounts refuses by name."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from queuebit import AsyncClient, Refused
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

QUBITS, LAYERS = 20, 25
LONG = "\n".join([
    "OPENQASM 3.0;",
    'include "stdgates.inc";',
    f"qubit[{QUBITS}] q;",
    f"bit[{QUBITS}] c;",
    *(f"rx(0.3) q[{it}]; cx q[{it}], q[{(it + 1) % QUBITS}];" for _ in range(LAYERS) for it in range(QUBITS)),
    "c = measure q;",
])  # fmt: skip
"""Seconds of simulation, since no shorter method knows its gates."""


def test_a_cancelled_run_is_billed_for_the_time_it_took(stack: EmbeddedStack, tenant: str) -> None:
    async def cancelled_run() -> tuple[Decimal, int]:
        async with AsyncClient(find(stack.home, tenant)) as client:
            job = await client.submit(LONG, shots=10, backend="aer")
            assert (await job.until(("started", "rejected"), 60)).type == "qb.job.started.v1", await job.status()
            assert (await job.cancel("enough seen", 30)).state == "cancelled"
            while sum(it.event == "sealed" for it in (await job.status()).steps) < 2:
                await asyncio.sleep(0.05)
            status = await job.status()
            assert not status.provisional
            while (main := (await client.balances(project="main"))[0])["held"] != "0.00":
                await asyncio.sleep(0.05)
            assert status.charge is not None
            assert Decimal(str(main["spent"])) == status.charge.amount
            return status.charge.amount, (await job.receipt(30)).revision

    charge, revision = asyncio.run(cancelled_run())
    assert charge > 0
    assert revision == 1
    assert {it["invariant"]: it["findings"] for it in stack.ask("verify", accept=(0, 1))}["I2"] == []
    (charged,) = stack.ask("charges", "--tenant", tenant)
    assert Decimal(charged["amount"]) == charge


def test_a_budget_over_accounts_refuses_by_name(stack: EmbeddedStack, tenant: str) -> None:
    stack.qb("tenant", "budget", tenant, "user:me", "0.0025")
    stack.qb("tenant", "project", "add", tenant, "other", "--budget", "10")

    async def ask(project: str) -> list[str]:
        async with AsyncClient(find(stack.home, tenant)) as client:
            job = await client.submit(BELL, shots=1000, backend="cirq", project=project, tags=["thesis"])
            try:
                await job.result(60)
            except Refused as refused:
                return [it.text for it in refused.reasons]
            while (await client.balances(project=project))[0]["held"] != "0.00":  # the bill is a moment before
                await asyncio.sleep(0.05)
            return []

    assert asyncio.run(ask("main")) == []  # 0.002 USD on cirq
    (reason,) = asyncio.run(ask("other"))
    assert "budget user:me" in reason
    assert "has 0.0005 USD left" in reason
    (left,) = stack.ask("tenant", "budget", tenant, "user:me")
    assert (left["spent"], left["left"]) == ("0.002", "0.0005")
