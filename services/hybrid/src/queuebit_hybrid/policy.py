"""What to do with a hybrid job, and what its end means: pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Final

from queuebit_contracts.hybrid import HybridStopRequest, HybridTerms, HybridUsage
from queuebit_contracts.wire import Reason
from queuebit_hybrid.state import HybridJob

__all__ = ["TIME_LIMIT", "Begin", "Cancel", "Fail", "Finish", "Measured", "Over", "next_step", "outcome"]

TIME_LIMIT: Final = "time_limit"
"""Code of the failure of a job that ran for all of its time."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Run it."""

    attempt: int
    left_s: float
    """What is left of its time limit."""


@dataclass(frozen=True, slots=True)
class Fail:
    """It has no result."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Cancel:
    """It was stopped at a user's request."""

    stop: HybridStopRequest


@dataclass(frozen=True, slots=True)
class Finish:
    """It ran to its end."""


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How the processes of an attempt ended."""

    code: int
    """Exit code; 128 and the number of the signal that ended it."""
    broken: Reason | None = None
    """The limit that it reached, or what the child could not do."""


def next_step(job: HybridJob, used: HybridUsage) -> Begin | Fail | Cancel | Over:
    """What to do with a hybrid job that is delivered.

    One that was started before, and has no end, was lost with the process that ran it. It is run again only if its
    user asked for it, within what is left of its time limit.

    Args:
        job: its history.
        used: what earlier attempts used, as far as it was measured.
    """
    if job.accepted is None or job.ended:
        return Over()
    terms, last = job.accepted.data.terms, job.started.attempt if job.started else 0
    if job.stop is not None:
        return Cancel(job.stop)
    left_s = terms.max_time_s - used.time_us / 1_000_000
    if last > job.accepted.data.retries:
        text = "the platform lost it while it ran: submit it again, with retries if its steps are a workflow"
        return Fail(Reason(code="lost", text=text))
    if left_s <= 0:
        return Fail(_too_long(terms))
    return Begin(last + 1, left_s)


def outcome(ended: Measured, stop: HybridStopRequest | None, terms: HybridTerms) -> Fail | Cancel | Finish:
    """What the end of an attempt means."""
    if stop is not None:
        return Cancel(stop)
    if ended.broken is not None:
        return Fail(_too_long(terms) if ended.broken.code == TIME_LIMIT else ended.broken)
    if ended.code == 0:
        return Finish()
    return Fail(Reason(code="exit", text=f"its Python file ended {_how(ended.code)}: its logs say why"))


def _too_long(terms: HybridTerms) -> Reason:
    text = f"it ran for its whole time limit of {terms.max_time_s:,} s: give it more, or let it do less"
    return Reason(code=TIME_LIMIT, text=text)


def _how(code: int) -> str:
    if code <= 128:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(code - 128).name}"
    except ValueError:
        return f"with exit code {code}"
