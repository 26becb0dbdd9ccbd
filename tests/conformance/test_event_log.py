"""The laws of `EventLog`, for the fake and for JetStream."""

from __future__ import annotations

import pytest

from queuebit_contracts.topology import LOG
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import EventLog, JetStreamLog
from queuebit_testing.laws import EventLogLaws, Publish
from queuebit_testing.memory import MemoryLog


class TestMemory(EventLogLaws):
    @pytest.fixture
    def log(self) -> MemoryLog:
        return MemoryLog()

    @pytest.fixture
    def publish(self, log: MemoryLog) -> Publish:
        async def publish(subject: str, body: bytes) -> int:
            return log.publish(subject, body)

        return publish


@pytest.mark.server
class TestJetStream(EventLogLaws):
    @pytest.fixture
    async def log(self, nats_log: JetStreamLog) -> EventLog:
        return nats_log

    @pytest.fixture
    def publish(self, broker_bus: Bus) -> Publish:
        async def publish(subject: str, body: bytes) -> int:
            return (await broker_bus.client.jetstream().publish(subject, body, stream=LOG)).seq

        return publish
