"""Admission and the scheduler agree on the time that a job needs in a slot."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from queuebit_broker.slot_rules import needed
from queuebit_scheduling import BackendCapacity, Candidate, Job, Window
from queuebit_scheduling.windows import fits


@given(qpu_us=st.integers(0, 10**9))
def test_a_job_is_accepted_for_a_slot_exactly_if_it_can_be_placed_at_its_beginning(qpu_us: int) -> None:
    job = Job("acme", "j1", 1, 0, "s", (Candidate("aer", qpu_us, 1_000_000),), project="main")
    least_us = needed(qpu_us) // timedelta(microseconds=1)
    for length_us, expected in ((least_us, True), (least_us - 1, False)):
        window = Window(1, 1 + length_us, "reservation", "acme", "r1", "main")
        backend = BackendCapacity("aer", slots=1, queue_depth=8, windows=(window,))
        assert fits(job, backend, qpu_us, 1) is expected
