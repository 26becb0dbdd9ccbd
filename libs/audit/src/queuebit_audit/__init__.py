"""Whether the invariants hold on a stack, from its own records and from nothing else."""

from queuebit_audit.inspection import inspect, judge
from queuebit_audit.report import PROMISES, Finding, Verdict
from queuebit_audit.target import Target, target_of

__all__ = ["PROMISES", "Finding", "Target", "Verdict", "inspect", "judge", "target_of"]
