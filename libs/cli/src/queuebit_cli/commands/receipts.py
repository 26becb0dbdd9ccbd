"""`qb receipt get` and `qb receipt verify`."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from queuebit.errors import JobFailed, NotFound, Refused, StillRunning
from queuebit.receipt_files import packed, read_receipt, read_result_digest, read_trust
from queuebit_cli.connecting import ask
from queuebit_cli.groups import amounts_text, count_of, group_in, verify_group_file
from queuebit_cli.output import Output
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import require_place, write_private
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.records import Receipt
    from queuebit_proof import Verified, Witness

__all__ = ["get", "verify"]

_WAIT_S = 10.0


def get(args: Namespace, out: Output) -> Exit:
    """Write a job's receipt, or all receipts of a group, to a file."""
    group = group_in(args)
    if (group is None) is (args.receipt is None):
        raise Stop(Exit.USAGE, "name one job, or a group: --tag T, --session S or --workflow W")
    if args.output:
        require_place(Path(args.output))
    if group is not None:
        return _get_group(args, out, *group)
    receipt, _ = _fetched(args, out, with_result=False)
    job, content = receipt.job, receipt.content
    target = Path(args.output or f"{job}.receipt.json")
    if target.suffix == ".gz":
        content = packed(content)
    _write(target, content)
    place = {"revision": receipt.revision, "supersedes": receipt.supersedes}
    out.document({"job": job, "file": str(target), "bytes": len(content), **place})
    if receipt.supersedes:
        out.say(
            f"this is the newest receipt, of correction {receipt.revision} of the bill; it supersedes the statement"
        )
        out.say(f"  {receipt.supersedes}")
    _say_written(args, out, target)
    return Exit.DONE


def _get_group(args: Namespace, out: Output, kind: str, name: str) -> Exit:
    text = f"collecting the receipts of {kind} {name}"
    found = ask(args, out, text, lambda client: client.group(name, kind=kind).receipt(_WAIT_S))
    target = Path(args.output or f"{name}.receipts.json")
    _write(target, found.content)
    size, without = len(found.content), [*found.without]
    rows = {"kind": kind, "name": name, "jobs": found.jobs, "without": without, "charged": {**found.charged}}
    out.document({**rows, "file": str(target), "bytes": size})
    out.say(f"{count_of(found.jobs)} of {kind} {name}: {amounts_text(found.charged)} charged")
    if without:
        out.say(f"{count_of(len(without))} without a receipt yet: ask again when they have ended")
    _say_written(args, out, target)
    return Exit.DONE


def _write(target: Path, content: bytes) -> None:
    try:
        write_private(target.absolute(), content)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{target} cannot be written: {error.strerror}") from error


def _say_written(args: Namespace, out: Output, target: Path) -> None:
    trust = Home(args.home).trust_file
    out.say(f"{target} is written; together with {trust} anybody can verify it, offline:")
    out.say(f"  qb receipt verify {quote(str(target))} --trust {quote(str(trust))}")


def verify(args: Namespace, out: Output) -> Exit:
    """Verify a receipt: a file offline, or a job's from the stack; optionally also against a result."""
    from queuebit_proof import ReceiptInvalid, TrustInvalid, TrustRoot, is_group
    from queuebit_proof import verify as check

    path = Path(args.receipt)
    result = read_result_digest(Path(args.result)) if args.result else None
    trust = read_trust(Path(args.trust) if args.trust else Home(args.home).trust_file)
    if path.is_file():
        content, job = read_receipt(path), None
        if is_group(content):
            return verify_group_file(args, out, path, trust, _witnesses(args, out))
    else:
        try:
            receipt, stored = _fetched(args, out, with_result=result is None)
        except NotFound as error:
            raise Stop(Exit.USAGE, f"there is no file {path}, and {error}") from error
        content, job, result = receipt.content, receipt.job, result or stored
    try:
        witnesses = _witnesses(args, out)
        verified = check(content, TrustRoot.parse(trust), job=job, result_digest=result, witnesses=witnesses)
    except (ReceiptInvalid, TrustInvalid) as error:
        out.document({"verified": False, "check": getattr(error, "check", "trust"), "text": str(error)})
        raise Stop(Exit.JOB_FAILED, f"not verified: {error}") from error
    _print(verified, out, compared=result is not None)
    if path.is_file() and not result:
        out.say("to compare the result too, give --result FILE, written by:")
        out.say(f"  qb job result {verified.receipt.job} --output FILE")
    return Exit.DONE


def _witnesses(args: Namespace, out: Output) -> tuple[Witness, ...]:
    """The keys that must have signed; none if none are required."""
    from queuebit_proof import TrustInvalid, read_witnesses

    try:
        return read_witnesses(_text(args.witnesses)) if args.witnesses else ()
    except TrustInvalid as error:
        out.document({"verified": False, "check": "trust", "text": str(error)})
        raise Stop(Exit.JOB_FAILED, f"not verified: {error}") from error


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(Exit.USAGE, f"{path} cannot be read: {error}") from error


def _print(verified: Verified, out: Output, *, compared: bool) -> None:
    from queuebit_proof import job_of

    receipt, job = verified.receipt, job_of(verified.statement)
    delegation = job.get("delegation")
    out.document(
        {
            "verified": True,
            "job": receipt.job,
            "tenant": receipt.tenant,
            "leaf_index": receipt.leaf_index,
            "supersedes": verified.supersedes,
            "result_compared": compared,
            "actor": job.get("actor"),
            "delegation": delegation,
            "checks": [{"name": it.name, "text": it.sentence} for it in verified.checks],
        }
    )
    rows = [{"": "ok", "check": it.name, "found": it.sentence} for it in verified.checks]
    for line in out.lines(rows, fit=True)[1:]:
        out.say(line)
    if delegation is not None:
        out.say(f"{job.get('actor')} submitted it with the delegated key {delegation}")


def _fetched(args: Namespace, out: Output, *, with_result: bool) -> tuple[Receipt, str | None]:
    """The newest receipt of the job, and if wanted the digest of its result; none where it ended without one."""

    async def fetch(client: AsyncClient) -> tuple[Receipt, str | None]:
        job = await client.find(args.receipt)
        receipt = await job.receipt(_WAIT_S)
        if with_result:
            with suppress(JobFailed, Refused, StillRunning):
                return receipt, (await client.job(job.id).result(0)).digest
        return receipt, None

    return ask(args, out, "waiting for its receipt", fetch)
