"""What a vendor bills, and what we charged: the two sides of a reconciliation. Amounts are exact decimals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from queuebit_kernel import digest

__all__ = ["Bill", "BillLine", "OwnCharge"]


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of a vendor's bill."""

    number: int
    """The line of the file, from 1; of a file that has no lines, the number of the entry."""
    vendor_job: str
    """The vendor's id of the job; empty if the line names none, such as the sum of a day."""
    usage_start: datetime
    usage_end: datetime
    """Half-open: the end is not part of it."""
    quantity: Decimal
    unit: str
    """`task`, `shot` or `second`; what the vendor calls any other unit; empty if it states none."""
    amount: Decimal
    """Negative for a refund or a credit."""
    currency: str
    product: str
    """What the vendor sold, for people."""
    aliases: tuple[str, ...] = ()
    """Other names under which our side may know the job, such as the submission that it was a part of."""
    usage: bool = True
    """Whether it is for usage; False for a tax, a fee, a credit: these have no charge of ours beside them."""


@dataclass(frozen=True, slots=True)
class Bill:
    """A vendor's bill."""

    vendor: str
    digest: str
    """SHA-256 of the file, as `sha256:<hex>`."""
    start: datetime
    end: datetime
    """The period that it is for, half-open."""
    lines: tuple[BillLine, ...]
    skipped: int = 0
    """Lines of the file that are for other products of the vendor."""

    @classmethod
    def of(
        cls, vendor: str, content: bytes, lines: Iterable[BillLine], skipped: int = 0, moments: Iterable[datetime] = ()
    ) -> Bill:
        """The bill that has these lines, of which there must be one.

        Its period is the one that they span, with `moments`: the begin and the end that the vendor states.
        """
        kept, stated = tuple(lines), tuple(moments)
        start = min((*stated, *(it.usage_start for it in kept)))
        end = max((*stated, *(it.usage_end for it in kept)))
        return cls(vendor, digest(content), start, end, kept, skipped)

    @property
    def statement(self) -> str:
        """Its name, such as `2026-11-01_2026-12-01-5f3a0c1e9b7d`: the period, and the digest of the file."""
        return f"{self.start:%Y-%m-%d}_{self.end:%Y-%m-%d}-{self.digest.removeprefix('sha256:')[:12]}"


@dataclass(frozen=True, slots=True)
class OwnCharge:
    """What we charged for one job that ran at the vendor, after all corrections."""

    tenant: str
    job: str
    vendor_jobs: tuple[str, ...]
    """The vendor's ids of it: a program in several parts has several."""
    ended_at: datetime
    """Until it has ended, the time at which the vendor accepted it."""
    amount: Decimal
    currency: str
    """Empty if nothing was charged yet."""
    final: bool = True
    """Whether the charge can only change by a correction; False while the usage is not stated."""
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    """What was consumed, by unit: `task`, `shot`, `second`."""
