"""Fallback: when a job leaves what it asked for, where it goes, and when it returns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from queuebit_scheduling import (
    POLICY,
    BackendCapacity,
    Candidate,
    FellBack,
    Job,
    Served,
    Snapshot,
    Tenant,
    explain,
    plan,
    waiting,
    why_waiting,
)
from queuebit_testing.snapshots import NOW_US, QUICK, grouped, snapshots

MINUTE = 60_000_000
AFTER = 5 * MINUTE

TORINO, KYIV, AER, CIRQ = (BackendCapacity(name, 1, 8) for name in ("torino", "kyiv", "aer", "cirq"))


def out(backend: BackendCapacity, for_us: int, *, answers: bool = False) -> BackendCapacity:
    """A backend that has been out of service for some time; it may answer by now."""
    since = NOW_US - for_us
    return replace(backend, out_since_us=since, silent_since_us=None if answers else since)


def job(own: str = "torino", fallback: str = "aer cirq", name: str = "j1", after_us: int = AFTER) -> Job:
    """A job with these candidates; the cheapest of the fallback is its last."""
    asked = [Candidate(it, 100, 10**6) for it in own.split()]
    others = [Candidate(it, 100, 10**6, 9 - n, n) for n, it in enumerate(fallback.split(), start=1)]
    return Job("acme", name, int(name[1:]), NOW_US, "2q9", (*asked, *others), None, after_us)


def snapshot(backends: list[BackendCapacity], *jobs: Job) -> Snapshot:
    tenants = (Tenant("acme", 1, Served(), 0),)
    return Snapshot(POLICY.name, NOW_US, 32, tuple(backends), tenants, groups=grouped(POLICY, jobs))


def placed(backends: list[BackendCapacity], *jobs: Job) -> list[tuple[str, FellBack | None]]:
    return [(it.backend, it.fallback) for it in plan(POLICY, snapshot(backends, *jobs)).places]


def fell(for_us: int, *own: str) -> FellBack:
    return FellBack(own or ("torino",), NOW_US - for_us)


@pytest.mark.parametrize(
    ("torino", "expected"),
    [
        pytest.param(TORINO, [("torino", None)], id="in service"),
        pytest.param(replace(TORINO, silent_since_us=0), [], id="silent, and the log does not say that it is out"),
        pytest.param(out(TORINO, AFTER - 1), [], id="not out for long enough"),
        pytest.param(out(TORINO, AFTER), [("aer", fell(AFTER))], id="out for long enough"),
        pytest.param(out(TORINO, AFTER, answers=True), [("aer", fell(AFTER))], id="answers, and is not back yet"),
        pytest.param(out(TORINO, 1, answers=True), [("torino", None)], id="answers after a short interruption"),
    ],
)
def test_a_job_leaves_a_backend_that_is_out_of_service_for_long_enough(
    torino: BackendCapacity, expected: list[tuple[str, FellBack | None]]
) -> None:
    assert placed([torino, AER, CIRQ], job()) == expected


def test_all_backends_that_it_asked_for_must_be_out_and_the_last_of_them_counts() -> None:
    asked = job("torino kyiv")
    assert placed([out(TORINO, 9 * MINUTE), KYIV, AER], asked) == [("kyiv", None)]
    assert placed([out(TORINO, 9 * MINUTE), out(KYIV, MINUTE), AER], asked) == []
    both = [out(TORINO, 9 * MINUTE), out(KYIV, 6 * MINUTE), AER]
    assert placed(both, asked) == [("aer", fell(6 * MINUTE, "kyiv", "torino"))]
    assert placed([out(TORINO, 9 * MINUTE), AER], asked) == [], "kyiv is not known: nothing says that it is out"


@pytest.mark.parametrize(
    ("aer", "cirq", "expected"),
    [
        pytest.param(AER, CIRQ, "aer", id="the first, although the second is cheaper"),
        pytest.param(replace(AER, taken=8), CIRQ, "cirq", id="the first is full"),
        pytest.param(replace(AER, silent_since_us=0), CIRQ, "cirq", id="the first does not answer"),
        pytest.param(replace(AER, silent_since_us=0), replace(CIRQ, silent_since_us=0), None, id="none answers"),
    ],
)
def test_the_first_of_the_fallback_that_is_free_runs_it(
    aer: BackendCapacity, cirq: BackendCapacity, expected: str | None
) -> None:
    found = placed([out(TORINO, AFTER), aer, cirq], job())
    assert [it for it, _ in found] == ([] if expected is None else [expected])


def test_where_the_fallback_does_not_answer_a_job_takes_its_own_backend_that_answers_again() -> None:
    away = [replace(it, silent_since_us=0) for it in (AER, CIRQ)]
    assert placed([out(TORINO, AFTER, answers=True), *away], job()) == [("torino", None)]


def test_a_job_that_has_only_its_fallback_takes_it_at_once_and_has_no_label_of_its_own() -> None:
    """It fell back at its admission, where the reason is recorded."""
    assert placed([TORINO, AER], job("", "aer")) == [("aer", None)]


def test_jobs_with_and_without_a_fallback_do_not_hinder_each_other() -> None:
    plain = replace(job("torino", "", "j2"), fallback_after_us=0)
    later = job("torino", "aer", "j3", after_us=2 * AFTER)
    assert placed([out(TORINO, AFTER), AER], plain, later, job()) == [("aer", fell(AFTER))]
    assert len({POLICY.group(it) for it in (plain, later, job(), job("torino aer", "cirq"))}) == 4


@pytest.mark.parametrize(
    ("here", "torino", "aer", "leaves"),
    [
        pytest.param("torino", out(TORINO, AFTER), AER, True, id="it waits at a backend that is out"),
        pytest.param("torino", out(TORINO, AFTER - 1), AER, False, id="not for long enough"),
        pytest.param("aer", TORINO, AER, False, id="its own is back, and the fallback answers"),
        pytest.param("aer", TORINO, replace(AER, silent_since_us=0), True, id="its own is back, and the fallback not"),
        pytest.param("aer", out(TORINO, AFTER), replace(AER, silent_since_us=0), False, id="nothing answers"),
        pytest.param("torino", out(TORINO, AFTER, answers=True), AER, False, id="where it waits answers again"),
    ],
)
def test_a_job_that_has_not_started_leaves_only_a_backend_that_does_not_answer(
    here: str, torino: BackendCapacity, aer: BackendCapacity, leaves: bool
) -> None:
    backends = {it.name: it for it in (torino, aer)}
    assert POLICY.leaves(job("torino", "aer"), here, backends, NOW_US) is leaves


@pytest.mark.parametrize(
    ("backends", "reason"),
    [
        (
            [out(TORINO, MINUTE), AER],
            "torino has not answered since 1970-01-01 02:45:40 UTC: see in `qb status` whether its executor is up; "
            "from 1970-01-01 02:50:40 UTC on it may run on aer or cirq instead",
        ),
        (
            [out(TORINO, AFTER), replace(AER, taken=8)],
            "what it asked for is out of service, so that it falls back: all 8 places on aer are taken",
        ),
        (
            [out(TORINO, AFTER)],
            "torino has not answered since 1970-01-01 02:41:40 UTC: see in `qb status` whether its executor is up; "
            "its fallback does not answer either: aer and cirq",
        ),
        ([replace(TORINO, taken=8), AER], "all 8 places on torino are taken"),
    ],
)
def test_a_waiting_job_says_what_its_fallback_means_for_it(backends: list[BackendCapacity], reason: str) -> None:
    assert why_waiting(job(), {it.name: it for it in backends}, NOW_US) == reason
    [waits] = waiting(plan(POLICY, snapshot(backends, job())))
    assert waits.reason == reason


def test_an_explanation_says_which_backends_it_stands_in_for() -> None:
    found = explain(POLICY, snapshot([out(TORINO, AFTER), AER, CIRQ], job()), ("acme", "j1"))
    assert found is not None
    document = found.document()
    assert (document["instead_of"], document["out_since"]) == (["torino"], "1970-01-01T02:41:40.000000Z")
    assert (found.rule, found.decided) == ("fallback", "it comes first in the fallback, among its candidates with a "
                                           "free place")  # fmt: skip
    assert [it.reason for it in found.considered] == ["", "it comes later in the fallback"]
    assert "instead_of" not in (explain(POLICY, snapshot([TORINO, AER], job()), ("acme", "j1")) or found).document()


@QUICK
@given(snapshots())
def test_a_job_runs_on_its_fallback_only_while_all_that_it_asked_for_is_out(given_: Snapshot) -> None:
    backends = {it.name: it for it in given_.backends}
    jobs = {it.key: it for group in given_.groups for it in group.jobs}
    for place in plan(POLICY, given_).places:
        its = {it.backend: it.fallback for it in jobs[place.job].candidates}
        own = [name for name, number in its.items() if not number]
        here = [backends[it] for it in own if it in backends]
        since = [it.isolated_since_us if it.out_since_us is None else it.out_since_us for it in here]
        gone = [it for it in since if it is not None and given_.at_us - it >= jobs[place.job].fallback_after_us]
        assert (place.fallback is not None) == bool(its[place.backend])
        assert not its[place.backend] or len(gone) == len(own)
