"""Isolated backends, and what version 5 of a snapshot has."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from queuebit_scheduling import (
    POLICY,
    BackendCapacity,
    Candidate,
    Job,
    Served,
    Snapshot,
    Tenant,
    Window,
    decode,
    encode,
    explain,
    plan,
    why_placed,
    why_waiting,
)
from queuebit_testing.snapshots import NOW_US, grouped

GOOD, BAD = BackendCapacity("good", 1, 4), BackendCapacity("bad", 1, 4, isolated_since_us=10_000_000)
JOB = Job("acme", "j1", 1, NOW_US - 7_000, "2q9", (Candidate("bad", 1, 10), Candidate("good", 9, 10, 1)))


def snapshot(*backends: BackendCapacity, job: Job = JOB) -> Snapshot:
    tenants = (Tenant("acme", 1, Served(), 0),)
    return Snapshot(POLICY.name, NOW_US, 32, backends, tenants, groups=grouped(POLICY, [job]))


def test_an_isolated_backend_gets_no_placement_and_the_explanation_says_so() -> None:
    found = explain(POLICY, snapshot(GOOD, BAD), JOB.key)
    assert found is not None
    assert (found.backend, found.rule) == ("good", "only")
    reasons = {it.backend: it.reason for it in found.considered}
    assert reasons["bad"] == "bad has been isolated since 1970-01-01 00:00:10 UTC"
    assert not plan(POLICY, snapshot(BAD)).places


def test_a_job_leaves_an_isolated_backend_if_another_takes_it() -> None:
    both = {"good": GOOD, "bad": BAD}
    assert POLICY.leaves(JOB, "bad", both, NOW_US)
    assert not POLICY.leaves(JOB, "good", both, NOW_US)
    assert not POLICY.leaves(JOB, "bad", {"bad": BAD}, NOW_US)


def test_jobs_fall_back_from_an_isolated_backend_as_from_one_that_is_out_of_service() -> None:
    job = replace(JOB, candidates=(Candidate("bad", 1, 10), Candidate("good", 9, 10, 1, fallback=1)))
    [place] = plan(POLICY, snapshot(GOOD, BAD, job=replace(job, fallback_after_us=1_000))).places
    assert place.backend == "good"
    assert place.fallback is not None
    assert (place.fallback.instead_of, place.fallback.since_us) == (("bad",), 10_000_000)
    assert not plan(POLICY, snapshot(GOOD, BAD, job=replace(job, fallback_after_us=NOW_US))).places


def test_a_job_says_that_its_backends_are_isolated() -> None:
    reason = why_waiting(replace(JOB, candidates=JOB.candidates[:1]), {"bad": BAD}, NOW_US)
    assert reason == "bad has been isolated since 1970-01-01 00:00:10 UTC: see why in `qb backends`"
    assert "it moves when another backend takes it" in (why_placed(BAD, 0, confirmed=True, started=False) or "")
    assert why_placed(BAD, 0, confirmed=True, started=True) is None


WINDOWS = (
    Window(NOW_US, NOW_US + 9, "reservation", "acme", "r1", "main", ("ann",)),
    Window(NOW_US, NOW_US + 5, "maintenance"),
)


@pytest.mark.parametrize(
    ("backend", "job"),
    [
        (BAD, JOB),
        (replace(GOOD, windows=WINDOWS), JOB),
        (replace(GOOD, queue_us=1), JOB),
        (GOOD, replace(JOB, project="main")),
        (GOOD, replace(JOB, user="ann")),
        (GOOD, replace(JOB, workload_class="batch")),
        (GOOD, replace(JOB, priority=-1)),
        (GOOD, replace(JOB, deadline_us=NOW_US + 1)),
    ],
)
def test_each_of_these_makes_a_snapshot_of_version_5_and_is_read_again(backend: BackendCapacity, job: Job) -> None:
    given = snapshot(backend, job=job)
    assert json.loads(encode(given))["version"] == 5
    assert decode(encode(given)) == given
    assert json.loads(encode(snapshot(GOOD)))["version"] == 1


def test_the_windows_of_a_backend_are_sorted() -> None:
    assert encode(snapshot(replace(GOOD, windows=WINDOWS))) == encode(snapshot(replace(GOOD, windows=WINDOWS[::-1])))
    assert [it.kind for it in replace(GOOD, windows=WINDOWS).windows] == ["maintenance", "reservation"]
