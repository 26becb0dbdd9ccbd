"""`qb report`: what a week, month or quarter cost, as a file for people."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from pathlib import Path

from queuebit.credentials import find
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.report_data import Report, period_of, report_of
from queuebit_cli.report_html import report_csv, report_html
from queuebit_kernel import SystemClock
from queuebit_stack.errors import Exit
from queuebit_stack.files import require_place
from queuebit_stack.home import Home
from queuebit_stack.stack import Stack, running_stack
from queuebit_stack.warehouse import Login, analyst_of, member, records

__all__ = ["report"]


def report(args: Namespace, out: Output) -> Exit:
    """Write a cost report of one tenant, or of all."""
    home = Home(args.home)
    now = SystemClock().now()
    period = period_of(args.period, args.of or now)
    path = Path(args.output or f"report-{args.tenant or 'all'}-{period.name}.{args.format}")
    require_place(path)
    stack = running_stack(home)
    ask = partial(records, stack, _login(args, home, stack))
    with Progress(out.as_json, "asking the warehouse"):
        made = report_of(ask, period, args.tenant or "", now)
    content = _written(args.format, made)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)  # a file with the name asked for is whole
    out.document({"file": str(path), "format": args.format, "bytes": len(content), "period": period.name})
    out.say(f"{path}: {made.title}, {_contents(made)}")
    return Exit.DONE


def _contents(made: Report) -> str:
    if made.charged:
        return f"{len(made.sections)} sections"
    return "no charges in this period: `--of DAY` chooses another one, --tenant another tenant"


def _written(form: str, made: Report) -> bytes:
    if form == "pdf":
        from queuebit_cli.report_pdf import report_pdf

        return report_pdf(made)
    return (report_csv(made) if form == "csv" else report_html(made)).encode()


def _login(args: Namespace, home: Home, stack: Stack) -> Login:
    """A tenant's own user, where the engine shows only its rows; or the analyst."""
    if args.tenant is None or stack.in_containers:
        return analyst_of(home)
    return member(find(home.root, args.tenant, args.user))
