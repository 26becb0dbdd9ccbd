"""`qb receipt get` and `qb receipt verify`."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from pathlib import Path

from queuebit.errors import NotFound
from queuebit_cli.connecting import client_of, job_of
from queuebit_cli.errors import Exit, Stop
from queuebit_cli.files import write_private
from queuebit_cli.home import Home
from queuebit_cli.output import Output

__all__ = ["get", "verify"]

_WAIT_S = 10.0


def get(args: Namespace, out: Output) -> Exit:
    """Keep a job's receipt in a file."""
    receipt = asyncio.run(_fetch(args))
    target = Path(args.output or f"{receipt[0]}.receipt.json")
    try:
        write_private(target.absolute(), receipt[1].decode() + "\n")
    except OSError as error:
        raise Stop(Exit.USAGE, f"{target} cannot be written: {error.strerror}") from error
    out.document({"job": receipt[0], "file": str(target), "bytes": len(receipt[1])})
    out.say(f"{target} is written; together with {Home(args.home).trust_file} anybody can verify it, offline:")
    out.say(f"  qb receipt verify {target} --trust trust.json")
    return Exit.DONE


def verify(args: Namespace, out: Output) -> Exit:
    """Check a receipt: a file offline, or a job's as the stack holds it."""
    from queuebit_proof import ReceiptInvalid, TrustInvalid, TrustRoot
    from queuebit_proof import verify as check

    trust_file = Path(args.trust) if args.trust else Home(args.home).trust_file
    path = Path(args.receipt)
    if path.is_file():
        content, job = path.read_bytes().rstrip(b"\n"), None
    else:
        try:
            job, content = asyncio.run(_fetch(args))
        except NotFound as error:
            raise Stop(Exit.USAGE, f"there is no file {path}, and {error}") from error
    try:
        verified = check(content, TrustRoot.parse(trust_file.read_bytes()), job=job)
    except FileNotFoundError as error:
        raise Stop(Exit.USAGE, f"there is no trust document {trust_file}: name one with --trust") from error
    except (ReceiptInvalid, TrustInvalid) as error:
        out.document({"verified": False, "check": getattr(error, "check", "trust"), "text": str(error)})
        raise Stop(Exit.JOB_FAILED, f"not verified: {error}") from error
    out.document(
        {
            "verified": True,
            "job": verified.receipt.job,
            "tenant": verified.receipt.tenant,
            "leaf_index": verified.receipt.leaf_index,
            "checks": [{"name": it.name, "text": it.sentence} for it in verified.checks],
        }
    )
    for it in verified.checks:
        out.say(f"{out.paint('ok', 'good')}  {it.name:<10} {it.sentence}")
    return Exit.DONE


async def _fetch(args: Namespace) -> tuple[str, bytes]:
    async with client_of(args) as client:
        receipt = await (await job_of(client, args.receipt)).receipt(_WAIT_S)
        return receipt.job, receipt.content
