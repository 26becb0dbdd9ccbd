"""Invoices: what a tenant owes for a period, exact and reproducible byte for byte. Pure: others ask and store."""

from queuebit_billing.document import AgreementLine, Document, Frozen, Line, Party, Total, pack, read, unpack
from queuebit_billing.issuing import Heading, Usage, agreement_lines, build, faults
from queuebit_billing.queries import Bounds, Earlier

__all__ = [
    "AgreementLine",
    "Bounds",
    "Document",
    "Earlier",
    "Frozen",
    "Heading",
    "Line",
    "Party",
    "Total",
    "Usage",
    "agreement_lines",
    "build",
    "faults",
    "pack",
    "read",
    "unpack",
]
