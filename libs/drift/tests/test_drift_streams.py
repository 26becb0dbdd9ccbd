"""Rows become streams: each row once, in the order of time, and what is unusable is left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import exp
from random import Random

import pytest

from queuebit_drift import CalibrationRow, JobRow, Stream, calibrations, quality, spend, success, waits

_START = datetime(2026, 11, 2, tzinfo=UTC)
_BELL = "sha256:bell"


def _job(number: int, **values: object) -> JobRow:
    given: dict[str, object] = {"job": f"j{number}", "tenant": "acme", "backend": "torino", "circuit": _BELL}
    given |= {"at": _START + timedelta(minutes=number), "calibration": "c1"}
    return JobRow(**(given | values))  # type: ignore[arg-type]  # fields of a row


def test_late_and_repeated_rows_give_the_same_streams() -> None:
    rows = [_job(it, counts={"00": 480 + it, "11": 480, "01": 40 - it}, wait_s=float(it)) for it in range(40)]
    shuffled = [*rows, *rows[:10]]
    Random(5).shuffle(shuffled)
    for made in (quality, success, waits):
        assert made(shuffled) == made(rows)


def test_quality_is_the_share_of_right_outcomes() -> None:
    rows = [_job(1, counts={"00": 50, "11": 40, "01": 10}), _job(2), _job(3, counts={})]
    (stream, samples), *others = quality(rows, {_BELL: {"00", "11"}}).items()
    assert (stream, others) == (Stream("quality", "torino", part=_BELL), [])
    assert [(it.value, it.shots, it.epoch, it.evidence) for it in samples] == [(0.9, 100, "c1", "j1")]


def test_without_known_outcomes_those_of_the_first_runs_are_right() -> None:
    good = [_job(it, counts={"00": 48, "11": 47, "01": 5}) for it in range(20)]
    ((_, samples),) = quality([*good, _job(99, counts={"00": 30, "01": 40, "10": 30})]).items()
    assert (samples[0].value, samples[-1].value) == (0.95, 0.3)
    uniform = [_job(it, counts={"0": 50, "1": 50}) for it in range(30)]
    assert quality(uniform) == {}, "uniform noise has no right outcome"


def test_success_counts_jobs_by_the_hour_and_names_one_that_failed() -> None:
    rows = [_job(it, completed=it % 4 > 0) for it in range(120)]
    ((stream, samples),) = success(rows).items()
    assert stream == Stream("success", "torino")
    assert [(it.at, it.value, it.shots, it.evidence) for it in samples] == [
        (_START, 0.75, 60, "j0"), (_START + timedelta(hours=1), 0.75, 60, "j60"),
    ]  # fmt: skip


def test_waits_leave_out_what_is_unknown_or_negative() -> None:
    ((_, samples),) = waits([_job(1, wait_s=9.0), _job(2), _job(3, wait_s=-1.0)]).items()
    assert [exp(it.value) for it in samples] == [pytest.approx(10)]


def test_spend_is_by_tenant_and_day() -> None:
    rows = [("acme", date(2026, 11, 2), 3.0), ("acme", date(2026, 11, 2), 4.0), ("acme", date(2026, 11, 3), 0.0)]
    ((stream, samples),) = spend(rows).items()
    assert stream == Stream("spend", tenant="acme")
    assert [exp(it.value) for it in samples] == [pytest.approx(7)]


def test_calibrations_give_a_stream_for_each_known_value_where_up_is_worse() -> None:
    qubit = {"t1_s": 1e-4, "t2_s": None, "readout_error": 0.02, "gate_error": 0}
    worse = {"t1_s": 5e-5, "t2_s": None, "readout_error": 0.04, "gate_error": 0}
    couplers = [{"qubits": [0, 1], "error": 0.01}, {"qubits": [1, 2], "error": True}, {"error": 0.5}, "x"]
    rows = [
        CalibrationRow("torino", _START, {"qubits": [qubit], "couplers": couplers}, "e1"),
        CalibrationRow("torino", _START + timedelta(days=1), {"qubits": [worse], "couplers": couplers}, "e2"),
        CalibrationRow("torino", _START + timedelta(days=2), {"qubits": "none"}, "e3"),
    ]
    found = calibrations([*rows, rows[0]])
    assert {it.id for it in found} == {"readout_error//torino/q0", "t1//torino/q0", "two_qubit_error//torino/q0-q1"}
    for samples in (found[Stream("readout_error", "torino", part="q0")], found[Stream("t1", "torino", part="q0")]):
        assert exp(samples[1].value - samples[0].value) == pytest.approx(2)
        assert [it.evidence for it in samples] == ["e1", "e2"]
