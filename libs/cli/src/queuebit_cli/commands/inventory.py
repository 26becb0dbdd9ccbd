"""`qb inventory`: which work there is, who answers for it, and what it may do."""

from __future__ import annotations

import csv
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.tables import Row
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit_runtime.view import Raw

__all__ = ["inventory"]


def inventory(args: Namespace, out: Output) -> Exit:
    """List the projects in force."""
    rows = _read(args, out)
    if args.csv:
        _print_csv(rows)
        return Exit.DONE
    out.rows(rows, none="no project is in force: `qb tenant project add TENANT PROJECT` makes one", shown=_shown)
    if lacking := sum(bool(it["missing"]) for it in rows):
        out.paragraph(
            f"projects without an owner, purpose, impact or risk class: {lacking} of {len(rows)}. "
            "`qb tenant limit TENANT PROJECT --owner …` sets them"
        )
    return Exit.DONE


def _read(args: Namespace, out: Output) -> list[dict[str, Any]]:
    quick_start()
    from queuebit_audit import read_events, target_of
    from queuebit_contracts.catalog import decode
    from queuebit_contracts.inventory import Inventory, subjects
    from queuebit_contracts.wire import UnknownEvent
    from queuebit_kernel import InvalidId, Malformed, Unavailable
    from queuebit_pricing import BadPriceBook

    found = Inventory()

    def fold(raw: Raw) -> None:
        try:
            event = decode(raw.body, raw.subject)
        except Malformed:
            return
        if not isinstance(event, UnknownEvent):
            found.take(event)

    try:
        run(read_events(target_of(args.home), subjects(args.tenant), fold), out, "reading the log")
    except InvalidId as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except (Unavailable, BadPriceBook) as error:
        raise Stop(Exit.UNREACHABLE, f"cannot read the log: {error}") from error
    return [*found.rows()]


def _shown(rows: Sequence[Row]) -> Sequence[Row]:
    """For people: lists as text, and without the columns in which there is nothing."""
    texts = [{name: _text(value) for name, value in row.items()} for row in rows]
    used = [name for name in texts[0] if any(it[name] for it in texts)]
    return [{name.replace("_", " "): it[name] for name in used} for it in texts]


def _print_csv(rows: Sequence[Row]) -> None:
    writer = csv.DictWriter(sys.stdout, [*rows[0]] if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _text(value) for name, value in row.items()} for row in rows)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
