"""`qb audit`: who did what."""

from __future__ import annotations

import time
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from queuebit.receipt_files import read_trust
from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_cli.tables import Row
from queuebit_kernel import SystemClock
from queuebit_stack.connection import operator_of, quick_start
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place, write_private
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit_audit_trail import Record, Selection
    from queuebit_contracts.job import JobSealed, JobSealedV1
    from queuebit_proof import KeyRing

__all__ = ["export", "show", "verify"]

_WAIT_S: Final = 10.0
_LONGEST: Final = 1 << 20
"""Bytes of a line: an event has at most 128 KiB, and a receipt less."""
_COLUMNS = ("sequence", "stored_at", "tenant", "actor", "action", "object", "outcome", "detail", "amount", "reason")


def show(args: Namespace, out: Output) -> Exit:
    """List the newest records that are asked for, oldest first."""
    newest = deque["Record"](maxlen=args.limit)
    _read(args, out, lambda record, body: newest.append(record))
    rows = [it.document() for it in newest]
    out.rows(rows, none="no such action is in the log", shown=_shown)
    return Exit.DONE


def export(args: Namespace, out: Output) -> Exit:
    """Write the records that are asked for, with their events and receipts, signed by the keys of the stack."""
    from queuebit_audit_trail.bundle import Covered, build_bundle

    target, home = Path(args.file), Home(args.home)
    require_place(target, "FILE")
    home.require()
    ring = _keys(args, home)
    entries: list[tuple[Record, bytes]] = []
    through = _read(args, out, lambda record, body: entries.append((record, body)))
    receipts = _receipts(home, out, entries) if args.receipts else []
    checkpoint = home.provenance / "log" / "checkpoint"
    head = checkpoint.read_text(encoding="utf-8") if checkpoint.exists() else None
    covered = Covered(_selection(args), through, SystemClock().now(), head)
    content = b"".join(line + b"\n" for line in build_bundle(entries, receipts, covered, ring))
    try:
        write_private(target.absolute(), content.decode())
    except OSError as error:
        raise Stop(Exit.USAGE, f"{target} cannot be written: {error.strerror}") from error
    out.document({"file": str(target), "records": len(entries), "receipts": len(receipts), "through": through})
    out.say(
        f"{target} has {len(entries):,} records up to sequence {through} of the log, and {len(receipts):,} receipts"
    )
    out.say(f"anybody verifies it with {home.trust_file}, offline:")
    out.say(f"  qb audit verify {target}")
    return Exit.DONE


def verify(args: Namespace, out: Output) -> Exit:
    """Verify a bundle: 0 if nothing in it was changed, dropped, inserted or moved, else 1."""
    from queuebit_audit_trail.bundle import BundleInvalid, verify_bundle
    from queuebit_proof import TrustInvalid, TrustRoot

    trust = read_trust(Path(args.trust) if args.trust else Home(args.home).trust_file)
    try:
        with Path(args.file).open("rb") as file:
            lines = iter(lambda: file.readline(_LONGEST), b"")
            found = verify_bundle((it.removesuffix(b"\n") for it in lines), TrustRoot.parse(trust))
    except OSError as error:
        raise Stop(Exit.USAGE, f"{args.file} cannot be read: {error.strerror}") from error
    except TrustInvalid as error:
        raise Stop(Exit.JOB_FAILED, f"not verified: {error}") from error
    except BundleInvalid as error:
        faults = [{"fault": it.kind, "line": it.line, "text": it.text} for it in error.faults]
        out.document({"verified": False, "faults": faults})
        out.table(faults, fit=True)
        count = "1 fault" if len(faults) == 1 else f"{len(faults):,} faults"
        raise Stop(Exit.JOB_FAILED, f"not verified: {count} in {args.file}") from error
    stated = found.statement
    out.document({"verified": True, **stated, "key_ids": list(found.key_ids)})
    out.say(f"ok  signed by {found.signer} at {stated['made_at']}")
    out.say(
        f"ok  {len(found.records):,} records: none is changed, dropped, inserted or moved; each follows from its event"
    )
    out.say(f"ok  {_receipts_text(len(found.receipts))} of sealed jobs")
    wanted = [
        f"{name} {stated[name]}" for name in ("tenant", "since", "until", "actor", "action") if stated[name] is not None
    ]
    asked = f"asked for: {', '.join(wanted)}" if wanted else "asked for: everything"
    out.say(f"{asked}; the log was read up to sequence {stated['through']}")
    return Exit.DONE


def _receipts_text(count: int) -> str:
    return "1 receipt" if count == 1 else f"{count:,} receipts"


def _keys(args: Namespace, home: Home) -> KeyRing:
    """The keys that sign receipts.

    Raises:
        Stop: they are not in this home, or cannot be used.
    """
    from queuebit_proof import KeyRing, KeysUnsafe
    from queuebit_runtime.secrets import read_secret

    try:
        passphrase = read_secret(Path(args.passphrase_file)).encode() if args.passphrase_file else None
    except (OSError, ValueError) as error:
        raise Stop(Exit.USAGE, f"the passphrase cannot be read: {error}") from error
    try:
        return KeyRing.load(home.provenance / "keys", passphrase)
    except KeysUnsafe as error:
        raise Stop(Exit.REFUSED, f"the bundle cannot be signed: {error}") from error


def _receipts(home: Home, out: Output, entries: Sequence[tuple[Record, bytes]]) -> list[bytes]:
    """The newest receipt of each job that a record seals, in the order of the records.

    Raises:
        Refused, Unreachable: one is not signed.
    """
    from queuebit_contracts.catalog import decode
    from queuebit_contracts.job import JobSealed, JobSealedV1

    sealed: dict[tuple[str, str], JobSealed | JobSealedV1] = {}
    for record, body in entries:
        if record.action == "result.seal" and isinstance(event := decode(body), JobSealed | JobSealedV1):
            sealed[event.data.tenant, event.data.job] = event
    return run(_fetched(home, [*sealed.values()]), out, "collecting receipts") if sealed else []


async def _fetched(home: Home, sealed: Sequence[JobSealed | JobSealedV1]) -> list[bytes]:
    from queuebit.receipts import document_of
    from queuebit.wait_budget import WaitBudget

    operator = operator_of(home)
    try:
        return [await document_of(it.data, operator, WaitBudget(time.monotonic, _WAIT_S)) for it in sealed]
    finally:
        await operator.close()


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

    return Selection(args.tenant, args.since, args.until, args.actor, args.action)


def _shown(rows: Sequence[Row]) -> Sequence[Row]:
    """For people: the columns in which there is something, without fractions of a second and the rest of keys."""
    shown = [{it: str(row.get(it) or "") for it in _COLUMNS} for row in rows]
    used = [it for it in _COLUMNS if any(row[it] for row in shown)]
    for row, whole in zip(shown, rows, strict=True):
        row["stored_at"] = row["stored_at"][:19]
        if row["actor"] and row["actor"] == whole.get("key"):
            row["actor"] = f"key {row['actor'][:8]}…"
    return [{it: row[it] for it in used} for row in shown]
