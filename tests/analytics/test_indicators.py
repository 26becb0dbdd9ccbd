"""The indicators of service levels, computed from histories that are made by hand."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import queuebit_proof
from queuebit_alerting.burning import BudgetsBurning
from queuebit_contracts.indicators import DIMENSIONS, INDICATORS, counts, counts_of_windows, sums
from queuebit_contracts.kept_cases import KEPT, KEPT_BAD, KEPT_HOURS, KEPT_OPEN, kept_at
from queuebit_contracts.tenant import BudgetTerms
from queuebit_slo import BurnAlert, Objective, budget, counted, judge, query

from .job_history import HOUR, START, Life, Stored, calibrated, registered
from .warehouse import WRITER, Warehouse, event

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

SECOND = timedelta(seconds=1)
RECORD_SCHEMA: dict[str, Any] = json.loads(Path(queuebit_proof.__file__).with_name("job.schema.json").read_text())
PASSED: dict[str, Any] = {"quality": {"passed": True, "checks": []}}
DEVIATED: dict[str, Any] = {"quality": {"passed": False, "checks": []}}


SPECIAL = {
    "billing-accuracy",
    "telemetry-completeness",
    "cost-per-job",
    "cost-per-useful-result",
    "quality-per-cost",
    "burn",
    "plan-accuracy",
    "variance",
    "drift",
    "calibration-freshness",
    "calibration-pass",
    "probe",
    "reproducibility",
    "fairness",
    "preemption",
    "noisy-neighbour",
    "time-to-detect",
    "time-to-remediate",
}
"""Not counted one by one from a job's own events."""
COUNTED = [it for it in INDICATORS if it not in SPECIAL and INDICATORS[it].kind != "value"]


@pytest.fixture(scope="module")
def indicators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse for this module, with two backends."""
    running = Warehouse(tmp_path_factory.mktemp("indicators"))
    running.fill_at([registered("torino", "ibm"), registered("forte", "ionq"), calibrated("torino")])
    yield running
    running.stop()


def _fill(warehouse: Warehouse, lives: Iterable[Life]) -> None:
    warehouse.fill_at(sorted(chain.from_iterable(it.messages() for it in lives), key=lambda it: it[0]))


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _counted(
    warehouse: Warehouse,
    indicator: str,
    tenant: str,
    since: datetime = START,
    until: datetime = START + 20 * HOUR,
    threshold_ms: int | None = None,
) -> tuple[int, int]:
    """Good and total cases of one tenant in a window."""
    if indicator in KEPT:
        warehouse.keep_cases(indicator)
    (row,) = warehouse.ask(
        f"SELECT sum(good) AS good, sum(total) AS total FROM {counts(indicator, since, until, threshold_ms)}"
        " WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    return row["good"], row["total"]


def _threshold(indicator: str) -> int | None:
    return 5000 if INDICATORS[indicator].kind == "duration" else None


def _rows(warehouse: Warehouse, indicator: str, tenant: str) -> list[dict[str, Any]]:
    query = f"SELECT * FROM {INDICATORS[indicator].view} WHERE tenant = {{tenant:String}} ORDER BY at"
    return warehouse.ask(query, {"tenant": tenant})


@pytest.mark.parametrize("indicator", [*INDICATORS])
def test_every_view_has_the_columns_of_its_kind(indicators: Warehouse, indicator: str) -> None:
    found = {it["name"]: it["type"] for it in indicators.ask(f"DESCRIBE TABLE {INDICATORS[indicator].view}")}
    wanted = {**dict.fromkeys(DIMENSIONS, "String"), "at": "DateTime64(6, 'UTC')"}
    wanted |= {"value": {"value": "Float64"}, "duration": {"value_ms": "UInt64"}}.get(INDICATORS[indicator].kind, {})
    wanted |= dict.fromkeys(("good", "total"), "UInt64")
    plain = {name: re.sub(r"^LowCardinality\((.*)\)$", r"\1", kind) for name, kind in found.items()}
    assert {name: plain.get(name) for name in wanted} == wanted


def test_success_counts_ended_jobs_that_ran(indicators: Warehouse) -> None:
    _fill(indicators, [
        Life("s1", START, said=PASSED), Life("s1", START), Life("s1", START, said=DEVIATED),
        Life("s1", START, end="failed"), Life("s1", START, end="cancelled"), Life("s1", START, end="rejected"),
        Life("s1", START, end=""), Life("s1", START, wait=None, end=""),
    ])  # fmt: skip
    assert _counted(indicators, "success", "s1") == (2, 4)
    (one, *_) = _rows(indicators, "success", "s1")
    said = {"project": "chem", "workload_class": "production", "backend": "torino", "vendor": "ibm"}
    assert {name: one[name] for name in said} == said


def test_a_wait_is_from_submitted_to_the_start_and_waiting_jobs_have_their_age(indicators: Warehouse) -> None:
    _fill(indicators, [
        Life("w1", START, wait=SECOND), Life("w1", START, wait=3 * SECOND),
        Life("w1", START, wait=SECOND, end="failed"),
        Life("w1", START, wait=3 * SECOND, end=""), Life("w1", START, wait=None, end="cancelled"),
        Life("w1", START, end="rejected"),
    ])  # fmt: skip
    assert _counted(indicators, "queue-wait", "w1", threshold_ms=2000) == (2, 4)
    _fill(indicators, [Life("w1", START, wait=None, end="")])
    now = datetime.now(UTC)
    assert _counted(indicators, "queue-wait", "w1", until=now + HOUR, threshold_ms=2000) == (2, 5)
    waiting = _rows(indicators, "queue-wait", "w1")[-1]
    assert 0 <= waiting["value_ms"] - (now - START) / timedelta(milliseconds=1) < 60_000
    assert (waiting["project"], waiting["workload_class"], waiting["backend"]) == ("chem", "production", "")


def test_a_job_that_was_taken_from_its_backend_waits_for_none(indicators: Warehouse) -> None:
    again: dict[str, Any] = {"withdrawn": True, "end": ""}
    _fill(indicators, [Life("w2", START, wait=None, **again), Life("w2", START, wait=HOUR, **again)])
    assert sorted(it["backend"] for it in _rows(indicators, "queue-wait", "w2")) == ["", "torino"]
    indicators.keep_cases("queue-wait")
    kept = "SELECT backend FROM kept_cases WHERE tenant = 'w2' AND indicator = 'queue-wait' ORDER BY backend"
    assert [it["backend"] for it in indicators.ask(kept)] == ["", "torino"]
    jobs = "SELECT state, backend FROM jobs WHERE tenant = 'w2' ORDER BY state"
    found = [(it["state"], it["backend"]) for it in indicators.ask(jobs)]
    assert found == [("accepted", ""), ("started", "torino")]


def test_latency_is_of_completed_jobs(indicators: Warehouse) -> None:
    lives = [Life("e1", START, run=SECOND), Life("e1", START, run=9 * SECOND), Life("e1", START, end="failed")]
    _fill(indicators, lives)
    assert _counted(indicators, "end-to-end", "e1", threshold_ms=2000) == (1, 2)
    assert [it["value_ms"] for it in _rows(indicators, "end-to-end", "e1")] == [2000, 10_000]


def test_a_late_event_counts_where_it_belongs_and_a_fast_clock_hides_nothing(indicators: Warehouse) -> None:
    _fill(indicators, [Life("l1", START, late=5 * HOUR), Life("l1", START, ahead=timedelta(days=9))])
    assert _counted(indicators, "success", "l1", until=START + HOUR) == (2, 2)
    assert _counted(indicators, "success", "l1", since=START + HOUR) == (0, 0)


def test_late_events_correct_the_budget_of_a_window_that_is_over_and_end_its_page(indicators: Warehouse) -> None:
    hour = BurnAlert("page-fast", "page", HOUR, HOUR / 12, Fraction(144, 10))
    objective = Objective(
        "late", "", "jobs", "success", Fraction(99, 100), timedelta(days=30), where={"tenant": "l2"}, alerts=(hour,)
    )
    now = START + 2 * HOUR

    def judged() -> tuple[str, Fraction]:
        wanted = query(objective, now, [HOUR / 12, HOUR, objective.window])
        ((_, counts),) = counted(objective, indicators.ask(wanted.sql, wanted.parameters))
        return judge(objective, {}, counts)[0].state, budget(objective, counts[objective.window]).remaining

    moments = [now - HOUR + it * timedelta(minutes=2) for it in range(29)]
    _fill(indicators, [Life("l2", it, end="failed") for it in moments])
    indicators.sum_cases()
    assert judged() == ("firing", Fraction(-99))
    _fill(indicators, [Life("l2", it, late=9 * HOUR) for it in moments for _ in range(9)])
    for _ in range(2):
        assert judged() == ("quiet", 1 - Fraction(29, 290) * 100)
        indicators.sum_cases()


def test_a_window_is_half_open(indicators: Warehouse) -> None:
    _fill(indicators, [Life("h1", START, wait=timedelta(), run=timedelta())])
    assert _counted(indicators, "success", "h1", until=START + timedelta(microseconds=1)) == (1, 1)
    assert _counted(indicators, "success", "h1", since=START - HOUR, until=START) == (0, 0)


def test_rows_that_are_stored_twice_are_one_case(indicators: Warehouse) -> None:
    life = Life("d1", START, said={"expected_ms": 9000})
    indicators.fill_at([*life.messages(), life.sealed(), life.metered()], twice=True)
    for it in INDICATORS.values():
        if it.id not in SPECIAL:
            rows = indicators.ask(f"SELECT sum(total) AS total FROM {it.view} WHERE tenant = 'd1'")
            assert (it.id, rows) == (it.id, [{"total": 1}])
    for id_ in COUNTED:
        assert (id_, _counted(indicators, id_, "d1", threshold_ms=_threshold(id_))) == (id_, (1, 1))
    indicators.sum_cases()
    for id_ in COUNTED:
        assert (id_, _counted(indicators, id_, "d1", threshold_ms=_threshold(id_))) == (id_, (1, 1))


def test_a_case_of_two_attempts_is_a_retry_and_a_reason_tells_whose_error_it_was(indicators: Warehouse) -> None:
    _fill(indicators, [
        Life("r1", START, said={"attempt": 2}), Life("r1", START, said={"attempt": 1}),
        Life("r1", START, end="failed", said={"attempt": 3, "reason": {"code": "vendor_failed", "text": ""}}),
        Life("r1", START, end="failed", said={"attempt": 1, "reason": {"code": "bad_program", "text": ""}}),
    ])  # fmt: skip
    assert _counted(indicators, "retry", "r1") == (2, 4)
    assert _counted(indicators, "vendor-error", "r1") == (3, 4)
    assert {it["cause"] for it in _rows(indicators, "vendor-error", "r1")} == {"", "vendor_failed"}
    assert (_counted(indicators, "completion", "r1"), _counted(indicators, "success", "r1")) == ((2, 4), (2, 4))


def test_a_case_of_a_fallback_is_no_good_one_and_says_what_it_stood_in_for(indicators: Warehouse) -> None:
    label = {"instead_of": ["torino"], "since": "2026-11-01T09:20:00.000000Z"}
    _fill(indicators, [
        Life("stand-in", START), Life("stand-in", START, said={"fallback": label}),
        Life("stand-in", START, end="failed", said={"fallback": label}), Life("stand-in", START, end="failed"),
    ])  # fmt: skip
    assert _counted(indicators, "fallback", "stand-in") == (2, 4)
    assert sorted(it["instead_of"] for it in _rows(indicators, "fallback", "stand-in")) == [
        [],
        [],
        ["torino"],
        ["torino"],
    ]


def test_latency_beside_the_plan_is_of_jobs_with_an_expected_time(indicators: Warehouse) -> None:
    lives = [Life("p1", START, run=5 * SECOND, said={"expected_ms": it}) for it in (3001, 3000, 0)]
    _fill(indicators, [*lives, Life("p1", START), Life("p1", START, end="failed", said={"expected_ms": 9000})])
    assert _counted(indicators, "end-to-end-relative", "p1") == (1, 2)


MISSING = {
    "nothing": ((), True),
    "an actor": (("job", "actor"), False),
    "a trace": (("trace_id",), False),
    "the compiler's seed": (("compiled", "seed"), False),
    "usage": (("usage",), False),
    "a calibration": (("run", "calibration_digest"), False),
}


@pytest.mark.parametrize("missing", MISSING)
def test_provenance_is_complete_with_every_field(indicators: Warehouse, missing: str) -> None:
    path, complete = MISSING[missing]
    tenant = f"f-{'-'.join(path) or 'all'}"
    life = Life(tenant, START)
    indicators.fill_at([*life.messages(), life.sealed(without=path)])
    assert _counted(indicators, "provenance-completeness", tenant) == (int(complete), 1)


def _required(end: str, record: int) -> set[tuple[str, ...]]:
    """The paths of the fields that the schema of the record requires of a job with this end, a group by its fields."""
    stated = {"record": record, "outcome": {"state": end}}
    parts = [
        RECORD_SCHEMA,
        *(it["then"] for it in RECORD_SCHEMA["allOf"] if Draft202012Validator(it["if"]).is_valid(stated)),
    ]
    found: set[tuple[str, ...]] = {(it,) for part in parts for it in part.get("required", [])}
    groups = [(name, it) for part in parts for name, it in part.get("properties", {}).items()]
    found |= {
        (name, field) for name, it in groups if it.get("type", "object") == "object" for field in it.get("required", [])
    }
    return {it for it in found if not (len(it) == 1 and any(other[0] == it[0] for other in found if len(other) > 1))}


@pytest.mark.parametrize("record", [2, 3])
def test_provenance_is_complete_as_the_schema_of_the_record_says(indicators: Warehouse, record: int) -> None:
    tenant, wanted, sealed = f"schema-{record}", dict[str, bool](), []
    for end in ("completed", "failed", "cancelled", "expired", "rejected"):
        for path in sorted({(), *_required(end, record)} - {("circuit", "name"), ("circuit", "version")}):
            life = Life(tenant, START, end=end)
            wanted[life.job] = not path
            sealed.append(life.sealed(record=record, without=path))
    indicators.fill_at(sealed)
    rows = indicators.ask(f"SELECT job, proven >= 3 AS complete FROM events FINAL WHERE tenant = '{tenant}'")
    assert len(wanted) > 60
    assert {it["job"]: bool(it["complete"]) for it in rows} == wanted


def test_provenance_of_earlier_records_is_complete_with_what_was_known_then(indicators: Warehouse) -> None:
    lives = [Life("f2", START) for _ in range(4)]
    _fill(indicators, lives)
    first, second, third, lacking = lives
    target = ("compiled", "target")
    indicators.fill_at([first.sealed(record=1, without=("plan_digest",)), second.sealed(record=2, without=target)])
    indicators.fill_at([third.sealed(record=2, without=("plan_digest",)), lacking.sealed(without=target)])
    assert _counted(indicators, "provenance-completeness", "f2") == (2, 4)


def test_provenance_is_of_all_ends_a_minute_after_them_and_of_first_receipts(indicators: Warehouse) -> None:
    uncalibrated = Life("f1", START, backend="forte")
    ended = [Life("f1", START, end=it) for it in ("failed", "rejected", "cancelled")]
    never, waits = Life("f1", START), Life("f1", START, end="")
    _fill(indicators, [uncalibrated, *ended, never, waits])
    indicators.fill_at([uncalibrated.sealed(without=("run", "calibration_digest")), *(it.sealed() for it in ended)])
    assert _counted(indicators, "provenance-completeness", "f1") == (4, 5)
    indicators.fill_at([never.sealed(revision=1)])
    assert _counted(indicators, "provenance-completeness", "f1") == (4, 5)
    indicators.fill_at([never.sealed(late=5 * HOUR)])
    assert _counted(indicators, "provenance-completeness", "f1") == (5, 5)
    assert _counted(indicators, "provenance-completeness", "f1", until=START + timedelta(seconds=62)) == (1, 1)
    assert _counted(indicators, "provenance-completeness", "f1", since=START + 5 * HOUR) == (0, 0)


def test_telemetry_is_complete_with_events_spans_and_calibration(indicators: Warehouse) -> None:
    traces = [f"{it:032x}" for it in range(1, 5)]
    linked, spanless, uncalibrated, unplaced = (
        Life("t1", START, trace=trace, said={"calibration": "sha256:1"} if trace != traces[2] else {})
        for trace in traces
    )
    _fill(indicators, [linked, spanless, uncalibrated])
    indicators.fill_at(it for it in unplaced.messages() if "placed" not in it[1][0])
    spans = [
        {"Timestamp": int(START.timestamp()), "TraceId": it, "SpanId": "1", "SpanName": "run",
            "ServiceName": "executor-aer", "Duration": 1}
        for it in traces if it != traces[1]
    ]  # fmt: skip
    rows = "\n".join(map(json.dumps, spans))
    indicators.ask(f"INSERT INTO otel_traces FORMAT JSONEachRow\n{rows}", user=WRITER)
    assert _counted(indicators, "telemetry-completeness", "t1") == (1, 4)
    _fill(indicators, [Life("t1", START, trace=f"{9:032x}")])
    assert _counted(indicators, "telemetry-completeness", "t1") == (1, 5)
    (since_then,) = indicators.ask(f"""
        SELECT sum(goods[1]) AS one, sum(goods[2]) AS none
        FROM {counts_of_windows("telemetry-completeness", [START, START + 10 * HOUR], START + 20 * HOUR)}
        WHERE tenant = 't1'""")
    assert since_then == {"one": 1, "none": 0}


def test_bills_are_computed_again_to_the_last_digit(indicators: Warehouse) -> None:
    lives = [Life("b1", START) for _ in range(4)]
    tiny = "0.000000000000000001"
    bills = [
        lives[0].metered(amount="0.3", price="0.1", billed="3"),
        lives[1].metered(amount="0.4", price="0.1", billed="3"),
        lives[2].metered(amount=f"0.{'0' * 35}1", price=tiny, billed=tiny),
        lives[3].metered(amount="?", price="1e99", billed="9" * 60),
    ]
    indicators.fill_at(bills)
    assert _counted(indicators, "billing-recomputation", "b1") == (2, 4)


def test_lines_that_equal_the_vendors_are_of_the_newest_bill(indicators: Warehouse) -> None:
    for accurate in (1, 9):
        said = {"vendor": "ionq", "period_start": START.isoformat(), "period_end": (START + HOUR).isoformat()}
        said |= {"statement": "s", "compared": 10, "accurate": accurate, "parts": []}  # type: ignore[dict-item]
        subject = f"qb.bill.ionq.s{accurate}.imported"
        indicators.fill_at([(START, event(subject, "qb.bill.imported.v1", START, **said))])
    assert _counted(indicators, "billing-accuracy", "") == (9, 10)


def test_probes_count_unless_their_cost_was_refused_and_old_jobs_if_they_have_a_result(indicators: Warehouse) -> None:
    states = ("passed", "unclear", "below", "failed", "skipped", "failed")
    for slot, state in enumerate(states):
        said: dict[str, Any] = {"backend": "forte", "run": f"ghz-{slot}", "probe": "ghz", "state": state}
        said |= {"fidelity_ppm": 900_000 + slot} if state != "failed" else {}
        said |= {"kind": "rerun"} if slot == 5 else {}
        subject = f"qb.probe.forte.judged.ghz-{slot}"
        indicators.fill_at(
            [(START + slot * SECOND, event(subject, "qb.probe.judged.v1", START + slot * SECOND, **said))]
        )
    assert _counted(indicators, "probe", "", until=START + HOUR) == (2, 4)
    found = [it for it in _rows(indicators, "probe", "") if it["probe"] == "ghz"]
    assert [(it["state"], it["value"], it["vendor"]) for it in found] == [
        ("passed", 0.9, "ionq"), ("unclear", 0.900001, "ionq"), ("below", 0.900002, "ionq"), ("failed", None, "ionq"),
    ]  # fmt: skip


def test_replays_reproduce_or_are_consistent(indicators: Warehouse) -> None:
    for slot, state in enumerate(("passed", "unclear", "below", "failed", "skipped")):
        said = {"backend": "forte", "run": f"old-{slot}", "probe": "reruns", "kind": "rerun", "state": state}
        said |= {"rerun_of": f"j{slot}", "fidelity_ppm": 990_000 - slot}  # type: ignore[dict-item]
        at = START + timedelta(hours=12, seconds=slot)
        subject = f"qb.probe.forte.judged.old-{slot}"
        indicators.fill_at([(at, event(subject, "qb.probe.judged.v1", at, **said))], twice=True)
    assert _counted(indicators, "reproducibility", "", since=START + 11 * HOUR) == (2, 3)
    found = [(it["job"], it["value"], it["good"]) for it in _rows(indicators, "reproducibility", "")]
    assert found == [("j0", 0.99, 1), ("j1", 0.989999, 1), ("j2", 0.989998, 0)]


def test_costs_are_of_an_hour_and_of_useful_results(indicators: Warehouse) -> None:
    lives = [
        Life("c1", START, said={"compilation": {"esp_ppm": 500_000}}), Life("c1", START),
        Life("c1", START, said=DEVIATED), Life("c1", START, end="failed"),
    ]  # fmt: skip
    _fill(indicators, lives)
    indicators.fill_at(it.metered(amount="3", price="1", billed="3") for it in lives)
    indicators.fill_at([lives[0].metered(amount="2", price="1", billed="2", correction=True)])
    (job,) = _rows(indicators, "cost-per-job", "c1")
    assert (job["value"], job["amount"], job["total"], job["currency"]) == (2.75, "11", 4, "USD")
    (result,) = _rows(indicators, "cost-per-useful-result", "c1")
    assert (result["value"], result["total"]) == (5.5, 2)
    (quality,) = _rows(indicators, "quality-per-cost", "c1")
    assert (quality["quality"], quality["value"]) == (1.5, pytest.approx(1.5 / 11))
    (spend,) = _rows(indicators, "burn", "c1")
    assert (spend["value"], spend["at"], spend["vendor"]) == (11, f"{START:%Y-%m-%d %H:%M:%S}.000000", "ibm")


@pytest.mark.parametrize(("amount", "fires"), [("168", True), ("170", False)])
async def test_a_budget_burns_as_fast_as_its_charges_are_summed(
    indicators: Warehouse, amount: str, *, fires: bool
) -> None:
    lives = [Life(f"burning-{amount}", START) for _ in range(40)]
    _fill(indicators, lives)
    indicators.fill_at([it.metered(amount="0.275", price="1", billed="0.275") for it in lives], twice=True)
    terms = {it: BudgetTerms(amount=amount, window="30d") for it in ("tenant", "vendor:ibm", "vendor:ionq")}

    async def complete() -> None:
        pass

    source = BudgetsBurning(lambda: {lives[0].tenant: terms}, _Asked(indicators), complete, list)
    signals = await source.signals(START + HOUR / 2)  # 11 in 23.5 hours; 168 in 30 days are 0.2333 an hour
    assert [it.firing for it in signals] == [fires, fires, False]


class _Asked:
    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        return self._warehouse.ask(sql, parameters)


def test_a_window_within_a_day_leaves_out_the_hours_of_that_day_before_it(indicators: Warehouse) -> None:
    day = START.replace(hour=0)
    _fill(indicators, [Life("within", day + HOUR * it) for it in (0.5, 2.5, 5.5)])
    indicators.sum_cases()
    assert _counted(indicators, "success", "within", since=day + HOUR * 1.2, until=day + HOUR * 4.2) == (1, 1)


def test_sums_and_rows_count_what_the_view_counts(indicators: Warehouse) -> None:
    """Whole days and hours come from sums, the rest from rows: in every window, with late and repeated events.

    The log is filled in parts, some of them twice, and only after some of them telemetry adds what it has to the sums.
    """
    rng = random.Random(20261130)
    for part in _parts(rng, [_drawn(rng) for _ in range(200)]):
        indicators.fill_at(part, twice=rng.random() < 0.5)
        if rng.random() < 0.5:
            indicators.sum_cases()
        for id_ in (*rng.sample(COUNTED, 2), rng.choice((*KEPT_OPEN, *KEPT_BAD, *KEPT_HOURS))):
            if id_ in KEPT:
                indicators.keep_cases(id_)
            window = since, until = _window(rng)
            assert _grouped(indicators, id_, since, until) == _viewed(indicators, id_, since, until), (id_, window)
        since, until = (it.replace(minute=0, second=0, microsecond=0) for it in _window(rng))
        assert _summed(indicators, since, until) == _charged(indicators, since, until), (since, until)


def test_several_windows_with_one_end_count_as_each_alone(indicators: Warehouse) -> None:
    rng = random.Random(20261201)
    _fill(indicators, [replace(_drawn(rng), tenant="windows") for _ in range(200)])
    indicators.sum_cases()
    _fill(indicators, [replace(_drawn(rng), tenant="windows") for _ in range(50)])
    indicators.keep_cases("queue-wait")
    for id_ in rng.choices(COUNTED, k=6):
        drawn = [_window(rng) for _ in range(3)]
        until = max(end for _, end in drawn)
        starts, threshold = [start for start, _ in drawn], _threshold(id_)
        (row,) = indicators.ask(f"""
            SELECT sumForEach(goods) AS fine, sumForEach(totals) AS cases
            FROM {counts_of_windows(id_, starts, until, threshold)} WHERE tenant = 'windows'""")
        alone = [_counted(indicators, id_, "windows", it, until, threshold) for it in starts]
        found = zip(row["fine"] or (0, 0, 0), row["cases"] or (0, 0, 0), strict=True)
        assert [*found] == alone, (id_, starts, until)


def _window(rng: random.Random) -> tuple[datetime, datetime]:
    """A window of minutes, hours or days; it may begin and end with an hour or a day."""
    since = START + HOUR * rng.uniform(-100, 18)
    until = since + rng.choice((HOUR / 60, HOUR, 24 * HOUR, 72 * HOUR)) * rng.uniform(0.1, 1)
    snapped = [_snapped(it, rng.choice(("", "", "hour", "day"))) for it in (since, until)]
    return min(snapped), max(snapped)


def _snapped(at: datetime, to: str) -> datetime:
    if not to:
        return at
    hour = at.replace(minute=0, second=0, microsecond=0)
    return hour if to == "hour" else hour.replace(hour=0)


def _parts(rng: random.Random, lives: list[Life]) -> Iterator[list[Stored]]:
    """The messages of jobs in the order in which the log stores them, in parts."""
    sealed, billed = ([it for it in lives if it.end and rng.random() < 0.9] for _ in range(2))
    found = [*chain.from_iterable(it.messages() for it in lives), *(it.sealed(late=12 * HOUR) for it in sealed)]
    found += [it.metered() for it in billed] + [it.metered(correction=True) for it in billed[::3]]
    found.sort(key=lambda it: it[0])
    while found:
        part, found = found[: (size := rng.randint(1, 400))], found[size:]
        yield part


def _summed(warehouse: Warehouse, since: datetime, until: datetime) -> list[dict[str, Any]]:
    query = f"""
        SELECT backend, vendor, currency, sum(jobs.amount) AS amount, sum(jobs.total) AS jobs
        FROM {sums("cost-per-job", since, until)} AS jobs
        WHERE tenant = 'law' GROUP BY backend, vendor, currency ORDER BY ALL"""
    return warehouse.ask(query)


def _charged(warehouse: Warehouse, since: datetime, until: datetime) -> list[dict[str, Any]]:
    query = """
        SELECT backend, vendor, currency, sum(it.amount) AS amount, sum(it.total) AS jobs
        FROM sli_cost_per_job AS it
        WHERE tenant = 'law' AND at >= {since:DateTime64(6, 'UTC')} AND at < {until:DateTime64(6, 'UTC')}
        GROUP BY backend, vendor, currency ORDER BY ALL"""
    return warehouse.ask(query, {"since": _text(since), "until": _text(until)})


def _drawn(rng: random.Random) -> Life:
    return Life(
        "law",
        START + HOUR * rng.uniform(-96, 18),
        wait=timedelta(seconds=rng.uniform(0, 9)),
        run=timedelta(seconds=rng.uniform(0, 9)),
        end=rng.choice(("completed", "completed", "completed", "failed", "cancelled", "rejected", "")),
        backend=rng.choice(("torino", "forte")),
        project=rng.choice(("chem", "fin")),
        workload_class=rng.choice(("", "production", "batch")),
        late=rng.choice((timedelta(), HOUR * rng.uniform(0, 9))),
        ahead=rng.choice((timedelta(), timedelta(), timedelta(days=3))),
        said={"attempt": rng.choice((1, 1, 2)), "expected_ms": rng.choice((0, 2000, 4000))},
    )


def _grouped(warehouse: Warehouse, id_: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    rows = warehouse.ask(
        f"SELECT * FROM {counts(id_, since, until, _threshold(id_))} WHERE tenant = 'law' ORDER BY ALL"
    )
    return [
        {"fine" if name == "good" else "cases" if name == "total" else name: it for name, it in row.items()}
        for row in rows
    ]


def _viewed(warehouse: Warehouse, id_: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    names = ", ".join(DIMENSIONS)
    delay = timedelta(seconds=60 * id_.endswith("-completeness"))
    good = f"sumIf(total, value_ms <= {_threshold(id_)})" if _threshold(id_) else "sum(good)"
    at = kept_at("at") if id_ in KEPT_HOURS else "at"
    return warehouse.ask(
        f"SELECT {names}, {good} AS fine, sum(total) AS cases FROM {INDICATORS[id_].view} WHERE tenant = 'law'"
        f" AND {at} >= {{since:DateTime64(6, 'UTC')}} AND {at} < {{until:DateTime64(6, 'UTC')}}"
        f" GROUP BY {names} ORDER BY ALL",
        {"since": _text(since - delay), "until": _text(until - delay)},
    )


@pytest.mark.parametrize(
    ("indicator", "threshold_ms", "says"),
    [
        ("sucess", None, "there is no indicator sucess"),
        ("queue-wait", None, "durations have a threshold_ms"),
        ("success", 1000, "durations have a threshold_ms"),
        ("queue-wait", 1234, "must be one of 10, 20"),
    ],
)
def test_what_cannot_be_counted_is_refused(indicator: str, threshold_ms: int | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        counts(indicator, START, START + HOUR, threshold_ms)
