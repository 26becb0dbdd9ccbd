"""One suite of laws for every event log: the fake tells the truth, the real one is what we think it is."""

from __future__ import annotations

import pytest

from queuebit_runtime.log import EventLog, JetStreamLog
from queuebit_testing.laws import EventLogLaws
from queuebit_testing.memory import MemoryLog


class TestMemory(EventLogLaws):
    @pytest.fixture
    def log(self) -> EventLog:
        return MemoryLog()


@pytest.mark.server
class TestJetStream(EventLogLaws):
    @pytest.fixture
    async def log(self, nats_log: JetStreamLog) -> EventLog:
        return nats_log
