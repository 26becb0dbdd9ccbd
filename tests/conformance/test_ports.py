"""The laws of the ports of kernel and runtime, for each implementation and each fake."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from queuebit_kernel import Clock, FixedClock, SystemClock
from queuebit_runtime.bus import Bus
from queuebit_runtime.payloads import KeyValuePayloads, PayloadStore
from queuebit_testing.laws import ClockLaws, PayloadStoreLaws
from queuebit_testing.memory import MemoryPayloads


class TestMemoryPayloads(PayloadStoreLaws):
    @pytest.fixture
    def payloads(self) -> PayloadStore:
        return MemoryPayloads()


@pytest.mark.server
class TestKeyValuePayloads(PayloadStoreLaws):
    @pytest.fixture
    def payloads(self, broker_bus: Bus) -> PayloadStore:
        return KeyValuePayloads(broker_bus)


class TestFixedClock(ClockLaws):
    @pytest.fixture
    def clock(self) -> Clock:
        return FixedClock()

    @pytest.fixture
    def later(self, clock: FixedClock) -> Callable[[], None]:
        return lambda: clock.advance(0.001)


class TestSystemClock(ClockLaws):
    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()

    @pytest.fixture
    def later(self, clock: Clock) -> Callable[[], None]:
        def tick() -> None:
            before = clock.now(), clock.monotonic()
            while before[0] == clock.now() or before[1] == clock.monotonic():
                pass

        return tick
