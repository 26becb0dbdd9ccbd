"""One stream: its reference, what is drift and what is not, and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import exp, log
from random import Random

import pytest

from queuebit_drift import QUALITY, WAITS, BadSample, BadState, Finding, Monitor, Sample, Stream, Watching

_START = datetime(2026, 11, 2, tzinfo=UTC)
_STREAM = Stream("quality", "torino", part="sha256:bell")


def _share(draw: Random, share: float, shots: int, phi: float = 1.0) -> float:
    """A binomial share with `phi` times the variance of shot noise, in the normal limit."""
    return min(1.0, max(0.0, draw.gauss(share, (phi * share * (1 - share) / shots) ** 0.5)))


def _jobs(draw: Random, shares: list[float], epoch: str = "c1", phi: float = 1.0) -> Iterator[Sample]:
    for number, share in enumerate(shares):
        at = _START + timedelta(minutes=20 * number)
        yield Sample(at, _share(draw, share, 1000, phi), 1000, epoch, f"j{number}")


def _found(monitor: Monitor, samples: Iterator[Sample]) -> list[Finding]:
    return [found for it in samples if (found := monitor.update(it))]


def test_a_sustained_loss_of_quality_is_drift_with_its_beginning_size_and_jobs() -> None:
    monitor = Monitor(_STREAM, QUALITY)
    (drift,) = _found(monitor, _jobs(Random(1), [0.95] * 200 + [0.88] * 30))
    assert (drift.kind, drift.change.direction, drift.stream) == ("drift", "down", _STREAM)
    assert abs(drift.change.since - (_START + timedelta(minutes=20 * 200))) <= timedelta(minutes=40)
    assert drift.before == pytest.approx(0.95, abs=0.005)
    assert drift.after == pytest.approx(0.88, abs=0.02)
    assert 0.002 < drift.effect < 0.02
    assert set(drift.evidence) <= {f"j{it}" for it in range(198, 230)}
    assert monitor.drift == drift


def test_a_significant_change_that_is_too_small_to_matter_is_no_drift() -> None:
    samples = [replace(it, shots=100_000, value=value) for it, value in zip(
        _jobs(Random(1), [0.95] * 400),
        [_share(Random(number), 0.95 if number < 200 else 0.945, 100_000) for number in range(400)],
        strict=True,
    )]  # fmt: skip
    assert _found(Monitor(_STREAM, QUALITY), iter(samples)) == []
    sharper = replace(QUALITY, effect=0.00001)
    assert len(_found(Monitor(_STREAM, sharper), iter(samples))) == 1, "and it was significant"


def test_one_job_is_no_drift() -> None:
    assert _found(Monitor(_STREAM, QUALITY), _jobs(Random(1), [0.95] * 100 + [0.2] + [0.95] * 100)) == []


def test_noise_beyond_shot_noise_is_learned_from_the_reference() -> None:
    for seed in range(20):
        assert _found(Monitor(_STREAM, QUALITY), _jobs(Random(seed), [0.95] * 504, phi=5.1)) == []


def test_another_calibration_starts_a_new_reference_and_ends_a_drift() -> None:
    draw, monitor = Random(1), Monitor(_STREAM, QUALITY)
    first = [*_jobs(draw, [0.95] * 100 + [0.85] * 50)]
    later = [replace(it, at=it.at + timedelta(days=4)) for it in _jobs(draw, [0.85] * 300, "c2")]
    found = _found(monitor, iter([*first, *later]))
    assert [it.kind for it in found] == ["drift", "new reference"]
    assert found[1].change == found[0].change
    assert monitor.reference is not None
    assert monitor.reference.centre == pytest.approx(0.85, abs=0.01)


def test_a_return_to_the_reference_ends_a_drift() -> None:
    found = _found(Monitor(_STREAM, QUALITY), _jobs(Random(1), [0.95] * 100 + [0.85] * 30 + [0.95] * 30))
    assert [(it.kind, it.drifts) for it in found] == [("drift", True), ("recovered", False)]


def test_better_quality_is_a_new_reference_and_no_drift() -> None:
    monitor = Monitor(_STREAM, QUALITY)
    assert _found(monitor, _jobs(Random(1), [0.85] * 100 + [0.95] * 200)) == []
    assert monitor.reference is not None
    assert monitor.reference.centre == pytest.approx(0.95, abs=0.01)


def test_a_restart_at_any_sample_changes_nothing() -> None:
    samples = [*_jobs(Random(3), [0.95] * 80 + [0.85] * 20 + [0.95] * 20)]
    whole = Monitor(_STREAM, QUALITY)
    expected = [whole.update(it) for it in samples]
    assert [it.kind for it in expected if it] == ["drift", "recovered"]
    stopped = Monitor(_STREAM, QUALITY)
    found = []
    for it in samples:
        stopped = Monitor.restored(_STREAM, QUALITY, json.loads(json.dumps(stopped.state())))
        found.append(stopped.update(it))
    assert found == expected
    assert stopped.state() == whole.state()


@pytest.mark.parametrize("state", [{}, {"detector": {"detector": "cusum"}}, {"detector": 3}])
def test_a_state_of_another_program_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(BadState):
        Monitor.restored(_STREAM, QUALITY, state)


def test_a_sample_from_the_past_or_without_a_zone_is_refused() -> None:
    monitor = Monitor(_STREAM, QUALITY)
    monitor.update(Sample(_START, 0.9, 100))
    for bad in (Sample(_START - timedelta(seconds=1), 0.9, 100), Sample(datetime(2026, 12, 1), 0.9, 100),
                Sample(_START, float("nan"), 100)):  # fmt: skip
        before = monitor.state()
        with pytest.raises(BadSample):
            monitor.update(bad)
        assert monitor.state() == before


def _waiting(draw: Random, days: int, slower: float = 1.0) -> Iterator[Sample]:
    """Waits that are nine times as long at noon of a working day."""
    for hour in range(24 * days):
        at = _START + timedelta(hours=hour)
        busy = log(9) if 9 <= at.hour < 15 and at.weekday() < 5 else 0.0
        late = log(slower) if hour >= 24 * (days - 7) else 0.0
        yield Sample(at, 3 + busy + late + draw.gauss(0, 0.4))


def test_busy_hours_are_no_drift_and_longer_waits_are() -> None:
    stream = Stream("wait", "torino")
    assert _found(Monitor(stream, WAITS), _waiting(Random(1), 42)) == []
    (drift,) = _found(Monitor(stream, WAITS), _waiting(Random(1), 42, slower=2.5))
    assert exp(drift.after - drift.before) == pytest.approx(2.5, rel=0.25)
    assert drift.change.at - (_START + timedelta(days=35)) < timedelta(days=7)


def test_equal_values_do_not_make_every_change_significant() -> None:
    watching = Watching(WAITS.detector, "log", effect=0.1, reference=20)
    samples = [Sample(_START + timedelta(hours=it), 1.0 if it < 20 else 1.005) for it in range(200)]
    assert _found(Monitor(Stream("t1", "torino"), watching), iter(samples)) == []


def _waits(draw: Random, factor: float) -> Iterator[Sample]:
    """Waits of 23 days by the hour, each much like the one before; longer by `factor` in the last five days."""
    state = 0.0
    for hour in range(23 * 24):
        state = 0.5 * state + draw.gauss(0, 0.3)
        yield Sample(_START + timedelta(hours=hour), 4 + state + (log(factor) if hour >= 18 * 24 else 0.0))


def test_waits_that_resemble_the_hour_before_are_no_drift_and_twice_as_long_ones_are_found_in_two_days() -> None:
    for seed in range(20):
        assert _found(Monitor(Stream("wait", "torino"), WAITS), _waits(Random(seed), 1.0)) == []
    for seed in range(20):
        found = _found(Monitor(Stream("wait", "torino"), WAITS), _waits(Random(seed), 2.0))
        assert timedelta(0) <= found[0].change.at - (_START + timedelta(days=18)) < timedelta(days=2)
