"""Batches while a member keeps others open; the server allows fifty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from queuebit_contracts.account import AccountFunded, Funding
from queuebit_contracts.wire import Amount
from queuebit_kernel import Unavailable
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import Guarded, JetStreamLog
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

OPEN = 50


@pytest.fixture
async def ann(fresh_server: NatsServer) -> AsyncIterator[Client]:
    """Holds as many batches open as there may be."""
    ann = await fresh_server.connect("broker")
    for number in range(OPEN):
        await ann.request("qb.job.acme.j1.submitted", b"", headers=_headers(number, 1))
    yield ann
    await ann.close()


def _headers(number: int, place: int, **more: str) -> dict[str, str]:
    return {"Nats-Batch-Id": f"b{number}", "Nats-Batch-Sequence": str(place)} | more


def _facts() -> list[Guarded]:
    data = Funding(tenant="acme", account="main", amount=Amount(amount="1"))
    return [Guarded(AccountFunded(source="t", data=data), after=0), Guarded(AccountFunded(source="t", data=data))]


async def test_a_batch_begins_as_soon_as_another_ends(ann: Client, bus: Bus) -> None:
    appending = asyncio.ensure_future(JetStreamLog(bus).append_all(_facts()))
    await asyncio.wait([appending], timeout=0.1)
    assert not appending.done()
    await ann.request("qb.job.acme.j1.submitted", b"", headers=_headers(0, 2, **{"Nats-Batch-Commit": "1"}))
    assert await appending == 4


async def test_a_batch_that_may_not_begin_is_reported(ann: Client, bus: Bus) -> None:
    with pytest.raises(Unavailable, match="too many"):
        await JetStreamLog(bus).append_all(_facts())
