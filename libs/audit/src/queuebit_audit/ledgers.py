"""The ledger of a stack, read from its log."""

from __future__ import annotations

from dataclasses import dataclass, field

from queuebit_audit.inspection import as_operator, following
from queuebit_audit.target import Target
from queuebit_contracts.catalog import decode
from queuebit_contracts.wildcards import every
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed
from queuebit_ledger import FACTS, Ledger, Transaction, Unbalanced
from queuebit_runtime.view import Raw, View

__all__ = ["Booked", "read_ledger"]


@dataclass(slots=True)
class Booked:
    """What the log books."""

    ledger: Ledger = field(default_factory=Ledger)
    transactions: list[Transaction] = field(default_factory=list)
    """Of one project, if one was asked for; the balances are of all that was read."""
    faults: list[str] = field(default_factory=list)
    """Facts that contradict themselves, or cannot be read; they are not booked."""


async def read_ledger(target: Target, tenant: str | None = None, project: str | None = None) -> Booked:
    """Fold the facts of accounts and invoices up to the present end of the log.

    Args:
        target: the stack.
        tenant: of this tenant alone; of all by default.
        project: with a tenant, keep the transactions of this project.

    Raises:
        Unavailable: the bus does not answer.
    """
    booked = Booked()

    def take(raw: Raw) -> None:
        try:
            event = decode(raw.body, raw.subject)
            if isinstance(event, UnknownEvent):
                return
            transaction = booked.ledger.take(event, raw.sequence)
        except (Malformed, Unbalanced) as error:
            booked.faults.append(f"sequence {raw.sequence}: {error}")
            return
        if transaction is not None and project is not None and getattr(event.data, "account", None) == project:
            booked.transactions.append(transaction)

    known = {} if tenant is None else {"tenant": tenant}
    async with as_operator(target) as bus:
        view = View(bus, "operator", [every(it, **known) for it in FACTS], take)
        await following(view, view.caught_up.wait())
    return booked
