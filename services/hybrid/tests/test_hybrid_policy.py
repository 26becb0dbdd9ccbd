"""What is done with a hybrid job, and what its end means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from queuebit_contracts.hybrid import (
    PYTHON,
    HybridAcceptance,
    HybridAccepted,
    HybridCancellation,
    HybridCancelled,
    HybridStart,
    HybridStarted,
    HybridStopRequest,
    HybridStopRequested,
    HybridTerms,
    HybridUsage,
)
from queuebit_contracts.wire import Amount, Reason
from queuebit_hybrid.policy import TIME_LIMIT, Begin, Cancel, Fail, Finish, Measured, Over, next_step, outcome
from queuebit_hybrid.state import HybridJob, job_of
from queuebit_kernel import digest
from queuebit_runtime.payloads import describe

AT = datetime(2026, 11, 29, tzinfo=UTC)
NAMES = {"tenant": "acme", "hybrid": "habc"}
TERMS = HybridTerms(project="main", price="p", price_book=digest(b""), hold=Amount(amount="1"), max_time_s=10)


def accepted(retries: int = 0) -> HybridAccepted:
    data = HybridAcceptance(
        **NAMES,
        user="ada",
        delegation="d1",
        file=describe(b"pass", PYTHON),
        parameters="{}",
        purpose="test",
        retries=retries,
        terms=TERMS,
        submitted_at=AT,
    )
    return HybridAccepted(source="qb/broker", data=data)


def started(attempt: int = 1) -> HybridStarted:
    return HybridStarted(source="qb/hybrid", data=HybridStart(**NAMES, attempt=attempt, service="hybrid-1"))


STOP = HybridStopRequest(**NAMES, by="ada")
STOPPED = HybridStopRequested(source="qb/broker", data=STOP)
CANCELLED = HybridCancelled(
    source="qb/broker", data=HybridCancellation(**NAMES, terms=TERMS, submitted_at=AT, by="ada")
)


def test_a_new_one_begins_with_its_whole_time() -> None:
    assert next_step(job_of([accepted()]), HybridUsage()) == Begin(1, 10.0)


def test_one_that_was_started_is_lost() -> None:
    how = next_step(job_of([accepted(), started()]), HybridUsage())
    assert isinstance(how, Fail)
    assert how.reason.code == "lost"


def test_with_retries_it_runs_again_within_what_is_left() -> None:
    used = HybridUsage(time_us=4_000_000)
    assert next_step(job_of([accepted(2), started(1)]), used) == Begin(2, 6.0)
    assert isinstance(next_step(job_of([accepted(2), started(3)]), used), Fail)


def test_with_retries_and_no_time_left_it_fails() -> None:
    how = next_step(job_of([accepted(2), started(1)]), HybridUsage(time_us=10_000_000))
    assert isinstance(how, Fail)
    assert how.reason.code == TIME_LIMIT


def test_one_that_was_lost_while_it_was_to_stop_is_cancelled() -> None:
    assert next_step(job_of([accepted(5), started(), STOPPED]), HybridUsage()) == Cancel(STOP)


@pytest.mark.parametrize("job", [HybridJob(), job_of([accepted(), CANCELLED])])
def test_nothing_is_done_with_one_that_is_over(job: HybridJob) -> None:
    assert next_step(job, HybridUsage()) == Over()


MEMORY = Reason(code="memory_limit", text="too much")


@pytest.mark.parametrize(
    ("ended", "stop", "code"),
    [
        (Measured(3), None, "exit"),
        (Measured(128 + 9), None, "exit"),
        (Measured(137, MEMORY), None, "memory_limit"),
        (Measured(143, Reason(code=TIME_LIMIT, text="")), None, TIME_LIMIT),
    ],
)
def test_an_end_without_a_result_says_why(ended: Measured, stop: None, code: str) -> None:
    how = outcome(ended, stop, TERMS)
    assert isinstance(how, Fail)
    assert how.reason.code == code
    assert how.reason.text


def test_the_signal_is_named() -> None:
    how = outcome(Measured(137), None, TERMS)
    assert isinstance(how, Fail)
    assert "SIGKILL" in how.reason.text


def test_a_stop_request_counts_before_the_exit_code() -> None:
    assert outcome(Measured(0), STOP, TERMS) == Cancel(STOP)
    assert outcome(Measured(0), None, TERMS) == Finish()
