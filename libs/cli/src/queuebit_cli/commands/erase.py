"""`qb erase`: stored circuits and results of a tenant are erased, and proofs stay valid."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_cli.progress import run
from queuebit_contracts.erasure import EraseAnswer, EraseRequest
from queuebit_contracts.subjects import ERASE_REQUEST
from queuebit_stack.connection import operator_of, quick_start
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.operator_requests import answer_to
from queuebit_stack.tenant_facts import author

if TYPE_CHECKING:
    from queuebit_audit.erasable import Found

__all__ = ["erase"]

_STAY = (
    "events with labels, purposes, users, counts of usage and digests: bills and receipts follow from them",
    "bills, invoices and the ledger: laws on accounts ask for them",
    "receipts and the transparency log: they have digests, and no contents",
)


def erase(args: Namespace, out: Output) -> Exit:
    """Erase, or show what would be erased and what stays."""
    if not args.dry_run and not args.reason:
        args.misused("say why with --reason: the fact in the log has it; or look first with --dry-run")
    found = _found(args, out)
    if not found.sequence:
        raise Stop(Exit.USAGE, f"the log has no job of {found.scope.words} of {args.tenant}: is it the right name?")
    if found.unknown:
        raise Stop(Exit.USAGE, f"{args.tenant} has no job {', '.join(found.unknown)}: nothing was erased")
    erased = 0
    if not args.dry_run:
        home = Home(args.home)
        for erasure in found.erasures(args.reason, author()):
            request = EraseRequest(erasure=erasure)
            erased += answer_to(operator_of(home), ERASE_REQUEST, request, EraseAnswer, "erase contents").erased
    rows = [
        {"digest": name, "bytes": it.size, "media_type": it.media_type} for name, it in sorted(found.erased.items())
    ]
    stays = [{"job": job, "why": why} for job, why in found.stays]
    document = {"tenant": args.tenant, "scope": found.scope.words, "erased": erased, "contents": rows, "stays": stays}
    out.document({**document, "inside_events": found.inside_events, "also_stays": list(_STAY)})
    verb = "would be erased" if args.dry_run else "erased"
    out.say(f"{len(rows):,} contents of {found.scope.words} in the payload store {verb}")
    if stays:
        out.table(stays, fit=True)
    if found.inside_events:
        out.paragraph(
            f"{found.inside_events:,} circuits and results of up to 16 KiB are inside events, and stay in the log, the "
            "warehouse and backups"
        )
    for it in _STAY:
        out.paragraph(f"stays: {it}")
    return Exit.DONE


def _found(args: Namespace, out: Output) -> Found:
    quick_start()
    from queuebit_audit import target_of
    from queuebit_audit.erasable import Scope
    from queuebit_audit.erasing import find_erasable
    from queuebit_kernel import InvalidId, Unavailable
    from queuebit_pricing import BadPriceBook

    scope = Scope(args.tenant, args.user, tuple(args.job))
    try:
        return run(find_erasable(target_of(args.home), scope), out, "reading the log")
    except InvalidId as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except (Unavailable, BadPriceBook) as error:
        raise Stop(Exit.UNREACHABLE, f"cannot read the log: {error}") from error
