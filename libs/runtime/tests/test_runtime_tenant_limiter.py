"""A tenant that sends thousands makes only itself wait."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from faststream.nats import NatsRouter

from queuebit_contracts.job import JobSubmitted
from queuebit_runtime.bus import Bus
from queuebit_runtime.consumers import subscribes
from queuebit_runtime.tenant_limiter import PLACES, WEIGHT, Crowded, TenantLimiter
from queuebit_testing.build import submitted
from queuebit_testing.server import NatsServer


async def test_a_tenant_has_its_turns_whatever_others_do() -> None:
    lines = TenantLimiter(2)
    async with AsyncExitStack() as busy:
        for _ in range(2):
            await busy.enter_async_context(lines.turn("acme", 100))
        third = asyncio.ensure_future(busy.enter_async_context(lines.turn("acme", 100)))
        async with lines.turn("bolt", 100):
            assert not third.done()
        third.cancel()
    async with lines.turn("acme", 100):
        pass


async def test_a_line_leaves_room_for_another() -> None:
    lines = TenantLimiter(100, room=6 * WEIGHT)
    async with AsyncExitStack() as waiting:
        for _ in range(3):  # half the room, since another may come
            await waiting.enter_async_context(lines.turn("acme", 0))
        with pytest.raises(Crowded):
            await waiting.enter_async_context(lines.turn("acme", 0))
        await waiting.enter_async_context(lines.turn("bolt", 0))
        await waiting.enter_async_context(lines.turn("bolt", 0))
        with pytest.raises(Crowded):
            await waiting.enter_async_context(lines.turn("bolt", 0))
    async with lines.turn("acme", 0):
        pass


async def test_large_messages_fill_a_line_sooner_and_one_always_finds_room() -> None:
    lines = TenantLimiter(100, room=4 * WEIGHT)
    async with lines.turn("acme", 100 * WEIGHT), lines.turn("bolt", 0):
        with pytest.raises(Crowded):
            await lines.turn("acme", 0).__aenter__()


@pytest.mark.server
async def test_submissions_that_take_long_hold_up_no_one_else(fresh_server: NatsServer) -> None:
    bus = Bus("broker", fresh_server.url, fresh_server.seeds["broker"])
    bus.separate_tenants("broker-submitted", 2)
    router, may_end, begun, decided = NatsRouter(), asyncio.Event(), 0, asyncio.Queue[str]()

    @subscribes(router, "broker-submitted", workers=PLACES)
    async def on_submitted(event: JobSubmitted) -> None:
        nonlocal begun
        begun += 1
        if event.data.tenant == "acme":
            await may_end.wait()
        decided.put_nowait(event.data.tenant)

    async with asyncio.timeout(20):
        ann, eve = await fresh_server.connect("acme/ann"), await fresh_server.connect("evil/eve")
        for client, tenant, number in ((ann, "acme", 40), (eve, "evil", 1)):
            for key in range(number):
                event = submitted(f"{key}", tenant=tenant)
                subject = f"qb.job.{tenant}.{event.data.job}.submitted"
                await client.jetstream().publish(subject, event.to_bytes(), stream="LOG")
        await bus.connect()
        bus.broker.include_router(router)
        await bus.start()
        assert await decided.get() == "evil"
        assert begun == 3  # two of acme's, side by side
        may_end.set()
        assert [await decided.get() for _ in range(40)] == ["acme"] * 40
    for client in (ann, eve):
        await client.close()
    await bus.close()
