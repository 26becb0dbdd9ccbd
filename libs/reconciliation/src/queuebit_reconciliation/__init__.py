"""Vendors' bills: readers, and a match of each line with our own charges. Pure: no file and no connection is opened."""

from queuebit_reconciliation.aws import aws_lines
from queuebit_reconciliation.bill import Bill, BillLine, OwnCharge
from queuebit_reconciliation.errors import BadBill, BrokenReader, UnknownBill
from queuebit_reconciliation.matching import ADVICE, GRACE, Finding, Kind, Outcome, reconcile
from queuebit_reconciliation.registry import GROUP, Reader, find, reader_of, vendors
from queuebit_reconciliation.text import exact_json, number

__all__ = [
    "ADVICE",
    "GRACE",
    "GROUP",
    "BadBill",
    "Bill",
    "BillLine",
    "BrokenReader",
    "Finding",
    "Kind",
    "Outcome",
    "OwnCharge",
    "Reader",
    "UnknownBill",
    "aws_lines",
    "exact_json",
    "find",
    "number",
    "reader_of",
    "reconcile",
    "vendors",
]
