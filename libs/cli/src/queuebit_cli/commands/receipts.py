"""`qb receipt get` and `qb receipt verify`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from queuebit.errors import NotFound
from queuebit_cli.connecting import client_of, job_of
from queuebit_cli.errors import Exit, Stop
from queuebit_cli.files import require_place, write_private
from queuebit_cli.home import Home
from queuebit_cli.output import Output
from queuebit_cli.progress import run

__all__ = ["get", "verify"]

_WAIT_S = 10.0


def get(args: Namespace, out: Output) -> Exit:
    """Keep a job's receipt in a file."""
    if args.output:
        require_place(Path(args.output))
    receipt = run(_fetch(args), out, "waiting for its receipt")
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
    from queuebit_proof.receipt import MAX_RECEIPT_BYTES

    path = Path(args.receipt)
    trust = _trust(Path(args.trust) if args.trust else Home(args.home).trust_file)
    if path.is_file():
        content, job = _read(path, MAX_RECEIPT_BYTES + 2).removesuffix(b"\n"), None
    else:
        try:
            job, content = run(_fetch(args), out, "waiting for its receipt")
        except NotFound as error:
            raise Stop(Exit.USAGE, f"there is no file {path}, and {error}") from error
    try:
        verified = check(content, TrustRoot.parse(trust), job=job)
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


def _trust(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Stop(Exit.USAGE, f"there is no trust document {path}: name one with --trust") from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{path} is no trust document: {error.strerror}") from error


def _read(path: Path, most: int) -> bytes:
    """The beginning of a file, which may be anybody's: the verifier refuses what is longer than a receipt."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{path} cannot be read: {error.strerror}") from error


async def _fetch(args: Namespace) -> tuple[str, bytes]:
    async with client_of(args) as client:
        receipt = await (await job_of(client, args.receipt)).receipt(_WAIT_S)
        return receipt.job, receipt.content
