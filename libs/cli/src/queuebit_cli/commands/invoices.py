"""`qb invoice`: issue, list, show and credit invoices, as the operator; list and show, as a tenant's user too."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_cli.invoice_sources import all_invoices, one_invoice
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_invoices import credit_rows, document_lines, invoice_rows, prepared_rows
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place
from queuebit_stack.home import Home
from queuebit_stack.tenant_facts import author

if TYPE_CHECKING:
    from queuebit_billing import Document
    from queuebit_pricing import PriceBook
    from queuebit_stack.invoices import Issued

__all__ = ["credit", "invoices", "issue", "show"]

_BYTES = {"json": "JSON", "csv": "CSV", "focus": "FOCUS 1.2", "pdf": "PDF"}


def issue(args: Namespace, out: Output) -> Exit:
    """Compute the invoices of a period and issue them; with `--dry-run`, show them only."""
    quick_start()
    from queuebit_stack.invoices import issue as issue_one
    from queuebit_stack.invoices import prepare

    home = Home(args.home)
    with Progress(out.as_json, "computing invoices in the warehouse"):
        prepared = prepare(home, args.tenant, args.period, cut=args.cut)
    documents = [it.document for it in prepared]
    if args.dry_run:
        out.document([it.model_dump(mode="json", exclude_none=True) for it in documents])
        for document in documents:
            for line in document_lines(document, out):
                out.say(line)
        out.say(_DRY if documents else _NOTHING)
        return Exit.DONE
    issued = []
    for document in documents:
        with Progress(out.as_json, f"issuing {document.number}"):
            issued.append(issue_one(home, document, args.by or author()))
    out.rows(
        [it.model_dump(mode="json", exclude_none=True) for it in issued],
        none=_NOTHING,
        shown=lambda _: prepared_rows(issued),
    )
    return Exit.DONE


_DRY = (
    "nothing was issued, so there is no PDF and no file: leave out --dry-run to issue, then "
    "`qb invoice show NUMBER --format pdf --output FILE`"
)
_NOTHING = "no tenant has anything to invoice for this period, or all have their invoice: `qb invoice list`"


def invoices(args: Namespace, out: Output) -> Exit:
    """All invoices, with what was credited and what is still owed."""
    found = all_invoices(args, out)
    documents = [_facts(it) for it in found]
    none = "no invoice yet: the operator issues them with `qb invoice run --period 2026-11`"
    out.rows(documents, none=none, shown=lambda _: invoice_rows(found))
    return Exit.DONE


def show(args: Namespace, out: Output) -> Exit:
    """One invoice, as a table, or as a file for people or machines; its digest is checked."""
    quick_start()
    form = "json" if out.as_json and args.format == "table" else args.format
    if args.output:
        require_place(Path(args.output))
    found, document = one_invoice(args, out)
    if form == "table":
        for line in document_lines(document, out):
            out.say(line)
        out.table(credit_rows(found.credits))
        out.say(f"digest  {found.invoice.document.digest}, as issued on {found.at:%Y-%m-%d} by {found.invoice.by}")
        return Exit.DONE
    content = _content(args, form, document, found)
    if args.output:
        Path(args.output).write_bytes(content)
        out.say(f"{args.output}: {_BYTES[form]}, {len(content):,} bytes")
    elif form == "pdf" and sys.stdout.isatty():
        raise Stop(Exit.USAGE, "a PDF does not go to a terminal: give --output FILE.pdf")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    return Exit.DONE


def credit(args: Namespace, out: Output) -> Exit:
    """Credit a part of an invoice."""
    quick_start()
    from queuebit_stack.invoices import amount_of, find
    from queuebit_stack.invoices import credit as credit_one

    home = Home(args.home)
    currency = args.currency or _currency(find(home, args.number))
    given = credit_one(home, args.number, amount_of(args.amount, currency), args.reason, args.by or author())
    out.document(given.model_dump(mode="json", exclude_none=True))
    out.say(f"{given.number}: {given.amount.money} of {given.invoice} credited, {given.left.money} is still owed")
    return Exit.DONE


def _currency(found: Issued) -> str:
    currencies = [it.currency for it in found.invoice.totals]
    if len(currencies) > 1:
        raise Stop(Exit.USAGE, f"{found.invoice.number} has {', '.join(currencies)}: say which with --currency")
    return currencies[0] if currencies else "USD"


def _book(args: Namespace) -> PriceBook | None:
    """The price book of the home; None where there is none, as for a tenant's user."""
    from queuebit_pricing import load

    path = Home(args.home).price_book
    return load(path) if path.exists() else None


def _content(args: Namespace, form: str, document: Document, found: Issued) -> bytes:
    if form == "json":
        return document.to_bytes()
    if form == "csv":
        from queuebit_billing.tabular import as_csv

        return as_csv(document)
    if form == "focus":
        from queuebit_billing.focus import as_focus

        return as_focus(document, _book(args))
    try:
        from queuebit_billing.page import as_pdf
    except ImportError as error:
        raise Stop(Exit.USAGE, "PDF needs its packages: pip install 'queuebit-cli[pdf]'") from error
    return as_pdf(document, found.invoice, found.at, found.credits)


def _facts(it: Issued) -> dict[str, object]:
    credits_ = [given.model_dump(mode="json") for given in it.credits]
    return {
        **it.invoice.model_dump(mode="json", exclude_none=True),
        "issued_at": it.at.isoformat(),
        "credits": credits_,
    }
