"""Nothing fires where nothing is wrong, and something does where something is: the bench runs more of the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.bench import quiet
from tests.bench.quiet import BEGAN, Quiet, false_alarms

from queuebit_alerting.ports import BackendState

pytestmark = pytest.mark.timeout(180)


def test_a_day_without_a_fault_has_no_alarm() -> None:
    fired, streams = false_alarms(1, 1)
    assert not fired
    assert streams > 300


def test_the_same_history_has_an_alarm_of_each_source_with_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the absence of alarms would say nothing."""

    class Faulty(Quiet):
        def __init__(self, seed: int, days: int) -> None:
            super().__init__(seed, days)
            middle = 4 * 144 + 72
            for name, bad in self._bad.items():
                self._bad[name] = [it + max(0, place - middle) * 30 for place, it in enumerate(bad)]

        async def backends(self) -> tuple[BackendState, ...]:
            found, since = await super().backends(), BEGAN + timedelta(hours=12)
            is_down = self.clock.now() > since
            return tuple(
                BackendState(it.backend, live=not is_down, silent_since=since if is_down else None) for it in found
            )

        def _ran(self, at):  # type: ignore[no-untyped-def]
            rows = super()._ran(at)
            for it in rows if at > BEGAN + timedelta(hours=12) else ():
                it["counts"] = {"00": 300, "11": 300, "01": 400}
            return rows

    monkeypatch.setattr(quiet, "Quiet", Faulty)
    fired, _ = false_alarms(1, 1)
    assert {"ErrorBudgetBurn", "VendorErrors", "BackendDown", "Drift quality"} <= fired.keys()
