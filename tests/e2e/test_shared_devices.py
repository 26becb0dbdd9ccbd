"""Circuits of two tenants that agreed are on a device at once, each for its share; those of a third never."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from queuebit import AsyncClient
from queuebit.credentials import find
from queuebit_contracts.job import Completion, JobCompleted
from queuebit_contracts.wire import UnknownEvent
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

DEVICE = "emulated-ibm-torino"
_LAYER = "h q; " + "".join(f"cx q[{it}], q[{it + 1}]; " for it in range(11))
SLOW = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[12]; creg c[12]; ' + _LAYER * 5 + "measure q -> c;"
"""Keeps the device busy for some seconds, so that others wait for it."""
WANTED = {"sharinga": "anyone", "sharingb": "anyone", "sharingc": "tenant", "sharingd": "never"}


async def submitted(stack: EmbeddedStack, tenant: str, count: int, *, alone: bool = False) -> list[str]:
    async with AsyncClient(find(stack.home, tenant)) as client:
        submit = (client.submit(BELL, shots=200, backend=DEVICE, alone=alone) for _ in range(count))
        jobs = await asyncio.gather(*submit)
        await asyncio.gather(*(it.charge(100) for it in jobs))
        return [it.id for it in jobs]


async def together(stack: EmbeddedStack) -> list[list[str]]:
    async with AsyncClient(find(stack.home, "sharingd")) as client:
        slow = await client.submit(SLOW, shots=100, backend=DEVICE)
        while (await slow.status()).state != "started":
            await asyncio.sleep(0.05)
    work = [submitted(stack, it, 8) for it in WANTED]
    return await asyncio.gather(*work, submitted(stack, "sharinga", 4, alone=True))


async def ends(stack: EmbeddedStack, tenant: str, jobs: Sequence[str]) -> tuple[dict[str, Completion], str]:
    """The data of each end, and everything that the tenant can read of its jobs, as text."""
    async with AsyncClient(find(stack.home, tenant)) as client:
        log = client._log_client()
        histories = [await log.history(job) for job in jobs]
    events = [it.event for history in histories for it in history]
    text = "".join(it.model_dump_json() for it in events if not isinstance(it, UnknownEvent))
    return {it.data.job: it.data for it in events if isinstance(it, JobCompleted)}, text


def charge(stack: EmbeddedStack, job: str) -> Decimal:
    return Decimal(stack.ask("job", "show", job, "--tenant", "sharinga")["charge"]["amount"])


def test_devices_are_shared_by_consent_and_nothing_tells_with_whom(stack: EmbeddedStack) -> None:
    for tenant, word in WANTED.items():
        stack.qb("tenant", "add", tenant, "--budget", "1000")
        stack.qb("tenant", "limit", tenant, "main", "--shared-device", word)
    *of_tenants, alone = asyncio.run(together(stack))
    jobs = dict(zip(WANTED, of_tenants, strict=True))
    known = {tenant: asyncio.run(ends(stack, tenant, ids)) for tenant, ids in jobs.items()}
    runs = {tenant: [it.shared for it in found.values() if it.shared] for tenant, (found, _) in known.items()}
    assert runs["sharingd"] == []
    assert {it.run for it in runs["sharinga"]} & {it.run for it in runs["sharingb"]}, "no run had both"
    assert {it.run for it in runs["sharingc"]}.isdisjoint(it.run for it in runs["sharinga"] + runs["sharingb"])
    apart, _ = asyncio.run(ends(stack, "sharinga", alone))
    assert all(it.shared is None for it in apart.values())

    for tenant, (_, text) in known.items():
        others = [it for it in WANTED if it != tenant] + [job for it in WANTED if it != tenant for job in jobs[it]]
        assert not [it for it in others if it in text]

    shared = [job for job, end in known["sharinga"][0].items() if end.shared]
    assert 0 < 2 * charge(stack, shared[0]) <= charge(stack, alone[0])
    shown = stack.qb("job", "show", shared[0], "--tenant", "sharinga")
    assert "other circuit" in shown
    explained = stack.qb("job", "explain", shared[0], "--tenant", "sharinga")
    assert "at the same time as" in explained
    ours = [*WANTED, *(job for ids in (*of_tenants, alone) for job in ids)]
    found = [it for verdict in stack.ask("verify", accept=(0, 1)) for it in verdict["findings"]]
    assert not [it for it in found if any(one in str(it) for one in ours)]
