"""`qb replay` and `qb compare`: whether work that is done twice gives the same."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.errors import InvalidInput
from queuebit.receipt_files import read_receipt, read_trust
from queuebit_cli.connecting import ask
from queuebit_cli.output import Output
from queuebit_cli.render_replays import compared_document, compared_lines
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.replays import Compared

__all__ = ["compare", "replay"]


def replay(args: Namespace, out: Output) -> Exit:
    """Run a job again, and compare: 0 if nothing speaks against equal work, else 1."""
    from queuebit.amounts import money_of

    most = None if args.max_cost is None else money_of(args.max_cost, "--max-cost")
    job, stated = _stated(args) if Path(args.job).is_file() else (args.job, None)

    async def replayed(client: AsyncClient) -> Compared:
        first = await client.find(job)
        if stated is not None and (found := (await first.result(0)).digest) != stated:
            raise InvalidInput(f"the receipt states the result {stated}, and job {first.id} has {found}")
        return await client.replay(
            first.id,
            backend=args.backend,
            max_cost=most,
            key=args.key,
            timeout=args.timeout,
            alpha=args.alpha,
            floor=args.floor,
        )

    return _said(ask(args, out, "waiting for its result", replayed), out)


def compare(args: Namespace, out: Output) -> Exit:
    """Compare two jobs: 0 if nothing speaks against equal work, else 1."""

    async def found(client: AsyncClient) -> Compared:
        one, other = (await client.find(args.one)).id, (await client.find(args.other)).id
        return await client.compare(one, other, alpha=args.alpha, floor=args.floor)

    return _said(ask(args, out, "reading both results", found), out)


def _stated(args: Namespace) -> tuple[str, str]:
    """Job and result digest of a receipt, verified.

    Raises:
        Stop: it does not verify, or states no result.
    """
    from queuebit_proof import ReceiptInvalid, TrustInvalid, TrustRoot, verify

    trust = read_trust(Path(args.trust) if args.trust else Home(args.home).trust_file)
    try:
        verified = verify(read_receipt(Path(args.job)), TrustRoot.parse(trust))
    except (ReceiptInvalid, TrustInvalid) as error:
        raise Stop(Exit.JOB_FAILED, f"{args.job} is not verified, so nothing was run: {error}") from error
    predicate = verified.statement["predicate"]
    result = predicate.get("result_digest") if isinstance(predicate, dict) else None
    if not isinstance(result, str):
        raise Stop(Exit.USAGE, f"{args.job} is of a job without a result: nothing can be compared with it")
    return verified.receipt.job, result


def _said(found: Compared, out: Output) -> Exit:
    out.document(compared_document(found))
    if not out.as_json:
        for line in compared_lines(found, out):
            out.say(line)
    return Exit.DONE if found.finding.same else Exit.JOB_FAILED
