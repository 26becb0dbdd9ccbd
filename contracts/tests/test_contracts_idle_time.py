"""The idle time of a session, compared with a clock that looks every second."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_contracts.idle_time import IdleTime

OPENED = datetime(2026, 1, 1, tzinfo=UTC)
JOBS = ("j1", "j2", "j3")


def at(seconds: int) -> datetime:
    return OPENED + timedelta(seconds=seconds)


FACTS = st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.sampled_from(JOBS)), max_size=12)
"""Seconds since the fact before, whether a job began (or ended), and which."""


@settings(deadline=None, derandomize=True)
@given(FACTS, st.integers(0, 9))
def test_idle_time_is_the_number_of_seconds_without_a_job(facts: list[tuple[int, bool, str]], after: int) -> None:
    idle, second, jobs, seconds, in_a_row = IdleTime(OPENED), 0, frozenset[str](), 0, 0

    def clock(until: int) -> None:
        nonlocal seconds, in_a_row
        for _ in range(second, until):
            seconds += not jobs
            in_a_row = 0 if jobs else in_a_row + 1

    for wait, begins, job in facts:
        clock(second + wait)
        second += wait
        idle = idle.began(job, at(second)) if begins else idle.ended(job, at(second))
        if begins:
            jobs, in_a_row = jobs | {job}, 0
        else:
            jobs -= {job}
    clock(second + after)
    now = at(second + after)
    assert (idle.jobs, idle.total(now), idle.current(now)) == (
        jobs,
        timedelta(seconds=seconds),
        timedelta(seconds=in_a_row),
    )


def test_a_fact_that_comes_again_changes_nothing() -> None:
    once = IdleTime(OPENED).began("j1", at(3))
    assert once.began("j1", at(5)) == once
    ended = once.ended("j1", at(7))
    assert ended.ended("j1", at(9)) == ended == IdleTime(at(7), timedelta(seconds=3))


def test_a_time_before_an_earlier_one_adds_nothing_and_takes_nothing() -> None:
    idle = IdleTime(at(5)).began("j1", at(3)).ended("j1", at(1))
    assert (idle.total(at(4)), idle.total(at(6))) == (timedelta(), timedelta(seconds=1))
