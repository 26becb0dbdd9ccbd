"""What was expected of a job on its backend, beside what came of it: read from the job's own events."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from queuebit.records import Prediction
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    JobAccepted,
    JobCompleted,
    JobCorrected,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobStarted,
    JobWithdrawn,
    Usage,
)
from queuebit_contracts.usage import QPU_TIME, quantities
from queuebit_kernel import Money

__all__ = ["prediction_of"]

_PPM = 1_000_000


def prediction_of(events: Iterable[AnyEvent]) -> Prediction | None:
    """The predictions and the outcome of a job, from its events, oldest first; None while it has no backend.

    The backend is the newest that it was placed on. Its cost and run time are the most that admission allowed, its
    fidelity the estimated success probability that the newest compilation, or else admission, had. The measured one is
    the Hellinger fidelity of its quality check, if its submission asked for one.
    """
    newest: dict[type[AnyEvent], AnyEvent] = {}
    for event in events:
        newest[type(event)] = event
        if isinstance(event, JobWithdrawn):
            newest.pop(JobPlaced, None)
    accepted, placed = newest.get(JobAccepted), newest.get(JobPlaced)
    if not isinstance(accepted, JobAccepted) or not isinstance(placed, JobPlaced):
        return None
    backend = placed.data.backend
    promised = next((it for it in accepted.data.everywhere if it.backend == backend), None)
    started, ended = newest.get(JobStarted), newest.get(JobCompleted) or newest.get(JobFailed)
    done = ended if isinstance(ended, JobCompleted) else None
    esp_ppm = (done.data.compilation.esp_ppm if done else None) or (promised.esp_ppm if promised else None)
    expected_ms = next((it.expected_ms for it in placed.data.scores if it.backend == backend), None)
    ran = ended.data if isinstance(ended, JobCompleted | JobFailed) else None
    began_at = ran.started_at if ran else started.time if isinstance(started, JobStarted) else None
    return Prediction(
        backend=backend,
        most_cost=None if promised is None else Money(Decimal(promised.hold), accepted.data.hold.currency),
        charge=_charge(newest),
        expected_run_s=None if promised is None else promised.qpu_us / _PPM,
        run_s=None if ran is None else _run_s(ran.usage),
        expected_fidelity=None if esp_ppm is None else esp_ppm / _PPM,
        fidelity=None if done is None else _measured(done),
        expected_s=None if expected_ms is None else expected_ms / 1_000,
        took_s=None if done is None else max(0.0, (done.time - placed.time).total_seconds()),
        waited_s=None if began_at is None else max(0.0, (began_at - accepted.time).total_seconds()),
    )


def _charge(newest: dict[type[AnyEvent], AnyEvent]) -> Money | None:
    billed = newest.get(JobCorrected) or newest.get(JobMetered)
    if not isinstance(billed, JobMetered | JobCorrected) or billed.data.final is False:
        return None
    return Money(Decimal(billed.data.charge.amount), billed.data.charge.currency)


def _run_s(usage: Usage) -> float | None:
    """The time on the backend, if it was measured."""
    found = quantities(usage).get(QPU_TIME)
    return float(found) / _PPM if found else None


def _measured(done: JobCompleted) -> float | None:
    checks = done.data.quality.checks if done.data.quality else ()
    return next((it.value / _PPM for it in checks if it.name == "fidelity"), None)
