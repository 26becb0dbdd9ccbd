"""The grammar of commands about money: the ledger, vendors' bills and cost reports."""

from __future__ import annotations

from queuebit_cli.grammar import Group, moment

__all__ = ["ledger_commands", "reconcile_commands", "report_commands"]


def ledger_commands(words: Group) -> None:
    """The accounts in double entry."""
    ledger = words.command("ledger", "ledger:ledger", "the balances of all accounts in double entry")
    ledger.add_argument("--tenant", metavar="T", help="of this tenant")
    ledger.add_argument("--project", metavar="P", help="of its project: every entry instead of balances")
    ledger.add_argument("--csv", action="store_true", help="as CSV")


def reconcile_commands(words: Group) -> None:
    """Compare a vendor's bill with our charges."""
    command = words.command(
        "reconcile", "reconcile:reconcile", "compare a vendor's bill with our charges, and import it"
    )
    command.add_argument("file", nargs="?", metavar="FILE", help="the bill, as the vendor's page gave it")
    command.add_argument("--vendor", metavar="V", help="aws, azure, ibm or ionq (recognised from the file)")
    command.add_argument(
        "--backend",
        action="append",
        default=[],
        metavar="P",
        help="our backends that it bills, as `ionq-*`; may be repeated",
    )
    command.add_argument("--dry-run", action="store_true", help="compare only; the log does not get the result")
    command.add_argument("--live", action="store_true", help="what vendors state by now, beside ours; without FILE")
    command.add_argument("--csv", action="store_true", help="every line and charge as CSV, for a spreadsheet")
    command.add_argument("--all", action="store_true", help="show what is equal, too")
    command.add_argument("--by", metavar="NAME", help="who imports it, as the fact names it (your account)")


def report_commands(words: Group) -> None:
    """Cost reports."""
    command = words.command("report", "report:report", "write what a week, month or quarter cost, with advice")
    command.add_argument("period", choices=("week", "month", "quarter"), help="week, month or quarter")
    command.add_argument("--of", type=moment, metavar="DAY", help="a day of the period, as 2026-10-31 (today)")
    command.add_argument("--tenant", metavar="T", help="of this tenant (all)")
    command.add_argument("--user", metavar="U", help="which of the tenant's users, if the home has several")
    command.add_argument("--format", choices=("html", "pdf", "csv"), default="html", help="html, pdf or csv (html)")
    command.add_argument("--output", metavar="FILE", help="where (report-TENANT-PERIOD.FORMAT)")
