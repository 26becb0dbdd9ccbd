"""The ledger: folds the facts of accounts into transactions, and transactions into balances.

A projection. It holds nothing that the log does not say, so reading the log again gives it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, get_args

from queuebit_contracts.account import (
    AccountCorrected,
    AccountExpired,
    AccountFunded,
    AccountGranted,
    AccountHeld,
    AccountReleased,
    AccountSettled,
)
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.invoice import InvoiceCredited, InvoiceIssued
from queuebit_contracts.subjects import event_name, subject_of
from queuebit_kernel import Money
from queuebit_ledger.invoices import Invoices
from queuebit_ledger.projects import Move, Project
from queuebit_ledger.transactions import Book, Posting, Transaction

__all__ = ["FACTS", "Ledger"]

_OfAccounts = (
    AccountFunded | AccountGranted | AccountExpired | AccountHeld | AccountSettled | AccountReleased | AccountCorrected
)
_OfInvoices = InvoiceIssued | InvoiceCredited

FACTS: Final = (*get_args(_OfAccounts), *get_args(_OfInvoices))
"""The events that move money between books."""


@dataclass(slots=True)
class Ledger:
    """All accounts of all tenants, and their invoices, in double entry.

    A fact is booked once: a sequence that is not newer, a second end of a hold, and a correction that is not newer
    book nothing.
    """

    sequence: int = 0
    """Up to where the log is folded."""
    balances: dict[tuple[Book, str], Money] = field(default_factory=dict)
    """By book and currency; in each currency they sum to 0."""
    _projects: dict[tuple[str, str], Project] = field(default_factory=dict)
    _invoices: Invoices = field(default_factory=Invoices)

    def take(self, event: AnyEvent, sequence: int) -> Transaction | None:
        """Book the next fact in the order of the log.

        Args:
            event: any event; those that are no fact of an account or an invoice book nothing.
            sequence: its place in the log.

        Returns:
            The transaction, or None if the event moves no money or was booked before.

        Raises:
            Unbalanced: the fact contradicts itself or its hold. Nothing of it is booked.
        """
        if sequence <= self.sequence or not isinstance(event, _OfAccounts | _OfInvoices):
            return None
        self.sequence = sequence
        found = self._account(event, sequence) if isinstance(event, _OfAccounts) else self._invoice(event, sequence)
        for posting in found.postings if found else ():
            place = posting.book, posting.amount.currency
            self.balances[place] = self.balance(*place) + posting.amount
        return found

    def _account(self, event: _OfAccounts, sequence: int) -> Transaction | None:
        data = event.data
        key = data.tenant, data.account
        project = self._projects.setdefault(key, Project())
        moves = project.moves(data)
        if moves is None:
            return None
        job = getattr(data, "job", "")
        _transaction(event, sequence, key, job, moves)  # raises before anything is changed
        sessions = sorted(project.sessions(data))
        before = [project.kept(it) for it in sessions]
        project.note(data, subject_of(event))
        for session, old in zip(sessions, before, strict=True):
            moves += _reserve(old, project.kept(session))
        return _transaction(event, sequence, key, job, moves)

    def _invoice(self, event: _OfInvoices, sequence: int) -> Transaction | None:
        moves = self._invoices.moves(event)
        if moves is None:
            return None
        return _transaction(event, sequence, (event.data.tenant, ""), event.data.number, moves)

    def balance(self, book: Book, currency: str) -> Money:
        """What a book holds in a currency."""
        return self.balances.get((book, currency)) or Money.zero(currency)

    def trial(self) -> Iterator[tuple[tuple[str, str, str], Mapping[str, Money]]]:
        """The trial balance: by tenant, project and currency, what each book holds."""
        found: dict[tuple[str, str, str], dict[str, Money]] = {}
        for (book, currency), amount in self.balances.items():
            found.setdefault((book.tenant, book.project, currency), {})[book.name] = amount
        yield from sorted(found.items())

    def copy(self) -> Ledger:
        """A copy that later facts do not change."""
        projects = {key: it.copy() for key, it in self._projects.items()}
        return Ledger(self.sequence, {**self.balances}, projects, self._invoices.copy())


def _transaction(event: AnyEvent, sequence: int, whose: tuple[str, str], job: str, moves: list[Move]) -> Transaction:
    posted = tuple(Posting(Book(*whose, it.book), it.amount, it.corrects) for it in moves if it.amount.amount)
    return Transaction(f"{subject_of(event)}@{sequence}", sequence, event.time, event_name(event.type), job, posted)


def _reserve(before: Money | None, after: Money | None) -> list[Move]:
    """The change of what the cap of a session keeps for its jobs."""
    amount = after or before
    if amount is None:
        return []
    zero = Money.zero(amount.currency)
    change = (after or zero) - (before or zero)
    return [Move("reserved", change), Move("available", zero - change)]
