"""`qb ledger`: the trial balance of all accounts, or the entries of one."""

from __future__ import annotations

import csv
import io
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from queuebit.text import visible
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.tables import Row
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit_audit import Booked
    from queuebit_kernel import Money

__all__ = ["ledger"]


def ledger(args: Namespace, out: Output) -> Exit:
    """Print the ledger of the home's stack; exit code 1 if a fact of an account could not be booked.

    Raises:
        Stop: the stack does not answer, or the tenant has no such project.
    """
    if args.project and not args.tenant:
        args.misused("of which tenant is the project? add --tenant NAME")
    quick_start()
    from queuebit_audit import read_ledger, target_of
    from queuebit_kernel import Unavailable
    from queuebit_pricing import BadPriceBook

    try:
        booked = run(read_ledger(target_of(args.home), args.tenant, args.project), out, "reading the log")
    except (Unavailable, BadPriceBook) as error:
        raise Stop(Exit.UNREACHABLE, f"cannot read the ledger: {error}") from error
    rows = [*(_entries(booked) if args.project else _trial(booked))]
    if args.csv:
        _print_csv(rows)
    else:
        none = "no account has a fact yet: `qb tenant fund TENANT PROJECT AMOUNT` gives one a budget"
        out.rows(rows, none=none, shown=_used)
    for fault in booked.faults:
        print(visible(f"not booked: {fault}"), file=sys.stderr)
    return Exit.JOB_FAILED if booked.faults else Exit.DONE


def _trial(booked: Booked) -> Iterator[Row]:
    """One row for each account, and for the invoices of each tenant, and currency; its books sum to 0."""
    from queuebit_kernel import Money
    from queuebit_ledger import BOOKS

    totals: dict[str, dict[str, Money]] = {}
    for (tenant, project, currency), books in booked.ledger.trial():
        zero = Money.zero(currency)
        total = totals.setdefault(currency, dict.fromkeys(BOOKS, zero))
        for name in BOOKS:
            total[name] += books.get(name, zero)
        yield _row(
            {"tenant": tenant, "project": project or "(invoices)"}, {it: books.get(it, zero) for it in BOOKS}, currency
        )
    for currency, total in sorted(totals.items()):
        yield _row({"tenant": "total", "project": ""}, total, currency)


def _used(rows: Sequence[Row]) -> Sequence[Row]:
    """For people: without the books in which there is nothing."""
    from queuebit_ledger import BOOKS

    empty = {name for name in BOOKS if all(it.get(name) == "0.00" for it in rows)}
    return [{name: value for name, value in it.items() if name not in empty} for it in rows]


def _row(head: Mapping[str, str], books: Mapping[str, Money], currency: str) -> Row:
    first, *others = books.values()
    total = sum(others, first)
    return {**head, **{name: it.text() for name, it in books.items()}, "sum": total.text(), "currency": currency}


def _entries(booked: Booked) -> Iterator[Row]:
    """One row for each posting, in the order of the log."""
    from queuebit_kernel import rfc3339

    for transaction in booked.transactions:
        for posting in transaction.postings:
            yield {
                "sequence": transaction.sequence,
                "at": rfc3339(transaction.at),
                "fact": transaction.name,
                "job": transaction.job,
                "book": posting.book.name,
                "amount": posting.amount.text(),
                "currency": posting.amount.currency,
                "corrects": posting.corrects or "",
            }


def _print_csv(rows: Sequence[Row]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0]] if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    print(text.getvalue(), end="")
