"""The game days of this version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from queuebit_gameday.days import (
    billing_difference,
    calibration_drift,
    cost_runaway,
    data_leak,
    high_output_variance,
    missing_provenance,
    noisy_neighbour,
    scheduler_starvation,
    silent_degradation,
    telemetry_loss,
    vendor_api_change,
    vendor_outage,
)
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator

__all__ = ["DAYS", "Day"]


def _nothing(_: Operator) -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Day:
    """One fault."""

    title: str
    fault: str
    """What is done to the stack."""
    runbook: str
    """The page that people follow."""
    play: Callable[[Operator, Score], None]
    objectives: tuple[str, ...] = ()
    """What the scratch stack promises."""
    prepare: Callable[[Operator], None] = _nothing
    """What is written into the home before the stack starts."""
    minutes: int = 5
    """The longest time that it takes on two cores."""


DAYS: Final[Mapping[str, Day]] = MappingProxyType({
    "billing-difference": Day(
        "A vendor bills more than was charged",
        "one line of a vendor's bill is too high",
        "docs/runbooks/billing-accuracy.md",
        billing_difference.play,
        prepare=billing_difference.prepare,
    ),
    "calibration-drift": Day(
        "A device gets worse from calibration to calibration",
        "the two-qubit error of a device is three times as large for six calibrations",
        "docs/runbooks/drift.md",
        calibration_drift.play,
        prepare=calibration_drift.prepare,
        minutes=15,
    ),
    "cost-runaway": Day(
        "A loop spends the budget of a project",
        "a user submits jobs until the budget is spent",
        "docs/runbooks/burn.md",
        cost_runaway.play,
    ),
    "data-leak-attempt": Day(
        "A tenant tries to read another one's work",
        "a user asks for a job, events and rows of another tenant",
        "docs/operating.md",
        data_leak.play,
    ),
    "high-output-variance": Day(
        "Equal runs give different results",
        "a device returns noise in another share of the shots of each run",
        "docs/runbooks/variance.md",
        high_output_variance.play,
        ("probe",),
        high_output_variance.prepare,
        minutes=10,
    ),
    "missing-provenance": Day(
        "Jobs get no receipt",
        "the service provenance hangs while jobs end",
        "docs/runbooks/provenance-completeness.md",
        missing_provenance.play,
        ("provenance-completeness",),
    ),
    "noisy-neighbour": Day(
        "A tenant fills the queue of a backend",
        "a tenant submits a dozen long jobs at once",
        "docs/runbooks/noisy-neighbour.md",
        noisy_neighbour.play,
    ),
    "scheduler-starvation": Day(
        "No job gets a place",
        "the scheduler hangs while users submit",
        "docs/runbooks/queue-wait.md",
        scheduler_starvation.play,
    ),
    "silent-degradation": Day(
        "A backend returns wrong results, without an error",
        "a device returns noise in half of its shots from a moment on",
        "docs/runbooks/probe.md",
        silent_degradation.play,
        ("probe",),
        silent_degradation.prepare,
    ),
    "telemetry-loss": Day(
        "The warehouse gets no events",
        "the service telemetry hangs while jobs end",
        "docs/runbooks/telemetry-completeness.md",
        telemetry_loss.play,
        ("telemetry-completeness",),
    ),
    "vendor-api-change": Day(
        "A vendor's answers have another shape",
        "a vendor renames the fields of its answers, and says so nowhere",
        "docs/runbooks/vendor-errors.md",
        vendor_api_change.play,
        ("vendor-error",),
        vendor_api_change.prepare,
    ),
    "vendor-outage": Day(
        "A backend does not answer",
        "the executor of a backend hangs while jobs name it",
        "docs/runbooks/backend-down.md",
        vendor_outage.play,
    ),
})  # fmt: skip
"""By name."""
