"""Drift becomes tickets that name what drifts, since when, by how much, and where to look."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import log

from queuebit_alerting.drifting import drift_signals
from queuebit_contracts.alerts import Evidence
from queuebit_drift import QUALITY, CalibrationRow, Finding, Monitor, Sample, Stream, calibrations
from queuebit_drift.samples import CALIBRATIONS

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def _found(stream: Stream, values: list[float]) -> list[Finding]:
    monitor = Monitor(stream, QUALITY)
    samples = (Sample(NOW + timedelta(minutes=20 * at), it, 1000, "c1", f"j{at}") for at, it in enumerate(values))
    return [found for it in samples if (found := monitor.update(it))]


def test_a_loss_of_quality_is_a_ticket_with_its_evidence() -> None:
    stream = Stream("quality", "torino", part="sha256:bell")
    (signal,) = drift_signals(_found(stream, [0.95] * 100 + [0.85] * 20), NOW)
    assert signal.labels == {
        "alertname": "Drift", "severity": "ticket", "source": "drift", "measure": "quality", "backend": "torino",
        "part": "sha256:bell",
    }  # fmt: skip
    assert signal.firing
    assert signal.at == NOW
    since = NOW + timedelta(minutes=20 * 100)
    assert signal.values["since"].startswith(f"{since:%Y-%m-%dT%H:%M}")
    assert signal.annotations["summary"].startswith(
        "torino sha256:bell: quality went from 95.0% to 85.0% since 2026-12-0"
    )
    assert set(signal.evidence.jobs) <= {f"j{it}" for it in range(100, 120)}
    assert signal.evidence.jobs
    assert not signal.evidence.events


def test_the_end_of_a_drift_resolves_the_same_alert() -> None:
    stream = Stream("quality", "torino", part="sha256:bell")
    begun = _found(stream, [0.95] * 100 + [0.85] * 20)
    ended = _found(stream, [0.95] * 100 + [0.85] * 20 + [0.95] * 20)
    (firing,), (resolved,) = drift_signals(begun, NOW), drift_signals(ended, NOW)
    assert (firing.firing, resolved.firing) == (True, False)
    assert firing.alert == resolved.alert
    assert "recovered" in resolved.annotations["summary"]


def test_streams_are_alerts_of_their_own_and_t1_is_stated_as_a_time() -> None:
    rows = [
        CalibrationRow("torino", NOW + timedelta(days=at),
                       {"qubits": [{"t1_s": 1e-4 if at < 30 else 2.5e-5, "readout_error": 0.02 if at < 30 else 0.06}]},
                       f"e{at}")
        for at in range(40)
    ]  # fmt: skip
    found = []
    for stream, samples in calibrations(rows).items():
        monitor = Monitor(stream, CALIBRATIONS)
        found += [it for sample in samples if (it := monitor.update(sample))]
    signals = {it.labels["measure"]: it for it in drift_signals(found, NOW)}
    assert "is 0.25 times" in signals["t1"].annotations["summary"]
    assert "is 3 times" in signals["readout_error"].annotations["summary"]
    assert len({it.alert for it in signals.values()}) == 2
    assert all(it.evidence.events and not it.evidence.jobs for it in signals.values())


def test_what_spends_too_much_is_named_by_its_tenant() -> None:
    (begun,) = _found(Stream("quality", "torino"), [0.95] * 100 + [0.85] * 20)
    spent = replace(begun, stream=Stream("spend", tenant="acme"), before=log(10), after=log(25), evidence=())
    (signal,) = drift_signals([spent], NOW)
    assert signal.labels["tenant"] == "acme"
    assert "backend" not in signal.labels
    assert signal.annotations["summary"].startswith("acme: spend is 2.5 times what it was")
    assert signal.evidence == Evidence()
