"""`qb archive`: the log in Parquet files."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queuebit_cli.output import Output
from queuebit_cli.progress import Progress, run
from queuebit_kernel import Fault, Unavailable, rfc3339
from queuebit_stack.connection import quick_start
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.recovery.record import lost
from queuebit_stack.stack import running_stack

if TYPE_CHECKING:
    from queuebit_archive import Archive

__all__ = ["check", "status", "write"]


def write(args: Namespace, out: Output) -> Exit:
    """Write what the log has and the archive has not."""
    home, archive = Home(args.home), _archive(args)
    from queuebit_archive import OtherLog, Writer
    from queuebit_cli.archiving import archive_log

    try:
        writer = Writer(archive, frozenset(lost(home)))
        run(archive_log(*_bus(home), writer, rest=args.all), out, "reading the log")
    except OtherLog as error:
        raise Stop(Exit.REFUSED, str(error)) from error
    except Unavailable as error:
        raise Stop(Exit.UNREACHABLE, str(error)) from error
    except (Fault, OSError) as error:
        raise Stop(Exit.DIFFERS, str(error)) from error
    rows = [{"first": it.first, "last": it.last, "bytes": it.size, "file": it.path.name} for it in writer.written]
    out.rows(rows, none="nothing to write: no further file is full; --all writes the rest, too")
    return Exit.DONE


def status(args: Namespace, out: Output) -> Exit:
    """Show what the archive has."""
    home, archive = Home(args.home), _archive(args)
    segments = archive.segments()
    try:
        newest = archive.newest()
    except Fault as error:
        raise Stop(Exit.DIFFERS, str(error)) from error
    end = newest.sequence if newest else 0
    found: dict[str, Any] = {
        "folder": str(archive.folder),
        "files": len(segments),
        "first": segments[0].first if segments else None,
        "last": end or None,
        "bytes": sum(it.size for it in segments),
        "newest": rfc3339(datetime.fromtimestamp(newest.stored_ns / 1e9, UTC)) if newest else None,
        "behind": _behind(home, end),
    }
    out.document(found)
    if not segments:
        out.say(f"no archive in {archive.folder} yet: `qb archive write` begins one")
        return Exit.DONE
    out.table([found])
    if found["behind"] is None:
        out.say("the stack is down: how far the archive is behind is unknown")
    return Exit.DONE


def check(args: Namespace, out: Output) -> Exit:
    """Read all files."""
    home, archive = Home(args.home), _archive(args)
    with Progress(out.as_json, "reading the archive"):
        found = archive.check(frozenset(lost(home)))
    out.document({"events": found.messages, "head": found.head, "faults": found.faults})
    for fault in found.faults:
        out.paragraph(fault)
    if not found.faults:
        out.say(f"{found.messages:,} events are whole; the last file, on which all depend, is {found.head or 'absent'}")
    return Exit.DIFFERS if found.faults else Exit.DONE


def _archive(args: Namespace) -> Archive:
    """The archive that the arguments name.

    Raises:
        Stop: the package is not installed.
    """
    try:
        from queuebit_archive import Archive
    except ImportError as error:
        raise Stop(Exit.USAGE, f"{error.name} is missing: install the extra `archive` of queuebit-cli") from error
    return Archive(Path(args.folder) if args.folder else Home(args.home).archive)


def _bus(home: Home) -> tuple[str, str]:
    """Address of the bus, and the seed of the operator.

    Raises:
        Stop: the stack is down.
    """
    quick_start()
    return running_stack(home).listens["nats-server"], home.seed_file("operator").read_text().strip()


def _behind(home: Home, end: int) -> int | None:
    """Events that the log has and the archive has not; None if the stack is down."""
    try:
        bus = _bus(home)
        from queuebit_cli.archiving import last_sequence

        return asyncio.run(last_sequence(*bus)) - end
    except (Stop, Unavailable):
        return None
