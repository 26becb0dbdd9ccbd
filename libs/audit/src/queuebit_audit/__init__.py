"""Checks the invariants of a stack from its own records."""

from queuebit_audit.decisions import Sample
from queuebit_audit.explaining import explain_job, explain_to_operator
from queuebit_audit.inspection import inspect, judge
from queuebit_audit.ledgers import Booked, read_ledger
from queuebit_audit.report import PROMISES, Finding, Verdict
from queuebit_audit.target import Target, target_of
from queuebit_audit.trail import follow_events, last_sequence, read_events

__all__ = [
    "PROMISES",
    "Booked",
    "Finding",
    "Sample",
    "Target",
    "Verdict",
    "explain_job",
    "explain_to_operator",
    "follow_events",
    "inspect",
    "judge",
    "last_sequence",
    "read_events",
    "read_ledger",
    "target_of",
]
