"""Results that a device gives while an alert says that its results drift are suspect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from queuebit_contracts.alerts import AlertFired, AlertResolved, Evidence, Firing, Resolution
from queuebit_contracts.job import JobCompleted
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.subjects_alerting import fingerprint
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.suspicion import Drifts
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock
from queuebit_runtime.stored import Stored

from .conftest import ME, World


def _drift(**labels: str) -> Firing:
    known = {"alertname": "Drift", "severity": "ticket", "measure": "quality", "backend": "aer", **labels}
    since = datetime(2026, 11, 30, 12, tzinfo=UTC)
    return Firing(alert=fingerprint(known), number=1, labels=known, starts_at=since + timedelta(minutes=20),
                  evidence=Evidence(since=since))  # fmt: skip


def _folded(*facts: Firing | Resolution) -> Drifts:
    drifts = Drifts()
    for number, it in enumerate(facts, 1):
        event = AlertFired(source="qb/alerting", data=it) if isinstance(it, Firing) else AlertResolved(
            source="qb/alerting", data=it)  # fmt: skip
        drifts.take(Stored(event, subject_of(event), number, it.starts_at))
    return drifts


@pytest.mark.parametrize(
    ("labels", "suspect"),
    [({}, True), ({"backend": "cirq"}, False), ({"measure": "wait"}, False), ({"alertname": "Other"}, False)],
)
async def test_a_result_is_suspect_while_an_alert_says_that_results_of_its_backend_drift(
    world: World, labels: dict[str, str], suspect: bool
) -> None:
    drifts = _folded(_drift(**labels))
    run = RunPlacement(
        world.log, world.payloads, world.circuits, FixedClock(), JobWatch(world.log), me=ME, doubt=drifts.reason
    )
    event, sequence = await world.place()
    await run(event, sequence)
    (end,) = world.log.events(JobCompleted)
    assert (end.data.suspect is not None) == suspect
    assert end.data.suspect is None or (end.data.suspect.code, "since 2026-11-30 12:00" in end.data.suspect.text) == (
        "drifted", True,
    )  # fmt: skip


def test_the_end_of_the_drift_ends_the_doubt() -> None:
    fired = _drift()
    over = Resolution(
        alert=fired.alert, number=1, labels=fired.labels, starts_at=fired.starts_at, ended_at=fired.starts_at
    )
    assert _folded(fired).reason("aer") is not None
    assert _folded(fired, over).reason("aer") is None
