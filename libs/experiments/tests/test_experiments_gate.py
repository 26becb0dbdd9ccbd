"""The decision, by tables in English and by simulated canaries."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from queuebit_experiments import Arm, BadDesign, Design, Metric, judge

_DESIGN = Design(share=0.5, cases=500)


def _arm(cases: int, failures: int, assigned: int | None = None, **values: list[float]) -> Arm:
    by_metric = {name: {"": it} for name, it in values.items()}
    return Arm(cases if assigned is None else assigned, cases, failures, by_metric)


@pytest.mark.parametrize(
    ("why", "baseline", "candidate", "kind"),
    [
        ("nothing ran", (0, 0), (0, 0), "continue"),
        ("too few jobs, all good", (499, 5), (499, 5), "continue"),
        ("only one arm has jobs enough", (530, 8), (499, 5), "continue"),
        ("enough, and equal", (500, 5), (500, 5), "pass"),
        ("enough, and without any failure", (500, 0), (500, 0), "pass"),
        ("worse, but not proven so, nor proven good", (500, 10), (500, 22), "extend"),
        ("worse beyond doubt, before there are enough", (200, 4), (200, 40), "abort"),
        ("better beyond doubt", (500, 100), (500, 5), "pass"),
        ("a few failures prove nothing", (5, 0), (5, 4), "continue"),
    ],
)
def test_counts_decide(why: str, baseline: tuple[int, int], candidate: tuple[int, int], kind: str) -> None:
    assert judge(_DESIGN, _arm(*baseline), _arm(*candidate)).kind == kind, why


def test_a_canary_with_too_few_jobs_says_how_many_it_needs() -> None:
    found = judge(_DESIGN, _arm(130, 1), _arm(120, 1))
    assert (
        found.reason == "not decided: 120 jobs of the candidate and 130 of the baseline ended, 500 of each are needed"
    )


def test_it_is_extended_once_and_then_a_person_decides() -> None:
    one, other = _arm(500, 10), _arm(500, 22)
    assert judge(_DESIGN, one, other).kind == "extend"
    assert judge(_DESIGN, one, other, extended=True).kind == "continue", "twice as many are needed now"
    assert judge(_DESIGN, _arm(1000, 20), _arm(1000, 44), extended=True).kind == "pause"
    assert judge(_DESIGN, _arm(1000, 20), _arm(1000, 22), extended=True).kind == "pass"


def test_failures_of_both_arms_say_nothing_against_the_candidate() -> None:
    """A device that is broken for an hour fails both: the share of the candidate among failures stays."""
    assert judge(_DESIGN, _arm(300, 200), _arm(300, 205)).kind == "continue"


def test_the_limit_stops_a_candidate_that_is_as_bad_as_the_baseline() -> None:
    design = replace(_DESIGN, most_failures=0.2)
    found = judge(design, _arm(100, 60), _arm(100, 60))
    assert (found.kind, found.checks[0].name, found.checks[0].passed) == ("abort", "limit", False)
    assert judge(design, _arm(100, 20), _arm(100, 20)).kind == "continue"


def test_arms_of_the_wrong_size_pause_whatever_else_they_say() -> None:
    found = judge(_DESIGN, _arm(500, 5, assigned=900), _arm(500, 5, assigned=500))
    assert found.kind == "pause"
    assert "the assignment is broken" in found.reason


def test_a_worse_metric_keeps_a_candidate_from_release() -> None:
    draw = Random(1)
    one, same, slow = ([draw.lognormvariate(3, 0.3) * it for _ in range(500)] for it in (1, 1, 1.3))
    design = replace(_DESIGN, metrics=(Metric("latency", 1.1),))
    assert judge(design, _arm(500, 5, latency=one), _arm(500, 5, latency=same)).kind == "pass"
    assert judge(design, _arm(500, 5, latency=one), _arm(500, 5, latency=slow)).kind == "extend"
    assert judge(design, _arm(500, 5), _arm(500, 5)).kind == "extend", "not measured is not passed"


def test_where_more_is_better_less_is_worse() -> None:
    draw = Random(2)
    one, less, more = ([draw.gauss(it, 0.02) for _ in range(500)] for it in (0.9, 0.85, 0.93))
    design = replace(_DESIGN, metrics=(Metric("esp", 0.98, more_is_better=True),))
    assert judge(design, _arm(500, 5, esp=one), _arm(500, 5, esp=less)).kind == "extend"
    assert judge(design, _arm(500, 5, esp=one), _arm(500, 5, esp=more)).kind == "pass"


def test_whole_tenants_are_compared_by_a_person_but_the_limit_holds() -> None:
    design = replace(_DESIGN, most_failures=0.2)
    assert judge(design, _arm(500, 0), _arm(500, 60), by_job=False).kind == "pause"
    assert judge(design, _arm(100, 0), _arm(100, 90), by_job=False).kind == "abort"


@pytest.mark.parametrize(
    "change",
    [{"share": 0}, {"share": 1}, {"cases": 0}, {"margin": 0}, {"alpha": 1}, {"most_failures": 1.0},
     {"metrics": (Metric("latency", 0),)}, {"metrics": (Metric("a", 1), Metric("a", 2))}],
)  # fmt: skip
def test_a_design_that_cannot_decide_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadDesign):
        replace(_DESIGN, **change)  # type: ignore[arg-type]


def test_looking_after_every_job_aborts_less_often_than_promised() -> None:
    """300 canaries of equal arms whose common failure rate moves between 1 % and 40 %: alpha is 1 %.

    Expected are at most 3; more than 9 have a probability of 0.1 % if alpha is kept.
    """
    draw, aborted = Random(11), 0
    for _ in range(300):
        arms, rate = [[0, 0], [0, 0]], 0.1
        for _ in range(400):
            rate = min(0.4, max(0.01, rate + draw.gauss(0, 0.02)))
            mine = arms[draw.random() < 0.5]
            mine[0] += 1
            if draw.random() < rate:
                mine[1] += 1
                if judge(_DESIGN, _arm(*arms[0]), _arm(*arms[1])).kind == "abort":
                    aborted += 1
                    break
    assert aborted <= 9


def _shared(parts: dict[str, tuple[int, int]]) -> Arm:
    """An arm from the cases and failures of each tenant."""
    cases, failures = (sum(it[place] for it in parts.values()) for place in (0, 1))
    return Arm(cases, cases, failures, tenants={name: (it[0], *it) for name, it in parts.items()})


def _even(tenants: int, cases: int, failures: int) -> dict[str, tuple[int, int]]:
    return {f"t{it}": (cases, failures) for it in range(tenants)}


def test_one_tenant_alone_stops_a_canary_and_does_not_abort_it() -> None:
    usual = _even(10, 20, 0)
    few = judge(_DESIGN, _shared(usual), _shared(usual | {"evil": (12, 12)}))
    assert few.kind == "continue"
    assert [it.passed for it in few.checks if it.name == "failures"] == [False]
    found = judge(_DESIGN, _shared(usual), _shared(usual | {"evil": (30, 30)}))
    assert found.kind == "pause"
    assert "without the jobs of one tenant this is not shown" in found.reason
    assert judge(_DESIGN, _shared(usual), _shared(_even(10, 20, 3))).kind == "abort"
    limited = replace(_DESIGN, most_failures=0.1)
    assert judge(limited, _shared(usual), _shared(usual | {"evil": (90, 90)})).kind == "pause"


def test_one_tenant_alone_does_not_release_a_candidate() -> None:
    """Failures in the baseline would hide those of the candidate."""
    baseline, candidate = _even(10, 60, 1), _even(10, 60, 4)
    assert judge(_DESIGN, _shared(baseline), _shared(candidate)).kind == "abort"
    found = judge(_DESIGN, _shared(baseline | {"evil": (60, 60)}), _shared(candidate))
    assert found.kind == "extend"
    assert judge(_DESIGN, _shared(_even(10, 60, 1)), _shared(_even(10, 60, 1))).kind == "pass"


def test_a_canary_with_jobs_of_one_tenant_only_is_decided_by_a_person() -> None:
    arms = _shared({"acme": (500, 5)}), _shared({"acme": (500, 5)})
    assert judge(_DESIGN, *arms).kind == "extend"
    assert judge(_DESIGN, *(replace(it, tenants={}) for it in arms)).kind == "pass"
