"""What metering cannot settle without a person."""

from __future__ import annotations

from queuebit_kernel import Fault

__all__ = ["Overcharged", "PriceLost", "Unbillable"]


class PriceLost(Fault):
    """The price a job was quoted is not in the book.

    Fault
    ├── PriceLost     restore the row, restart, replay          → dead letter
    ├── Overcharged   the charge is above the hold              → dead letter
    └── Unbillable    the job's history contradicts itself      → dead letter
    """

    code = "price_lost"


class Overcharged(Fault):
    """The charge is above what was held, which only an altered price can bring about."""

    code = "overcharged"


class Unbillable(Fault):
    """A job's history contradicts itself."""

    code = "unbillable"
