"""The grammar of `qb invoice`."""

from __future__ import annotations

from argparse import ArgumentParser

from queuebit_cli.grammar import Group, number

__all__ = ["invoice_commands"]

_NUMBER = "as `qb invoice list` names it, such as acme-2026-11"


def invoice_commands(invoice: Group) -> None:
    """Invoices of tenants."""
    run = invoice.command("run", "invoices:issue", "issue the invoices of a period that has ended")
    run.add_argument("--tenant", metavar="T", help="of this tenant alone (all that have anything to invoice)")
    period = "a month such as 2026-11; or the first day and the day after the last: 2026-11-01_2026-11-15"
    run.add_argument("--period", required=True, metavar="P", help=period)
    run.add_argument("--cut", type=number(0), metavar="N", help="the last sequence of the log to include (its end)")
    run.add_argument("--dry-run", action="store_true", help="show them, also of a period that has not ended")
    run.add_argument("--by", metavar="NAME", help="who issues them, as the fact names it (your account)")
    listed = invoice.command("list", "invoices:invoices", "list invoices, and what is still owed")
    listed.add_argument("--tenant", metavar="T", help="of this tenant alone")
    _as_user(listed)
    show = invoice.command("show", "invoices:show", "show an invoice, after a check of its digest")
    show.add_argument("number", metavar="NUMBER", help=_NUMBER)
    forms = ("table", "json", "csv", "focus", "pdf")
    show.add_argument("--format", choices=forms, default="table", help=f"{', '.join(forms)} (table)")
    show.add_argument("--output", metavar="FILE", help="write it there")
    show.add_argument("--tenant", metavar="T", help="with --user or --url: act as a user of this tenant")
    _as_user(show)
    credit = invoice.command("credit", "invoices:credit", "take a part of an invoice back")
    credit.add_argument("number", metavar="NUMBER", help=_NUMBER)
    credit.add_argument("amount", metavar="AMOUNT", help="above 0, and at most what is left of it")
    credit.add_argument("--currency", metavar="C", help="if the invoice has several")
    credit.add_argument("--reason", required=True, metavar="TEXT", help="stored with the credit")
    credit.add_argument("--by", metavar="NAME", help="who credits it, as the fact names it (your account)")


def _as_user(command: ArgumentParser) -> None:
    """A tenant's user sees its own invoices."""
    command.add_argument("--user", metavar="U", help="as this user of the tenant, instead of the operator")
    command.add_argument("--url", metavar="URL", help="as a user, over this gateway or bus")
