"""What fleet could not settle itself is a ticket until its cause ends."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from queuebit_alerting.fleet import FleetTickets
from queuebit_contracts.backend import BackendCalibrated, Calibration
from queuebit_contracts.calendar import BackendWindowPlanned, PlannedWindow
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.fleet import (
    BackendCalibrationUnplanned,
    BackendDegraded,
    BackendReadmitted,
    BackendRecalibrationAsked,
    Degradation,
    Observation,
    Readmission,
    Recalibration,
    UnplannedCalibration,
)
from queuebit_contracts.runbooks import runbook_of
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import digest
from queuebit_runtime.stored import Stored

from .alerting_world import NOON

HOUR = timedelta(hours=1)
WHY = Reason(code="elements", text="coupler 0-1 is dead")


def degraded(*couplers: tuple[int, int], calibration: str | None = None) -> BackendDegraded:
    seen = (Observation(measure="two_qubit_error", element="0-1", value="1", event="c1"),)
    data = Degradation(
        backend="torino", at=NOON, couplers=couplers, reason=WHY, evidence=seen, by="fleet", calibration=calibration
    )
    return BackendDegraded(source="qb/fleet", data=data)


def asked(code: str = "elements", outcome: str = "accepted") -> BackendRecalibrationAsked:
    reason = Reason(code=code, text="it is bad")
    error = None if outcome == "accepted" else "it answered with 503"
    data = Recalibration(backend="torino", reason=reason, since=NOON, at=NOON, outcome=outcome, tries=1, error=error)
    return BackendRecalibrationAsked(source="qb/fleet", data=data)


def unplanned() -> BackendCalibrationUnplanned:
    reason = Reason(code="no_place", text="there is no place")
    data = UnplannedCalibration(backend="torino", at=NOON, due_at=NOON + HOUR, rule="every 24 h", reason=reason)
    return BackendCalibrationUnplanned(source="qb/fleet", data=data)


def calibrated(at: datetime) -> BackendCalibrated:
    inline = Payload(digest=digest(b"{}"), size=2, media_type="application/json", inline="{}")
    data = Calibration(backend="torino", calibrated_at=at, snapshot=inline, digest=digest(b"{}"))
    return BackendCalibrated(source="qb/executor", data=data)


def window(kind: str) -> BackendWindowPlanned:
    data = PlannedWindow(backend="torino", window="w1", kind=kind, starts_at=NOON, ends_at=NOON + HOUR)
    return BackendWindowPlanned(source="qb/broker", data=data)


CAME = degraded((0, 1), calibration=digest(b"{}"))


def readmitted() -> BackendReadmitted:
    data = Readmission(backend="torino", isolated_since=NOON, at=NOON, reason=WHY, by="fleet")
    return BackendReadmitted(source="qb/scheduler", data=data)


def firing(*events: AnyEvent) -> dict[str, bool | None]:
    """Whether each alert that ever fired fires."""
    source = FleetTickets()
    for sequence, event in enumerate(events):
        source.take(Stored(event, subject_of(event), sequence, NOON))
    return {it.labels["alertname"]: it.firing for it in asyncio.run(source.signals(NOON))}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([degraded((0, 1))], {"BackendDegraded": True}, id="degraded"),
        pytest.param([degraded((0, 1)), degraded((0, 1), (1, 2))], {"BackendDegraded": True}, id="more are out"),
        pytest.param([degraded((0, 1)), degraded()], {"BackendDegraded": False}, id="whole again"),
        pytest.param([degraded()], {}, id="never degraded"),
        pytest.param([calibrated(NOON), CAME], {}, id="it came so"),
        pytest.param([calibrated(NOON), CAME, degraded((0, 1), (1, 2))], {"BackendDegraded": True}, id="then worse"),
        pytest.param(
            [calibrated(NOON), CAME, degraded((0, 1), (1, 2)), degraded((0, 1))],
            {"BackendDegraded": False},
            id="then as it came",
        ),
        pytest.param([asked()], {"CalibrationAsked": True}, id="asked"),
        pytest.param([asked(), calibrated(NOON + HOUR)], {"CalibrationAsked": False}, id="calibrated"),
        pytest.param([asked(), calibrated(NOON - HOUR)], {"CalibrationAsked": True}, id="an older calibration"),
        pytest.param([asked("drift"), readmitted()], {"CalibrationAsked": False}, id="readmitted"),
        pytest.param([asked("window")], {}, id="a planned window"),
        pytest.param([asked("window", "given_up")], {"CalibrationAsked": True}, id="a window without an answer"),
        pytest.param([unplanned()], {"CalibrationUnplanned": True}, id="no place"),
        pytest.param([unplanned(), window("maintenance")], {"CalibrationUnplanned": True}, id="another window"),
        pytest.param([unplanned(), window("calibration")], {"CalibrationUnplanned": False}, id="planned"),
        pytest.param([unplanned(), calibrated(NOON)], {"CalibrationUnplanned": False}, id="done"),
        pytest.param([calibrated(NOON), readmitted(), window("calibration")], {}, id="nothing was wrong"),
    ],
)
def test_a_ticket_lasts_as_long_as_its_cause(events: list[AnyEvent], expected: dict[str, bool]) -> None:
    assert firing(*events) == expected


def test_a_ticket_says_what_is_wrong_and_where_to_look() -> None:
    source = FleetTickets()
    fact = degraded((0, 1))
    for event in (fact, asked(outcome="given_up")):
        source.take(Stored(event, subject_of(event), 1, NOON))
    first, second = asyncio.run(source.signals(NOON))
    assert (first.annotations["summary"], first.evidence.events) == ("coupler 0-1 is dead", (fact.id, "c1"))
    assert "could not be asked to calibrate torino (it answered with 503)" in second.annotations["summary"]
    assert {it.labels["severity"] for it in (first, second)} == {"ticket"}
    for name in ("BackendDegraded", "CalibrationAsked", "CalibrationUnplanned"):
        assert not runbook_of(name).endswith("README.md")
