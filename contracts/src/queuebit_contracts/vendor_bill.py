"""Bills of vendors that were compared with our charges. They belong to the platform, not to a tenant."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from queuebit_contracts.wire import DecimalText, Digest, Event, Moment, Name, Wire, open_text

__all__ = ["BillImported", "BillPart", "BillSum", "CostRead", "VendorAmount", "VendorBill", "VendorCost"]

_Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class BillSum(Wire):
    """Both sides of a comparison in one currency; nothing is converted."""

    currency: _Currency
    billed: DecimalText
    """What the vendor bills."""
    own: DecimalText
    """What we charged, after corrections."""


class BillPart(Wire):
    """All lines and charges that are equal, or differ, for one reason."""

    kind: Annotated[
        str,
        open_text("match", "rounding", "missing", "extra", "currency", "quantity", "amount", "late", "other"),
    ]
    lines: int = Field(ge=0)
    """Lines of the bill."""
    charges: int = Field(ge=0)
    """Charges of ours, one for each job."""
    sums: tuple[BillSum, ...] = Field(max_length=32)


class VendorBill(Wire):
    """A bill of a vendor, and what the comparison with our charges found."""

    vendor: Name
    statement: Name
    """Its name: the period, and the first digits of the digest, so that a file has one name."""
    digest: Digest
    """Of the file."""
    period_start: Moment
    period_end: Moment
    """Half-open."""
    lines: int = Field(ge=1)
    """Lines for this vendor's quantum computers."""
    skipped: int = Field(default=0, ge=0)
    """Lines of the file that are for other products."""
    compared: int = Field(ge=0)
    """Lines for usage, and charges that no line is for."""
    accurate: int = Field(ge=0)
    """Those of `compared` that are equal to the cent. Billing accuracy is this share."""
    parts: tuple[BillPart, ...] = Field(max_length=32)
    """By reason; each line and each charge counts in one part."""
    by: str = Field(min_length=1, max_length=200)
    """Who imported it."""


class BillImported(Event[VendorBill]):
    """A vendor's bill was compared with our charges. A file is imported once."""

    type: Literal["qb.bill.imported.v1"] = "qb.bill.imported.v1"


class VendorAmount(Wire):
    """An amount in one currency."""

    currency: _Currency
    amount: DecimalText


class VendorCost(Wire):
    """What a vendor's interface says that a period costs so far. It may change until the vendor bills it."""

    vendor: Name
    statement: Name
    """The period: a day such as `2026-11-05`, or a month such as `2026-11` of a vendor that says no days."""
    revision: int = Field(ge=1)
    """Counts the numbers of the period from 1; the highest counts."""
    period_start: Moment
    period_end: Moment
    """Half-open."""
    amounts: tuple[VendorAmount, ...] = Field(max_length=32)
    """The whole cost, by currency, not a difference."""
    backends: tuple[str, ...] = Field(default=(), max_length=32)
    """Patterns of our backends whose jobs the vendor bills, such as `ionq-*`."""


class CostRead(Event[VendorCost]):
    """A vendor states another number for a period than before."""

    type: Literal["qb.bill.read.v1"] = "qb.bill.read.v1"
