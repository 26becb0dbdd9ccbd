"""OpenSLO documents: what they mean, and what is refused with file, line and what was expected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from queuebit_contracts.indicators import INDICATORS
from queuebit_documents.errors import BadDocuments
from queuebit_slo import (
    BurnAlert,
    Objective,
    default_alerts,
    history,
    of_tenant,
    parse,
    parse_all,
    query,
    rules,
    shipped,
)

SERVICE = """apiVersion: openslo/v1
kind: Service
metadata:
  name: jobs
---
"""
SUCCESS = """apiVersion: openslo/v1
kind: SLO
metadata:
  name: success
  labels:
    owner: quantum
  annotations:
    queuebit.by: tenant.backend
spec:
  service: jobs
  indicator:
    metadata:
      name: success
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource:
            type: queuebit
            spec:
              indicator: success
              where:
                workload_class: production
        total:
          metricSource:
            type: queuebit
            spec:
              indicator: success
              where:
                workload_class: production
  timeWindow:
    - duration: 30d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - target: 0.99
"""
WAIT = """apiVersion: openslo/v1
kind: SLO
metadata:
  name: wait
spec:
  service: jobs
  indicator:
    metadata:
      name: wait
    spec:
      thresholdMetric:
        metricSource:
          type: queuebit
          spec:
            indicator: queue-wait
  timeWindow:
    - duration: 4w
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - op: lte
      value: 30000
      targetPercent: 50
"""


def problems(*documents: str) -> list[str]:
    with pytest.raises(BadDocuments) as found:
        parse_all([(f"{at}.yaml", it) for at, it in enumerate(documents)])
    return [str(it) for it in found.value.problems]


def test_a_ratio_has_its_target_filter_groups_and_the_default_alerts() -> None:
    (slo,) = parse(SERVICE + SUCCESS, "a.yaml")
    assert (slo.name, slo.indicator, slo.target, slo.owner) == ("success", "success", Fraction(99, 100), "quantum")
    assert (slo.where, slo.by) == ({"workload_class": "production"}, ("tenant", "backend"))
    assert slo.alerts == default_alerts(timedelta(days=30))


def test_a_duration_has_its_threshold_and_only_alerts_that_can_fire() -> None:
    (slo,) = parse(SERVICE + WAIT, "a.yaml")
    assert (slo.threshold_ms, slo.target, slo.window) == (30_000, Fraction(1, 2), timedelta(weeks=4))
    assert all(it.factor * slo.allowed < 1 for it in slo.alerts)


def test_an_annotation_is_an_alert_with_two_windows() -> None:
    noted = "    queuebit.by: tenant.backend\n    queuebit.alert.fast: page-30m-5m-14.4\n    queuebit.minimum: '5'\n"
    (slo,) = parse(SERVICE + SUCCESS.replace("    queuebit.by: tenant.backend\n", noted), "a.yaml")
    alert = BurnAlert("fast", "page", timedelta(minutes=30), timedelta(minutes=5), Fraction(144, 10))
    assert (slo.alerts, slo.minimum) == ((alert,), 5)


def test_an_alert_policy_has_one_condition_with_a_short_window_of_a_twelfth() -> None:
    policy = """---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: quick}
spec:
  conditions:
    - kind: AlertCondition
      metadata: {name: burns}
      spec:
        severity: ticket
        condition: {kind: burnrate, op: gt, threshold: 2, lookbackWindow: 6h}
"""
    with_policy = SUCCESS + "  alertPolicies:\n    - alertPolicyRef: quick\n"
    (slo,) = parse(SERVICE + with_policy + policy, "a.yaml")
    assert slo.alerts == (BurnAlert("quick", "ticket", timedelta(hours=6), timedelta(minutes=30), Fraction(2)),)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("target: 0.99", "target: 1.0", "0.yaml:41: target is between 0 and 1, and neither"),
        ("target: 0.99", "target: 0", "0.yaml:41: target is between 0 and 1, and neither"),
        ("target: 0.99", "tarjet: 0.99", "did you mean target?"),
        ("target: 0.99", "op: lte\n      target: 0.99", "success is a ratio: leave out op and value"),
        ("indicator: success", "indicator: sucess", "indicator sucess is not there: did you mean success?"),
        ("indicator: success", "indicator: queue-wait", "queue-wait is a duration: write it as thresholdMetric"),
        ("duration: 30d", "duration: 500d", "0.yaml:37: duration 500d is longer than cases are kept (365d)"),
        ("duration: 30d", "duration: 1M", "0.yaml:37: duration 1M is of a calendar: write days or weeks"),
        ("isRolling: true", "isRolling: false", "0.yaml:38: SLO.success.spec.timeWindow.0.isRolling"),
        ("Occurrences", "Timeslices", "0.yaml:39: SLO.success.spec.budgetingMethod"),
        ("service: jobs", "service: jebs", "0.yaml:15: Service jebs is not there: did you mean jobs?"),
        ("workload_class: prod", "class: prod", "0.yaml:28: column class is not there"),
        ("queuebit.by: tenant.backend", "queuebit.by: tennant", "0.yaml:13: column tennant is not there"),
        ("queuebit.by: tenant.backend", "queuebit.by: workload_class", "has one value by `where`"),
        ("queuebit.by: tenant.backend", "queuebit.byy: x", "annotation queuebit.byy is not there"),
        ("queuebit.by: tenant.backend", "queuebit.minimum: some", "is no number of cases: write 1 or more"),
        ("queuebit.by: tenant.backend", "queuebit.alert.a: page-5m", "is no alert: write SEVERITY-LONG-SHORT-FACTOR"),
        ("queuebit.by: tenant.backend", "queuebit.alert.a: page-5m-1h-3", "must grow, and are 1h, 5m, 30d"),
        ("queuebit.by: tenant.backend", "queuebit.alert.a: page-1h-5m-100", "can never fire: the highest burn rate"),
        ("kind: SLO", "kind: SLOO", "0.yaml:7: kind SLOO is none of OpenSLO: did you mean SLO?"),
        ("  name: success\n  labels", "  labels", "a document of kind SLO has no metadata.name"),
        ("apiVersion: openslo/v1\nkind: SLO", "apiVersion: openslo/v2\nkind: SLO", "0.yaml:6: SLO.success.apiVersion"),
    ],
)
def test_a_broken_document_is_refused_with_file_line_and_what_was_expected(old: str, new: str, said: str) -> None:
    found = problems(SERVICE + SUCCESS.replace(old, new))
    assert any(said in it for it in found), found


@pytest.mark.parametrize("value", ["29999", "30000.5", "0"])
def test_a_threshold_that_is_no_bound_of_a_bucket_is_refused(value: str) -> None:
    (found,) = problems(SERVICE + WAIT.replace("30000", value))
    assert "is not counted exactly: use one of 10, 20" in found
    assert found.startswith("0.yaml:27: ")


def test_several_problems_are_listed_together() -> None:
    one = SUCCESS.replace("target: 0.99", "target: 2").replace("30d", "500d")
    other = WAIT.replace("30000", "1").replace("service: jobs", "service: x")
    assert len(problems(SERVICE + one, other)) == 4


def test_a_window_is_not_longer_than_the_cases_of_its_indicator_are_kept() -> None:
    spans = SUCCESS.replace("indicator: success", "indicator: telemetry-completeness")
    assert parse(SERVICE + spans, "a.yaml")[0].window == timedelta(days=30)
    (found,) = problems(SERVICE + spans.replace("duration: 30d", "duration: 31d"))
    assert "duration 31d is longer than cases are kept (30d)" in found


def test_objectives_that_contradict_are_refused() -> None:
    other = SUCCESS.replace("name: success\n  labels", "name: other\n  labels")
    (found,) = problems(SERVICE + SUCCESS, other.replace("0.99", "0.95"))
    assert "1.yaml:1: SLO other promises the same as SLO success, with two targets (0.99 there and 0.95 here)" in found
    (found,) = problems(SERVICE + SUCCESS, other)
    assert "twice: keep one of the two" in found


def test_a_name_twice_is_refused_in_one_file_and_in_two() -> None:
    (found,) = problems(SERVICE + SUCCESS, SUCCESS.replace("0.99", "0.95"))
    assert found == "1.yaml:1: SLO.success is in 0.yaml:6 too: keep one of the two"
    (found,) = problems(SERVICE + SUCCESS + "---\n" + SUCCESS)
    assert "SLO success is in 0.yaml:6 too" in found


def test_other_cases_of_the_same_indicator_do_not_contradict() -> None:
    other = SUCCESS.replace("name: success\n  labels", "name: other\n  labels").replace("production", "experimental")
    assert len(parse_all([("a.yaml", SERVICE + SUCCESS), ("b.yaml", other.replace("0.99", "0.95"))])) == 2


def test_the_objectives_of_this_version_are_valid_and_have_the_targets_of_the_table() -> None:
    found = {it.name: it for it in shipped()}
    assert found["success-production"].target == Fraction(99, 100)
    assert found["success-experimental"].target == Fraction(95, 100)
    wait = found["queue-wait-interactive"]
    assert (wait.target, wait.threshold_ms, wait.where) == (Fraction(1, 2), 30_000, {"workload_class": "interactive"})
    assert found["retry"].target == Fraction(97, 100)
    assert found["fallback"].target == Fraction(99, 100)
    assert found["vendor-error"].target == Fraction(995, 1000)
    complete = ("provenance-completeness", "telemetry-completeness", "billing-accuracy", "billing-recomputation")
    assert {found[it].target for it in complete} == {Fraction(9999, 10_000)}
    assert found["end-to-end-relative"].target == Fraction(95, 100)
    assert found["plan-accuracy"].target == Fraction(7, 10)
    assert found["calibration-pass"].target == Fraction(95, 100)
    assert {found[it].target for it in ("variance", "drift", "fairness")} == {Fraction(95, 100)}
    assert {found[it].target for it in ("preemption", "noisy-neighbour")} == {Fraction(99, 100)}
    times = [(found[it].target, found[it].threshold_ms) for it in ("time-to-detect", "time-to-remediate")]
    assert times == [(Fraction(9, 10), 900_000), (Fraction(9, 10), 3_600_000)]
    assert all(it.indicator in INDICATORS and it.owner for it in found.values())
    pages = {it.name for it in found.values() if any(alert.severity == "page" for alert in it.alerts)}
    symptoms = {"queue-wait-p95", "end-to-end-low-latency", "end-to-end-p95", "probe"}
    assert pages == {"job-success", "success-production", "success-experimental", *symptoms}
    without = {"end-to-end-relative", "plan-accuracy", "variance", "time-to-detect", "time-to-remediate"}
    assert {it.name for it in found.values() if not it.alerts} == without


def test_a_duration_that_is_not_of_jobs_may_have_any_threshold_in_whole_milliseconds() -> None:
    detected = SERVICE + WAIT.replace("queue-wait", "time-to-detect").replace("value: 30000", "value: 900001")
    (slo,) = parse(detected, "a.yaml")
    assert slo.threshold_ms == 900_001
    (fault,) = problems(detected.replace("900001", "0.5"))
    assert "value 0.5 is not counted exactly: use whole milliseconds" in fault


@pytest.mark.parametrize("workload_class", ["", "production", "experimental", "interactive", "batch", "the-teams-own"])
def test_every_job_is_in_an_objective_of_success_with_the_target_of_its_class(workload_class: str) -> None:
    mine = [it for it in shipped() if it.indicator == "success" and counts_class(it, workload_class)]
    assert {it.target for it in mine} == {Fraction(95 if workload_class == "experimental" else 99, 100)}


def counts_class(slo: Objective, workload_class: str) -> bool:
    return slo.where.get("workload_class", workload_class) == workload_class and (
        slo.unless.get("workload_class") != workload_class
    )


def test_a_tenant_does_not_see_objectives_of_the_platform_alone() -> None:
    platform = {"billing-accuracy", "calibration-pass", "probe", "reproducibility"}
    assert {it.name for it in shipped() if of_tenant(it, "acme") is None} == platform


def test_cases_are_left_out_by_unless_and_its_columns_are_checked() -> None:
    (slo,) = parse(SERVICE + SUCCESS.replace("where:", "unless:"), "a.yaml")
    assert (slo.where, slo.unless) == ({}, {"workload_class": "production"})
    now = datetime(2026, 11, 30, 8, tzinfo=UTC)
    for found in (query(slo, now, [slo.window]), history(slo, now)):
        assert found.parameters["unless_workload_class"] == "production"
        assert "NOT (workload_class = {unless_workload_class:String})" in found.sql
    (unknown,) = problems(SERVICE + SUCCESS.replace("where:", "unless:").replace("workload_class", "workload"))
    assert "column workload is not there: did you mean workload_class?" in unknown
    both = "unless:\n                workload_class: batch\n              where:"
    (twice,) = problems(SERVICE + SUCCESS.replace("where:", both))
    assert "column workload_class has one value by `where`: leave it out of `unless`" in twice


def test_days_of_what_may_come_late_end_a_minute_ago() -> None:
    slo = next(it for it in shipped() if it.name == "provenance-completeness")
    found = history(slo, datetime(2026, 11, 30, 8, tzinfo=UTC))
    assert found.parameters["since"] == "2026-10-31 07:59:00.000000"
    assert found.parameters["until"] == "2026-11-30 07:59:00.000000"


def test_a_query_counts_each_group_in_each_window_and_values_are_parameters() -> None:
    (slo,) = parse(SERVICE + SUCCESS, "a.yaml")
    now = datetime(2026, 11, 30, 8, tzinfo=UTC)
    found = query(slo, now, [timedelta(minutes=5), timedelta(hours=1)])
    assert found.parameters == {"where_workload_class": "production"}
    assert "'2026-11-30 07:55:00.000000'" in found.sql
    assert "production" not in found.sql
    assert found.sql.count("GROUP BY tenant, backend\n") == 1


@pytest.mark.parametrize("number", ["nan", "inf", "1e999", "-1e999", '"NaN"'])
@pytest.mark.parametrize("name", ["target", "targetPercent", "value"])
def test_a_number_that_is_not_finite_is_a_problem_with_its_line(name: str, number: str) -> None:
    text = SERVICE + SUCCESS.replace("target: 0.99", f"{name}: {number}")
    with pytest.raises(BadDocuments) as found:
        parse(text, "slo.yaml")
    assert found.value.problems[0].line == text.splitlines().index(f"    - {name}: {number}") + 1


def test_a_value_of_where_that_no_name_can_have_is_refused() -> None:
    with pytest.raises(BadDocuments, match="workload_class"):
        parse(SERVICE + SUCCESS.replace("workload_class: production", f"workload_class: {'x' * 3000}"), "slo.yaml")


def test_a_description_is_no_template_in_the_rules_of_prometheus() -> None:
    objective = replace(shipped()[0], display="{{ query }} of jobs")
    assert '{{ "{{" }} query }} of jobs' in rules([objective])
