"""Where `qb invoice` reads: the operator the warehouse of its home, and a tenant's user its own invoices."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from queuebit.records import Row
from queuebit_billing import Document, read
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_contracts.invoice import Invoice, InvoiceCredit
from queuebit_kernel import Malformed
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit_stack.invoices import Issued

__all__ = ["all_invoices", "one_invoice"]


def all_invoices(args: Namespace, out: Output) -> list[Issued]:
    """Invoices, oldest first; raises `Stop` as `queuebit_stack.invoices.issued`."""
    if _is_operator(args):
        from queuebit_stack.invoices import issued

        return issued(Home(args.home), args.tenant)
    rows = ask(args, out, "asking the warehouse", lambda client: client.invoices(limit=500))
    return [_issued(it) for it in reversed(rows)]


def one_invoice(args: Namespace, out: Output) -> tuple[Issued, Document]:
    """An invoice and its document, after a check of its digest.

    Raises:
        NotFound: the tenant has no such invoice, or its document is missing or was altered.
        Stop: the operator has no such invoice, or a later version wrote the document.
    """
    if _is_operator(args):
        from queuebit_stack.invoices import document_of, find

        home = Home(args.home)
        found = find(home, args.number)
        return found, document_of(home, found.invoice)
    row, content = ask(args, out, "asking the warehouse", lambda client: client.invoice(args.number))
    try:
        return _issued(row), read(content)
    except Malformed as error:
        raise Stop(Exit.REFUSED, f"{error}: a later version of qb wrote it") from error


def _is_operator(args: Namespace) -> bool:
    named = args.url or args.user
    return not named and Home(args.home).seed_file("operator").exists()


def _issued(row: Row) -> Issued:
    from queuebit_stack.invoices import Issued

    at = datetime.fromisoformat(str(row["issued_at"]))
    given = row["credits"]
    assert isinstance(given, list)
    credits_ = tuple(InvoiceCredit.model_validate(it) for it in given)
    return Issued(Invoice.model_validate(row), at if at.tzinfo else at.replace(tzinfo=UTC), credits_)
