"""`qb audit`: who did what."""

from __future__ import annotations

from argparse import Namespace
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.tables import Row
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit_audit_trail import Record, Selection

__all__ = ["show"]

_COLUMNS = ("sequence", "stored_at", "tenant", "actor", "action", "object", "outcome", "amount", "reason")


def show(args: Namespace, out: Output) -> Exit:
    """List the newest records that are asked for, oldest first."""
    newest = deque["Record"](maxlen=args.limit)
    _read(args, out, lambda record, body: newest.append(record))
    rows = [it.document() for it in newest]
    out.rows(rows, none="no such action is in the log", shown=_shown)
    return Exit.DONE


def _read(args: Namespace, out: Output, take: Callable[[Record, bytes], object]) -> int:
    """Give each record that is asked for, with the bytes of its event; return the last sequence of the log.

    Raises:
        Stop: the stack does not answer.
    """
    quick_start()
    from queuebit_audit import read_events, target_of
    from queuebit_audit_trail import record_of, subjects
    from queuebit_contracts.catalog import decode
    from queuebit_kernel import InvalidId, Unavailable
    from queuebit_pricing import BadPriceBook

    if TYPE_CHECKING:
        from queuebit_runtime.view import Raw

    selection = _selection(args)

    def fold(raw: Raw) -> None:
        record = record_of(decode(raw.body, raw.subject), raw.sequence, raw.stored_at)
        if record is not None and selection.takes(record):
            take(record, raw.body)

    try:
        wanted = subjects(args.tenant)
        return run(read_events(target_of(args.home), wanted, fold), out, "reading the log")
    except InvalidId as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except (Unavailable, BadPriceBook) as error:
        raise Stop(Exit.UNREACHABLE, f"cannot read the log: {error}") from error


def _selection(args: Namespace) -> Selection:
    from queuebit_audit_trail import Selection

    return Selection(args.tenant, args.since, args.actor, args.action)


def _shown(rows: Sequence[Row]) -> Sequence[Row]:
    """For people: the columns in which there is something, without fractions of a second."""
    shown = [{it: str(row.get(it) or "") for it in _COLUMNS} for row in rows]
    used = [it for it in _COLUMNS if any(row[it] for row in shown)]
    return [{it: row[it][:19] if it == "stored_at" else row[it] for it in used} for row in shown]
