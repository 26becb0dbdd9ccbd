"""Which runbook belongs to an alert: the page under `docs/runbooks/` that says what to look at and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["RUNBOOKS", "runbook_of"]

_SAME: Final = (
    "success", "queue-wait", "end-to-end", "completion", "retry", "calibration-freshness", "calibration-pass", "drift",
    "variance", "reproducibility", "burn", "provenance-completeness", "telemetry-completeness", "billing-accuracy",
    "fairness", "fallback", "preemption", "noisy-neighbour", "time-to-detect", "time-to-remediate",
    "probe",
)  # fmt: skip

RUNBOOKS: Final[Mapping[str, str]] = MappingProxyType({
    **dict(zip(_SAME, _SAME, strict=True)),
    "end-to-end-relative": "end-to-end",
    "plan-accuracy": "queue-wait",
    "vendor-error": "vendor-errors",
    "VendorErrors": "vendor-errors",
    "BackendDown": "backend-down",
    "BackendIsolated": "backend-isolated",
    "BackendDegraded": "backend-isolated",
    "CalibrationFailing": "calibration-pass",
    "CalibrationMissing": "calibration-freshness",
    "CalibrationAsked": "calibration-freshness",
    "CalibrationUnplanned": "calibration-freshness",
    "OutputVariance": "variance",
    "BillDiffers": "billing-accuracy",
    "BudgetSpent": "burn",
    "BudgetBurning": "burn",
    "DataLeakAttempt": "data-leak-attempt",
    "CanaryStopped": "canary",
    "billing-recomputation": "billing-accuracy",
    "cost-per-job": "cost",
    "cost-per-useful-result": "cost",
    "quality-per-cost": "cost",
})  # fmt: skip
"""The runbook by indicator, or by the name of an alert that has none."""


def runbook_of(subject: str) -> str:
    """The path of the runbook of an indicator, an alert or an objective; that of their list if there is none.

    An objective has that of the longest indicator in its name: `success-production` has that of `success`.
    """
    fitting = sorted((it for it in RUNBOOKS if it in subject), key=len)
    return f"docs/runbooks/{RUNBOOKS[fitting[-1]] if fitting else 'README'}.md"
