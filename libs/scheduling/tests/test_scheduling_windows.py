"""Windows of a backend: which jobs run in them, before them, and not into them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_scheduling import BackendCapacity, Candidate, Job, Window
from queuebit_scheduling.windows import COLD_US, Room, fits, is_open, obstacle, room, start_by_us

S = 1_000_000
JOB = Job("acme", "j1", 1, 0, "2q1", (Candidate("aer", S, 1_000_000),), project="main", user="ann")
SLOT = Window(100 * S, 200 * S, "reservation", "acme", "r1", "main", None)
CLOSED = Window(300 * S, 400 * S, "maintenance")


def backend(*windows: Window, taken: int = 1, backlog_us: int = 0, slots: int = 1) -> BackendCapacity:
    return BackendCapacity("aer", slots, 16, taken, backlog_us, windows=windows)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        pytest.param(SLOT, True, id="of its project"),
        pytest.param(replace(SLOT, users=("ann", "bob")), True, id="of its user"),
        pytest.param(replace(SLOT, users=("bob",)), False, id="of another user"),
        pytest.param(replace(SLOT, project="other"), False, id="of another project"),
        pytest.param(replace(SLOT, tenant="other"), False, id="of another tenant"),
        pytest.param(CLOSED, False, id="of no job"),
    ],
)
def test_a_job_runs_in_a_reservation_of_its_holder_only(window: Window, expected: bool) -> None:
    assert window.admits(JOB) is expected
    inside = window.start_us
    assert is_open(JOB, backend(window), inside) is expected
    assert fits(JOB, backend(window), S, inside) is expected


def test_a_job_without_a_project_or_user_is_of_no_holder() -> None:
    assert not SLOT.admits(replace(JOB, project=None))
    assert not replace(SLOT, users=("ann",)).admits(replace(JOB, user=None))


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        pytest.param(0, Room(300 * S), id="its own slot ahead is no limit"),
        pytest.param(100, Room(200 * S, "r1"), id="in its slot, until its end"),
        pytest.param(200, Room(300 * S), id="after its slot"),
        pytest.param(300, None, id="in a window of no job"),
        pytest.param(400, Room(None), id="nothing ahead"),
    ],
)
def test_the_time_that_a_job_may_use(at_s: int, expected: Room | None) -> None:
    assert room(JOB, backend(SLOT, CLOSED), at_s * S) == expected


def test_another_tenant_has_the_time_until_the_slot() -> None:
    other = replace(JOB, tenant="other")
    assert room(other, backend(SLOT, CLOSED), 0) == Room(100 * S)
    assert room(other, backend(SLOT, CLOSED), 150 * S) is None


def test_a_job_fits_if_it_ends_a_quarter_later_than_expected() -> None:
    assert fits(JOB, backend(CLOSED), 80 * S, 200 * S)
    assert not fits(JOB, backend(CLOSED), 80 * S + 1, 200 * S)
    assert fits(JOB, backend(CLOSED, backlog_us=40 * S), 40 * S, 200 * S), "placed jobs run before it"
    assert not fits(JOB, backend(CLOSED, backlog_us=40 * S), 40 * S + 1, 200 * S)
    assert fits(JOB, backend(CLOSED, backlog_us=80 * S, slots=2), 40 * S, 200 * S)
    assert not fits(JOB, backend(CLOSED, taken=0), 80 * S, 200 * S), "its worker may have to start"
    assert fits(JOB, backend(CLOSED, taken=0), 80 * S, 200 * S - COLD_US)


def test_why_a_job_does_not_fit_is_the_window_that_comes_first() -> None:
    other = replace(JOB, tenant="other")
    assert obstacle(JOB, backend(SLOT, CLOSED), S, 0) is None
    assert obstacle(JOB, backend(SLOT, CLOSED), 300 * S, 0) == CLOSED
    assert obstacle(JOB, backend(SLOT, CLOSED), 100 * S, 150 * S) == SLOT, "its own slot is too short"
    assert obstacle(other, backend(SLOT, CLOSED), 300 * S, 0) == SLOT
    assert obstacle(other, backend(SLOT, CLOSED), S, 150 * S) == SLOT


_WINDOWS = st.lists(
    st.builds(
        lambda start, length, own: Window(
            start, start + length, "reservation" if own else "maintenance", *(("acme", "r", "main") if own else ())
        ),
        st.integers(0, 1_000),
        st.integers(1, 300),
        st.booleans(),
    ),
    max_size=5,
)


@given(_WINDOWS, st.integers(0, 1_200), st.integers(1, 400), st.integers(0, 400), st.integers(1, 3))
def test_a_job_that_fits_and_takes_at_most_a_quarter_longer_overlaps_no_window_of_others(
    windows: list[Window], at_us: int, expected_us: int, backlog_us: int, slots: int
) -> None:
    where = backend(*windows, backlog_us=backlog_us, slots=slots)
    if not fits(JOB, where, expected_us, at_us):
        assert obstacle(JOB, where, expected_us, at_us) is not None
        return
    time = room(JOB, where, at_us)
    assert time is not None
    latest = start_by_us(time, expected_us)
    start_us = at_us + -(-backlog_us // slots) * 5 // 4
    assert latest is None or start_us <= latest
    end_us = start_us + expected_us * 5 // 4
    assert not any(it.start_us < end_us and at_us < it.end_us for it in windows if not it.admits(JOB))
    if time.reservation is not None:
        assert end_us <= max(it.end_us for it in windows if it.contains(at_us))
