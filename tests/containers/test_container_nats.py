"""The laws of the event log, on the NATS image of production."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import nats
import pytest
from nats.errors import Error as NatsError

from queuebit_contracts.topology import LOG, inbox_of
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import EventLog, JetStreamLog
from queuebit_runtime.provision import provision
from queuebit_stack.home import Home
from queuebit_testing.laws import EventLogLaws, Publish
from queuebit_testing.server import declared

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]  # the first run fetches an image


@pytest.fixture(scope="module")
def provisioned(nats_url: str, prepared: Home) -> str:
    async def lay_out() -> None:
        seed, inbox = str(prepared.seed_file("provisioner")), inbox_of("provisioner").encode()
        client = await nats.connect(nats_url, nkeys_seed=seed, inbox_prefix=inbox)
        await provision(client, declared())
        await client.close()

    asyncio.run(lay_out())
    return nats_url


class TestNatsImage(EventLogLaws):
    @pytest.fixture
    async def bus(self, provisioned: str, prepared: Home) -> AsyncIterator[Bus]:
        bus = Bus("broker", provisioned, prepared.seed_file("broker").read_text().strip())
        await bus.connect()
        yield bus
        await bus.close()

    @pytest.fixture
    def log(self, bus: Bus) -> EventLog:
        return JetStreamLog(bus)

    @pytest.fixture
    def publish(self, bus: Bus) -> Publish:
        async def publish(subject: str, body: bytes) -> int:
            return (await bus.client.jetstream().publish(subject, body, stream=LOG)).seq

        return publish


async def test_a_connection_without_a_key_is_refused(nats_url: str) -> None:
    """The server asks the broker about it, and refuses after five seconds, because none answers."""

    async def quiet(error: Exception) -> None:
        del error

    async def log_in() -> None:
        client = await nats.connect(nats_url, allow_reconnect=False, error_cb=quiet, connect_timeout=30)
        await client.flush(5)  # `connect` may return when the server closes the connection

    with pytest.raises(NatsError):
        await log_in()
