"""The words for a job that has a place and does not run; `test_scheduling_policy` has those for a job without one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from queuebit_scheduling import BackendCapacity
from queuebit_scheduling.reasons import unavailable, why_placed

ANSWERS = BackendCapacity("aer", slots=1, queue_depth=8, taken=0, backlog_us=0)
SILENT = replace(ANSWERS, silent_since_us=0)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (why_placed(ANSWERS, 0, confirmed=False, started=False), "it is about to be placed on aer"),
        (why_placed(ANSWERS, 0, confirmed=True, started=False), "it is placed on aer and waits for its slot"),
        (
            why_placed(replace(ANSWERS, slots=3), 1, confirmed=True, started=False),
            "it is placed on aer and waits for one of its 3 slots; 1 job was placed there before it",
        ),
        (
            why_placed(ANSWERS, 2, confirmed=True, started=False),
            "it is placed on aer and waits for its slot; 2 jobs were placed there before it",
        ),
        (why_placed(ANSWERS, 0, confirmed=True, started=True), None),
        (unavailable(SILENT), "aer has not answered since 1970-01-01 00:00:00 UTC"),
    ],
)
def test_a_job_at_its_place_says_why_it_does_not_run(reason: str | None, words: str | None) -> None:
    assert reason == words


@pytest.mark.parametrize(("started", "state"), [(True, "it was started on aer"), (False, "it is placed on aer")])
def test_at_a_silent_backend_even_a_started_job_says_so(started: bool, state: str) -> None:
    reason = why_placed(SILENT, 1, confirmed=True, started=started)
    assert reason is not None
    assert reason.startswith(f"{state}, and {unavailable(SILENT)}")
    assert "`qb status`" in reason
