"""Calibrations that cannot be read or are overdue, and bills that differ, as tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from queuebit_alerting.bills import Bills
from queuebit_alerting.calibrating import Calibrations, overdue_after
from queuebit_alerting.pacing import Paced
from queuebit_alerting.policy import merged
from queuebit_alerting.ports import BackendState, PartlyMeasured
from queuebit_alerting.state import Signal
from queuebit_contracts.backend import CalibrationAttempt
from queuebit_contracts.wire import Reason
from queuebit_kernel import Unavailable

from .alerting_world import NOON, TurnableClock

DAY = 86_400
TIMED_OUT = Reason(code="vendor_timeout", text="the vendor did not answer within 60 s")


class Devices:
    """A warehouse and a scheduler that say what a test wants."""

    def __init__(self) -> None:
        self.now = NOON
        self.ages_h: Sequence[float] = (48, 24, 0)
        self.kind = "qpu"
        self.failing_h: float | None = None
        self.is_away = self.is_incomplete = False

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        moments = [int((NOON - timedelta(hours=it)).timestamp()) for it in self.ages_h]
        return [{"backend": "torino", "kind": self.kind, "vendor": "ibm", "moments": moments, "event": "e7"}]

    async def backends(self) -> Sequence[BackendState]:
        if self.is_away:
            raise Unavailable("no scheduler")
        since = None if self.failing_h is None else NOON - timedelta(hours=self.failing_h)
        attempt = CalibrationAttempt(attempted_at=NOON, failing_since=since, reason=since and TIMED_OUT)
        return [BackendState("torino", live=True, calibration=attempt), BackendState("aer", live=True)]

    async def complete(self) -> None:
        if self.is_incomplete:
            raise Unavailable("the warehouse is late")

    async def of(self) -> dict[str, Signal]:
        return {it.labels["alertname"]: it for it in await Calibrations(self, self, self.complete).signals(NOON)}


async def test_a_device_that_was_calibrated_is_well() -> None:
    assert {name: it.firing for name, it in (await Devices().of()).items()} == {
        "CalibrationMissing": False,
        "CalibrationFailing": False,
    }


async def test_a_calibration_is_overdue_after_three_of_its_own_intervals() -> None:
    it = Devices()
    for ages, expected in (
        ((96, 72, 48), False),  # one a day, and two days old
        ((121, 97, 73), True),
        ((44, 40, 37), True),  # every four hours: a day and a half is the least
        ((35, 31, 27), False),
        ((20 * 24, 13 * 24, 6 * 24), False),  # one a week
        ((37,), True),
    ):
        it.ages_h = ages
        assert (await it.of())["CalibrationMissing"].firing is expected, ages
    missing = (await it.of())["CalibrationMissing"]
    assert missing.evidence.events == ("e7",)
    assert missing.evidence.since == NOON - timedelta(hours=1)
    assert "2026-11-28 23:00 UTC, and one was due after 1 day, 12:00:00" in missing.annotations["summary"]


async def test_recordings_and_devices_without_calibrations_are_never_overdue() -> None:
    it = Devices()
    it.ages_h = ()
    assert "CalibrationMissing" not in await it.of()
    it.ages_h, it.kind = (9_999,), "emulated"
    assert "CalibrationMissing" not in await it.of()


async def test_attempts_that_fail_for_half_an_hour_are_a_ticket_with_the_reason() -> None:
    it = Devices()
    for hours, expected in ((0.4, None), (0.5, True), (30, True)):
        it.failing_h = hours
        failing = (await it.of())["CalibrationFailing"]
        assert failing.firing is expected
    assert failing.annotations["summary"].endswith("2026-11-29 06:00 UTC: the vendor did not answer within 60 s")
    assert failing.values == {"reason": "vendor_timeout"}


async def test_failing_attempts_at_a_quantum_computer_join_the_stream_of_its_vendor() -> None:
    it = Devices()
    it.failing_h = 2
    jobs = Signal(
        {"alertname": "ErrorBudgetBurn", "severity": "ticket", "indicator": "vendor-error", "vendor": "ibm"},
        {}, firing=False, at=NOON,
    )  # fmt: skip
    (stream,) = [one for one in merged([jobs, *(await it.of()).values()]) if one.labels["alertname"] == "VendorErrors"]
    assert (stream.firing, stream.labels["vendor"]) == (True, "ibm")
    assert "torino: no calibration can be read" in stream.annotations["summary"]
    it.kind = "emulated"
    assert [one.labels["alertname"] for one in merged([*(await it.of()).values()])] == ["CalibrationFailing"]


async def test_a_scheduler_or_a_warehouse_that_is_away_changes_nothing() -> None:
    it = Devices()
    it.is_away = True
    with pytest.raises(PartlyMeasured) as partly:
        await it.of()
    assert [one.labels["alertname"] for one in partly.value.signals] == ["CalibrationMissing"]
    it.is_incomplete = True
    with pytest.raises(Unavailable, match="late"):
        await it.of()


def test_equal_intervals_have_their_own_limit() -> None:
    moments = [DAY * it for it in range(5)]
    assert {later - earlier for earlier, later in pairwise(moments)} == {DAY}
    assert overdue_after(moments) == timedelta(days=3)


async def test_a_bill_that_differs_is_a_ticket_of_the_billing_team() -> None:
    differing = {"vendor": "ionq", "statement": "2026-10-ab12", "event": "e1", "imported_at": int(NOON.timestamp())}

    class Imported:
        cases = 3

        async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
            kinds = ["extra", "amount"] if self.cases else []
            return [
                {**differing, "vendor": "iqm", "cases": 0, "kinds": []},
                {**differing, "cases": str(self.cases), "kinds": kinds},
                {**differing, "cases": "0", "kinds": [], "event": "e2"},
            ]

    async def complete() -> None:
        pass

    it = Imported()
    iqm, ionq = await Bills(it, complete).signals(NOON)
    assert (iqm.firing, ionq.firing) == (False, True)
    assert ionq.labels == {"alertname": "BillDiffers", "severity": "ticket", "owner": "billing", "vendor": "ionq"}
    assert ionq.annotations["summary"] == (
        "ionq: 3 lines or charges of the bill 2026-10-ab12 differ by more than rounding: extra, amount"
    )
    assert (ionq.evidence.events, ionq.evidence.since) == (("e1",), NOON)
    it.cases = 0
    assert [one.firing for one in await Bills(it, complete).signals(NOON)] == [False, False]


async def test_a_source_that_is_asked_once_a_minute_repeats_what_it_said() -> None:
    clock = TurnableClock()

    class Source:
        asked = 0
        fault: Exception | None = None

        async def signals(self, now: datetime) -> Sequence[Signal]:
            self.asked += 1
            if self.fault is not None:
                raise self.fault
            return [Signal({"alertname": f"a{self.asked}"}, {}, firing=True, at=now)]

    source = Source()
    paced = Paced(source, 60, clock)

    async def names() -> list[str]:
        clock.passes(10)
        return [it.labels["alertname"] for it in await paced.signals(clock.now())]

    assert [await names() for _ in range(7)] == [["a1"]] * 6 + [["a2"]]
    clock.passes(60)
    source.fault = Unavailable("away")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await names()
    assert source.asked == 4, "asked again in the next round"
    source.fault = PartlyMeasured("one of two", [Signal({"alertname": "b"}, {}, firing=True, at=NOON)])
    for _ in range(6):
        with pytest.raises(PartlyMeasured):
            await names()
    assert source.asked == 5
