"""When a source is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from queuebit_alerting.pacing import OnChange
from queuebit_alerting.ports import PartlyMeasured
from queuebit_alerting.state import Signal
from queuebit_kernel import FixedClock

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ROUND_S = 10


class _Source:
    def __init__(self) -> None:
        self.asked = 0
        self.partly = False

    async def signals(self, now: datetime) -> Sequence[Signal]:
        self.asked += 1
        signals = [Signal({"asked": str(self.asked)}, {}, firing=False, at=now)]
        if self.partly:
            raise PartlyMeasured("half of it", signals)
        return signals


class _Rounds:
    """A source that is asked every ten seconds while the test says how far the log is."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOON)
        self.source = _Source()
        self.end = 1
        self.paced = OnChange(self.source, self._log_end, self.clock, every_s=30, late_s=20)

    async def _log_end(self) -> int:
        return self.end

    def round(self) -> int:
        """How often the source was asked after this round; a repeat says what the last answer said."""
        self.clock.advance(ROUND_S)
        (said,) = asyncio.run(self.paced.signals(self.clock.now()))
        assert said.labels["asked"] == str(self.source.asked)
        return self.source.asked


def test_a_log_that_rests_is_looked_at_every_thirty_seconds() -> None:
    rounds = _Rounds()
    assert [rounds.round() for _ in range(8)] == [1, 2, 2, 2, 3, 3, 3, 4]


def test_an_event_counts_until_the_warehouse_must_have_it() -> None:
    rounds = _Rounds()
    before = [rounds.round() for _ in range(4)][-1]
    rounds.end = 2
    assert [rounds.round() - before for _ in range(5)] == [1, 2, 2, 2, 3]


def test_a_source_that_could_not_say_all_is_asked_again() -> None:
    rounds = _Rounds()
    for _ in range(4):
        rounds.round()
    rounds.source.partly, before = True, rounds.source.asked
    for _ in range(3):
        with pytest.raises(PartlyMeasured):
            rounds.round()
    assert rounds.source.asked == before + 3
