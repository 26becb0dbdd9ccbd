"""The audit trail: records of actions, from the events of the log."""

from queuebit_audit_trail.actions import ABOUT, ACTIONS, NO_ACTIONS, VOCABULARY, WORDS, Action, subjects, types_of
from queuebit_audit_trail.records import Record, Selection, record_of

__all__ = [
    "ABOUT",
    "ACTIONS",
    "NO_ACTIONS",
    "VOCABULARY",
    "WORDS",
    "Action",
    "Record",
    "Selection",
    "record_of",
    "subjects",
    "types_of",
]
