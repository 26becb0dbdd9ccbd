"""Groups of jobs on the command line: which one is meant, its totals, and its receipts."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from queuebit.errors import InvalidInput
from queuebit.group import GROUP_KINDS
from queuebit_cli.output import Output
from queuebit_stack.errors import Exit, Stop

if TYPE_CHECKING:
    from queuebit_proof import Witness

__all__ = ["amounts_text", "count_of", "group_in", "total_line", "verify_group_file"]

_LARGEST: Final = 1 << 29
"""Bytes of a file: 10,000 receipts have about 130 MB."""


def group_in(args: Namespace) -> tuple[str, str] | None:
    """Kind and name of the group that the arguments name."""
    return next(((kind, name) for kind in GROUP_KINDS if (name := getattr(args, kind)) is not None), None)


def count_of(jobs: int) -> str:
    """A number of jobs in words."""
    return _count(jobs, "job")


def amounts_text(amounts: Mapping[str, str]) -> str:
    """Amounts by currency; `0.00` if there is none."""
    return " + ".join(f"{amount} {currency}" for currency, amount in amounts.items()) or "0.00"


def total_line(row: Mapping[str, Any]) -> str:
    """Jobs by state and money of a whole group, also of its jobs that a list leaves out."""
    states = ", ".join(f"{number:,} {state}" for state, number in row["states"].items())
    held = f", {amounts_text(row['held'])} held" if row["held"] else ""
    money = f"{amounts_text(row['charged'])} charged{held}"
    return f"{row['kind']} {row['name']}: {count_of(row['jobs'])} ({states}), {money}"


def verify_group_file(args: Namespace, out: Output, path: Path, trust: bytes, witnesses: Sequence[Witness]) -> Exit:
    """Verify a file with the receipts of a group, whose heads these witnesses must have signed."""
    from queuebit_proof import GroupInvalid, TrustInvalid, TrustRoot, verify_group

    if args.result:
        raise Stop(Exit.USAGE, "a result belongs to one job: leave out --result, or verify the receipt of that job")
    try:
        found = verify_group(_content(path), TrustRoot.parse(trust), witnesses)
    except TrustInvalid as error:
        out.document({"verified": False, "check": "trust", "text": str(error)})
        raise Stop(Exit.JOB_FAILED, f"not verified: {error}") from error
    except GroupInvalid as error:
        faults = [{"fault": it.kind, "job": it.job, "text": it.text} for it in error.faults]
        out.document({"verified": False, "check": "group", "text": str(error), "faults": faults})
        for line in out.lines(faults, fit=True):
            out.say(line)
        raise Stop(
            Exit.JOB_FAILED, f"not verified: {_count(len(faults), 'fault')} in the receipts of the group"
        ) from error
    group = {"kind": found.kind, "name": found.name, "tenant": found.tenant, "made_at": found.made_at}
    without = [*found.without]
    out.document(
        {"verified": True, **group, "receipts": len(found.receipts), "without": without, "charged": {**found.charged}}
    )
    receipts = _count(len(found.receipts), "receipt")
    out.say(f"ok  {receipts} of {found.kind} {found.name} of tenant {found.tenant}: all verify")
    out.say("ok  none is missing, altered, or of another group, by the manifest that was made " + found.made_at)
    out.say(f"ok  {amounts_text(found.charged)} charged: the sum over the signed statements")
    if without:
        out.say(f"{count_of(len(without))} had no receipt when it was made: {', '.join(without[:5])}")
    return Exit.DONE


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def _content(path: Path) -> bytes:
    """An untrusted file: no more of it is read than the largest group needs."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > _LARGEST:
        raise InvalidInput(f"{path} has more than {_LARGEST >> 20} MiB, which no group receipt has")
    return content.removesuffix(b"\n")
