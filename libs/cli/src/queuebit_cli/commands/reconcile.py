"""`qb reconcile`: compares a vendor's bill with our charges, explains each difference, and imports the result once."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit_cli import render_reconciliation as render
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit_reconciliation import Outcome

__all__ = ["reconcile"]


def reconcile(args: Namespace, out: Output) -> Exit:
    """Compare a bill: 0 if all is equal to the cent, 1 if not, 2 if the file is bad, 3 for a second import."""
    if args.live == (args.file is not None):
        args.misused("give a FILE, or --live")
    if args.live:
        return _live(args, out)
    outcome = _compared(args, out)
    sequence = 0 if args.dry_run else _imported(args, outcome)
    _show(args, out, outcome, sequence)
    return Exit.DONE if outcome.clean else Exit.JOB_FAILED


def _compared(args: Namespace, out: Output) -> Outcome:
    from queuebit_reconciliation import BadBill, BrokenReader, UnknownBill, find, reader_of
    from queuebit_reconciliation import reconcile as match
    from queuebit_stack.reconciling import own_charges
    from queuebit_stack.stack import running_stack

    path = Path(args.file)
    try:
        content = path.read_bytes()
        reader = find(args.vendor) if args.vendor else reader_of(content)
        bill = reader.read(content)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{path} cannot be read: {error.strerror}") from error
    except (BadBill, UnknownBill, BrokenReader) as error:
        raise Stop(Exit.USAGE, f"{path}: {error}") from error
    home = Home(args.home)
    with Progress(out.as_json or args.csv, "asking the warehouse for our charges"):
        charges = own_charges(home, running_stack(home), reader, args.backend)
    return match(bill, charges)


def _imported(args: Namespace, outcome: Outcome) -> int:
    from queuebit_stack.connection import operator_of
    from queuebit_stack.reconciling import import_bill, vendor_bill
    from queuebit_stack.tenant_facts import author

    return import_bill(operator_of(Home(args.home)), vendor_bill(outcome, args.by or author())).sequence


def _show(args: Namespace, out: Output, outcome: Outcome, sequence: int) -> None:
    if args.csv:
        out.stream(render.as_csv(outcome))
        return
    out.document(render.document(outcome, sequence=sequence))
    if rows := render.rows(outcome, everything=args.all):
        out.table(rows, fit=True)
        out.say()
    for text in render.advice(outcome):
        out.paragraph(text, "   ")
    out.say(render.summary(outcome))
    if sequence:
        out.say(
            f"imported as {outcome.bill.statement}; the warehouse's view billing_accuracy has the share of each bill"
        )
    else:
        out.say("a dry run: the log does not have it")


def _live(args: Namespace, out: Output) -> Exit:
    from queuebit_stack.reconciling import stated_costs
    from queuebit_stack.stack import running_stack

    home = Home(args.home)
    with Progress(out.as_json or args.csv, "asking the warehouse"):
        costs = [it for it in stated_costs(home, running_stack(home)) if args.vendor in (None, it.vendor)]
    if args.csv:
        out.stream(render.costs_as_csv(costs))
        return Exit.DONE
    out.rows(
        render.cost_documents(costs),
        none="no vendor stated its costs yet: costs.toml says which are asked (docs/reconciliation.md)",
        shown=lambda _: render.cost_rows(costs),
    )
    return Exit.DONE
