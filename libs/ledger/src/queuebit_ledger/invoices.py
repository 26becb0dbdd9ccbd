"""What the ledger must know of a tenant's invoices to book their facts."""

from __future__ import annotations

from dataclasses import dataclass, field

from queuebit_contracts.invoice import InvoiceCredited, InvoiceIssued
from queuebit_ledger.projects import Move
from queuebit_ledger.transactions import Unbalanced

__all__ = ["Invoices"]


@dataclass(slots=True)
class Invoices:
    """The invoices of all tenants."""

    credited: dict[str, int] = field(default_factory=dict)
    """By number: the revision of the newest credit, 0 without one."""

    def copy(self) -> Invoices:
        """A copy that later facts do not change."""
        return Invoices({**self.credited})

    def moves(self, event: InvoiceIssued | InvoiceCredited) -> list[Move] | None:
        """What a fact moves; None if it was booked before. The next call knows of it.

        Raises:
            Unbalanced: a credit of an invoice that was never issued.
        """
        if isinstance(event, InvoiceIssued):
            if event.data.number in self.credited:
                return None
            self.credited[event.data.number] = 0
            totals = [it.money for it in event.data.totals]
            return [move for it in totals for move in (Move("invoiced", -it), Move("owed", it))]
        known = self.credited.get(event.data.invoice)
        if known is None:
            raise Unbalanced(f"{event.data.number} credits an invoice that was not issued: {event.data.invoice}")
        if event.data.revision <= known:
            return None
        self.credited[event.data.invoice] = event.data.revision
        amount = event.data.amount.money
        return [Move("owed", -amount), Move("credited", amount)]
