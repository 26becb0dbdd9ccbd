"""Closed jobs: none is forgotten soon, none is taken for another, and their size is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from queuebit_broker import closed_jobs
from queuebit_broker.closed_jobs import ClosedJobs
from queuebit_kernel import job_id

STORED = TypeAdapter(ClosedJobs)


@given(closed=st.sets(st.text()), others=st.sets(st.text()))
def test_a_job_is_closed_exactly_if_it_was_added(closed: set[str], others: set[str]) -> None:
    jobs = ClosedJobs()
    for job in (*closed, *closed):
        jobs.add(job)
    again = STORED.validate_json(STORED.dump_json(jobs))
    assert again == jobs
    for found in (jobs, again):
        assert {job for job in closed | others if job in found} == closed


def test_the_newest_hundred_thousand_are_known() -> None:
    jobs, names = ClosedJobs(), [job_id("acme", f"k{number}") for number in range(100_000)]
    for name in names:
        jobs.add(name)
    assert all(name in jobs for name in names[::20])


def test_the_oldest_are_forgotten_and_a_copy_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_jobs, "_MOST", 1)
    jobs, names = ClosedJobs(), [f"j{number}" for number in range(20_000)]
    jobs.add(names[0])
    kept = jobs.copy()
    for name in names:
        jobs.add(name)
        assert name in jobs
    assert sum(map(len, jobs.buckets.values())) <= 4096 * 16
    assert names[0] not in jobs
    assert names[0] in kept
