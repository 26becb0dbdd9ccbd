"""Variance, drift and calibrations, computed from histories that are made by hand, with late and missing events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from json import dumps, loads
from math import asin, sin, sqrt
from random import Random
from typing import Any

import pytest

from queuebit_alerting.varying import VARIANCES
from queuebit_contracts.indicators import INDICATORS, counts
from queuebit_contracts.kept_cases import KEPT

from .job_history import HOUR, START, Stored
from .warehouse import Warehouse, event

pytestmark = pytest.mark.server

DAY = timedelta(days=1)
NOON = START.replace(hour=12)
BELL = "sha256:" + "b" * 64
_numbers = count()


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse for this module, with a device, an emulated one, and two that are calibrated."""
    running = Warehouse(tmp_path_factory.mktemp("devices"))
    kinds = {"torino": "qpu", "emulated": "emulated", "fresh": "qpu", "worse": "qpu", "flaky": "qpu"}
    running.fill_at([_backend(it, "registered", START, backend=it, vendor="ibm", kind=kinds[it]) for it in kinds])
    yield running
    running.stop()


def _backend(backend: str, name: str, at: datetime, /, *, late: timedelta = timedelta(), **data: Any) -> Stored:
    subject = f"qb.backend.{backend}.{name}"
    return at + late, event(f"{subject}.{next(_numbers)}", f"qb.backend.{name}.v1", at, **data)


def _calibrated(backend: str, at: datetime, digest: str = "", late: timedelta = timedelta(), **data: Any) -> Stored:
    given = {"backend": backend, "calibrated_at": at.isoformat(), "digest": digest or f"sha256:{at:%j%H}"} | data
    return _backend(backend, "calibrated", at, late=late, **given)


def _run(
    tenant: str,
    at: datetime,
    counted: dict[str, int] | None,
    *,
    backend: str = "torino",
    late: timedelta = timedelta(),
    accepted: bool = True,
    **said: Any,
) -> Iterator[Stored]:
    """A job that ran for a second: its acceptance, and its result within the event where it has one."""
    whose = {"tenant": tenant, "job": f"d{next(_numbers)}"}
    subject = f"qb.job.{tenant}.{whose['job']}"
    if accepted:
        yield at, event(f"{subject}.accepted", "qb.job.accepted.v1", at, **whose, project="chem", circuit=BELL)
    result = {"media_type": "application/json"} | ({} if counted is None else {"inline": dumps(counted)})
    data = {"backend": backend, "result": result, "terms": {"project": "chem"}, "workload_class": "production"}
    data |= {"started_at": at.isoformat()} | said
    end = at + timedelta(seconds=1)
    yield end + late, event(f"{subject}.completed", "qb.job.completed.v1", end, **whose, **data)


def _fill(warehouse: Warehouse, found: Iterable[Iterable[Stored] | Stored], *, twice: bool = False) -> None:
    messages = chain.from_iterable([it] if isinstance(it, tuple) else it for it in found)
    warehouse.fill_at(sorted(messages, key=lambda it: it[0]), twice=twice)


def _rows(warehouse: Warehouse, indicator: str, where: str) -> list[dict[str, Any]]:
    return warehouse.ask(f"SELECT * FROM {INDICATORS[indicator].view} WHERE {where} ORDER BY at")


def _counts(draw: Random, share: float, shots: int = 1000) -> dict[str, int]:
    """A Bell circuit whose shots have a right outcome with this probability."""
    found = dict.fromkeys(("00", "01", "10", "11"), 0)
    for _ in range(shots):
        found[draw.choice(("00", "11") if draw.random() < share else ("01", "10"))] += 1
    return found


def _relative(runs: Sequence[dict[str, int]]) -> float:
    """The definition of variance, for runs that are each other's baseline."""
    excess, length = [], []
    for number, one in enumerate(runs):
        others = [it for at, it in enumerate(runs) if at != number]
        pool = {key: sum(it.get(key, 0) for it in others) for key in {*one, *chain.from_iterable(others)}}
        n, m = sum(one.values()), sum(pool.values())
        p, b = {key: one.get(key, 0) / n for key in pool}, {key: it / m for key, it in pool.items()}
        square = sum(it**2 for it in b.values())
        noise = (1 - sum(it**2 for it in p.values())) / (n - 1) + (1 - square) / (m - 1)
        excess.append(sum((p[key] - b[key]) ** 2 for key in pool) - noise)
        length.append(square)
    return sqrt(max(0.0, sum(excess)) / sum(length))


def test_variance_is_what_shot_noise_does_not_explain(devices: Warehouse) -> None:
    draw = Random(1)
    steady = [_counts(draw, 0.95) for _ in range(20)]
    moving = [_counts(draw, 0.98 if it % 2 else 0.80) for it in range(20)]
    _fill(devices, [_run("v1", NOON + it * timedelta(minutes=5), one) for it, one in enumerate(steady)], twice=True)
    _fill(devices, [_run("v2", NOON + it * timedelta(minutes=5), one) for it, one in enumerate(moving)])
    for tenant, runs, good in (("v1", steady, 1), ("v2", moving, 0)):
        (row,) = _rows(devices, "variance", f"tenant = '{tenant}'")
        assert row["value"] == pytest.approx(_relative(runs), abs=1e-9)
        assert (row["good"], row["total"], row["jobs"], row["circuit"]) == (good, 1, 20, BELL)
        assert (0 < row["least"] < row["value"]) if tenant == "v2" else row["least"] == 0
        said = {"project": "chem", "workload_class": "production", "backend": "torino", "vendor": "ibm"}
        assert {name: row[name] for name in said} == said


def test_variance_needs_four_other_runs_and_counts_in_the_event(devices: Warehouse) -> None:
    draw = Random(2)
    few = [_run("v3", NOON + it * HOUR / 4, _counts(draw, 0.9)) for it in range(4)]
    _fill(devices, [*few, _run("v3", NOON, None), _run("v3", NOON, _counts(draw, 0.9), accepted=False)])
    assert _rows(devices, "variance", "tenant = 'v3'") == []
    _fill(devices, [_run("v3", NOON + 2 * HOUR, _counts(draw, 0.9), late=3 * DAY)])
    (row,) = _rows(devices, "variance", "tenant = 'v3'")
    assert row["jobs"] == 5, "the late one is a run of its own day"
    assert row["at"].startswith(f"{NOON:%Y-%m-%d}")


def test_variance_of_a_day_is_against_the_days_before(devices: Warehouse) -> None:
    draw = Random(3)
    before = [_run("v4", NOON - DAY + it * HOUR / 4, _counts(draw, 0.95)) for it in range(20)]
    _fill(devices, [*before, *[_run("v4", NOON + it * HOUR / 4, _counts(draw, 0.75)) for it in range(4)]])
    first, second = _rows(devices, "variance", "tenant = 'v4'")
    assert (first["good"], second["good"]) == (1, 0)
    assert second["value"] == pytest.approx(0.265, abs=0.02), "0.087 of each outcome, of a length of 0.656"


def test_runs_of_today_that_vary_are_a_ticket_of_their_backend(devices: Warehouse) -> None:
    draw, today = Random(5), datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    before = [_run("v5", today - 3 * DAY + it * HOUR / 4, _counts(draw, 0.95)) for it in range(8)]
    moving = [_run("v5", today + it * timedelta(seconds=1), _counts(draw, 0.95 - 0.3 * (it % 2))) for it in range(8)]
    _fill(devices, [*before, *moving])
    (row,) = (it for it in devices.ask(VARIANCES, {"days": "31"}) if it["tenant"] == "v5")
    assert (row["backend"], row["circuit"], row["jobs"], row["before"]) == ("torino", BELL, 8, 1)
    assert row["usual"] < 0.05 < row["least"] < row["value"]


def test_a_circuit_drifts_when_three_days_are_below_the_four_weeks_before(devices: Warehouse) -> None:
    draw, shares = Random(4), [0.95] * 20 + [0.85] * 4
    runs = [
        _run("t1", NOON - (24 - day) * DAY + it * HOUR, _counts(draw, share, 500))
        for day, share in enumerate(shares)
        for it in range(4)
    ]
    _fill(devices, runs)
    rows = _rows(devices, "drift", "tenant = 't1'")
    assert len(rows) == 24 - 9, "the newest three days, and at least seven before them"
    assert [it["good"] for it in rows[:11]] == [1] * 11
    assert [it["good"] for it in rows[-2:]] == [0, 0]
    assert {(it["measure"], it["part"], it["vendor"]) for it in rows} == {("quality", BELL, "ibm")}
    exact = sin(asin(sqrt(0.95)) - asin(sqrt(0.85))) ** 2 / 0.002
    assert 0.4 * exact < rows[-2]["value"] < exact


def _errors(backend: str, day: int, two_qubit: float, late: timedelta = timedelta()) -> Stored:
    snapshot = {
        "qubits": [{"readout_error": 0.02, "gate_error": None}, {"readout_error": two_qubit, "gate_error": 0.0003}],
        "couplers": [{"qubits": [0, 1], "error": two_qubit}],
    }
    at = NOON - (30 - day) * DAY
    medians: dict[str, Any] = {"median_two_qubit_error_ppm": round(two_qubit * 1e6), "median_readout_error_ppm": 20_000}
    return _calibrated(backend, at, late=late, snapshot={"inline": dumps(snapshot)}, **medians)


def test_a_coupler_drifts_after_three_bad_calibrations_and_not_after_one(devices: Warehouse) -> None:
    errors = [0.01] * 12 + [0.05] + [0.01] * 8 + [0.02] * 5
    found = [_errors("worse", day, it, late=5 * DAY if day == 3 else timedelta()) for day, it in enumerate(errors)]
    _fill(devices, [*found, found[7]], twice=True)
    rows = _rows(devices, "drift", "backend = 'worse' AND measure = 'two_qubit_error'")
    assert {it["part"] for it in rows} == {"median", "q0-q1"}
    coupler = [it["value"] for it in rows if it["part"] == "q0-q1"]
    newest = [min(errors[at - 2 : at + 1]) / 0.01 / 1.3 for at in range(9, len(errors))]
    assert coupler == pytest.approx(newest)
    assert [it["good"] for it in rows if it["part"] == "median"] == [it <= 1 for it in newest]
    assert sum(it["good"] == 0 for it in rows) == 2 * 3
    qubits = _rows(devices, "drift", "backend = 'worse' AND measure != 'two_qubit_error'")
    parts = {(it["measure"], it["part"]) for it in qubits}
    wanted = {("readout_error", "median"), ("readout_error", "q0"), ("readout_error", "q1"), ("gate_error", "q1")}
    assert parts == wanted, "an error that is not known is no case"
    assert {it["tenant"] for it in [*rows, *qubits]} == {""}


def test_freshness_is_the_age_at_the_start(devices: Warehouse) -> None:
    old, new = "sha256:old", "sha256:new"
    _fill(devices, [
        _calibrated("fresh", NOON - 3 * DAY, old), _calibrated("fresh", NOON - 2 * DAY, "sha256:between"),
        _calibrated("fresh", NOON - HOUR, new, late=9 * HOUR), _calibrated("fresh", NOON - HOUR, new),
        _calibrated("emulated", NOON - 900 * DAY, "sha256:recording"),
        _run("f1", NOON, None, backend="fresh", calibration=new),
        _run("f1", NOON + HOUR, None, backend="fresh", calibration=old),
        _run("f1", NOON + 2 * HOUR, None, backend="fresh", calibration="sha256:missing"),
        _run("f1", NOON + 3 * HOUR, None, backend="emulated", calibration="sha256:recording"),
        _run("f1", NOON + 4 * HOUR, None, backend="fresh"),
    ], twice=True)  # fmt: skip
    rows = _rows(devices, "calibration-freshness", "tenant = 'f1'")
    assert [(it["good"], it["total"], it["age_s"]) for it in rows] == [(1, 1, 3600), (0, 1, 262_800), (0, 1, None)]
    assert {it["cadence_s"] for it in rows} == {(86_400 + 169_200) / 2}


def test_calibrations_pass_if_they_could_be_read(devices: Warehouse) -> None:
    reason = {"code": "not_reachable", "text": "no answer"}
    failed = _backend("flaky", "calibration_failed", NOON, late=2 * DAY, backend="flaky", reason=reason)
    again = _calibrated("flaky", NOON - DAY)
    _fill(devices, [again, failed, _calibrated("flaky", NOON + DAY), (NOON + 3 * HOUR, again[1])], twice=True)
    _fill(devices, [_backend("flaky", "calibrated", NOON, **_data(again))])
    rows = _rows(devices, "calibration-pass", "backend = 'flaky'")
    assert [(it["good"], it["total"]) for it in rows] == [(1, 1), (0, 1), (1, 1)]
    assert rows[1]["at"].startswith(f"{NOON:%Y-%m-%d %H}"), "a late fact counts where it belongs"
    assert {(it["tenant"], it["vendor"]) for it in rows} == {("", "ibm")}


def test_calibrations_do_not_pass_while_the_backend_is_isolated_for_its_elements(devices: Warehouse) -> None:
    """The third is the reason and the fourth no better; the fifth readmits. Drift says nothing of a calibration."""
    few, drift = {"code": "elements", "text": "too few"}, {"code": "drift", "text": "it drifts"}
    steps = [
        ("isolated", drift), ("readmitted", drift), ("", {}), ("isolated", few), ("", {}), ("readmitted", few),
    ]  # fmt: skip
    begin = NOON - 20 * DAY
    found = [_calibrated("narrow", begin)]
    for number, (name, reason) in enumerate(steps, 1):
        at = begin + number * DAY
        found += [_backend("narrow", name, at, backend="narrow", reason=reason)] if name else []
        found += [_calibrated("narrow", at - DAY / 2)] if number in (2, 4, 5, 6) else []
    found.sort(key=lambda it: it[0])
    _fill(devices, found, twice=True)
    rows = _rows(devices, "calibration-pass", "backend = 'narrow'")
    assert [it["good"] for it in rows] == [1, 1, 0, 0, 1]


def test_medians_are_compared_with_the_specification_of_the_backend(devices: Warehouse) -> None:
    """The newest registration counts, also for calibrations before it; isolations do not matter then."""
    stated = [{}, {"median_two_qubit_error_ppm": 8000, "median_readout_error_ppm": None}]
    medians: list[dict[str, Any]] = [
        {"median_two_qubit_error_ppm": 8000, "median_readout_error_ppm": 500_000},
        {"median_two_qubit_error_ppm": 8001, "median_readout_error_ppm": 1},
        {"median_two_qubit_error_ppm": None, "median_readout_error_ppm": 1},
    ]
    begin = NOON - 20 * DAY
    found = [_backend("stated", "registered", begin, backend="stated", specification=it) for it in stated]
    found += [_backend("stated", "isolated", begin, backend="stated", reason={"code": "elements", "text": "few"})]
    found += [_calibrated("stated", begin + number * DAY, **it) for number, it in enumerate(medians)]
    _fill(devices, found, twice=True)
    assert [it["good"] for it in _rows(devices, "calibration-pass", "backend = 'stated'")] == [1, 0, 0]


def _data(stored: Stored) -> dict[str, Any]:
    found: dict[str, Any] = loads(stored[1][1])["data"]
    return found


@pytest.mark.parametrize("indicator", ["variance", "drift", "calibration-freshness", "calibration-pass"])
def test_each_can_be_counted_over_a_window(devices: Warehouse, indicator: str) -> None:
    if indicator in KEPT:
        devices.keep_cases(indicator)
    source = counts(indicator, NOON - 1000 * DAY, datetime.now(UTC) + DAY)
    (row,) = devices.ask(f"SELECT sum(good) AS good, sum(total) AS total FROM {source}")
    (view,) = devices.ask(f"SELECT sum(good) AS good, sum(total) AS total FROM {INDICATORS[indicator].view}")
    assert row == view
