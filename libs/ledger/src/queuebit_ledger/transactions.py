"""Transactions and their postings: the sum of each transaction is 0 in each currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from queuebit_kernel import Fault, Money

__all__ = ["BOOKS", "Book", "Posting", "Transaction", "Unbalanced", "sums"]

BOOKS: Final = (
    *("funding", "granted", "available", "reserved", "held", "charged", "expired"),
    *("invoiced", "credited", "owed"),
)
"""The books of a project's account, then those of a tenant's invoices.

`funding` is where budgets come from, and `granted` is where prepaid credit does; neither is ever positive in sum.
`available` may be held. `reserved` is what caps of open sessions keep for their jobs. `held` is what running jobs may
cost. `charged` is what jobs cost. `expired` is credit that was taken back. `invoiced` is what invoices ask for,
negative; `credited` is what was taken back of them, and `owed` is the rest.
"""


class Unbalanced(Fault):
    """A fact moves an amount that does not sum to 0, such as a settlement of more or less than was held."""

    code = "unbalanced"


class Book(NamedTuple):
    """One book of a project's account, or of a tenant's invoices."""

    tenant: str
    project: str
    """Empty for invoices."""
    name: str
    """One of `BOOKS`."""

    def __str__(self) -> str:
        return f"{self.tenant}/{self.project}/{self.name}"


class Posting(NamedTuple):
    """An amount that is added to a book; a negative one is taken from it."""

    book: Book
    amount: Money
    corrects: str | None = None
    """The id of the transaction whose posting this one takes back or replaces."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one fact moves between books.

    Raises:
        Unbalanced: the postings do not sum to 0 in each currency.
    """

    id: str
    """The subject of the fact and its sequence in the log: `qb.account.acme.main.held@17`."""
    sequence: int
    at: datetime
    name: str
    """What happened: the name of the event, such as `held` or `issued`."""
    job: str
    """What the money is for, or the number of the invoice or credit; empty where it is the budget itself."""
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        for currency, total in sums(self.postings).items():
            if total:
                raise Unbalanced(f"{self.id} sums to {total} {currency}, not to 0: the fact contradicts itself")


def sums(postings: Iterable[Posting]) -> dict[str, Decimal]:
    """The sum of postings, by currency."""
    found = dict[str, Money]()
    for it in postings:
        currency = it.amount.currency
        found[currency] = found.get(currency, Money.zero(currency)) + it.amount
    return {currency: total.amount for currency, total in found.items()}
