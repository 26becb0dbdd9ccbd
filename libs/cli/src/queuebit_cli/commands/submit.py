"""`qb submit`: one job a file, side by side."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.errors import Conflict, JobFailed, Refused, StillRunning
from queuebit.records import ENDS
from queuebit_cli.connecting import client_of
from queuebit_cli.errors import Exit, Stop
from queuebit_cli.home import Home
from queuebit_cli.output import Output, Progress
from queuebit_cli.telling import charge_document, count_rows, describe, exit_of, reasons_document
from queuebit_kernel import Money

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.job import AsyncJob
    from queuebit.records import Receipt, Result

__all__ = ["submit"]

_AT_ONCE = 64
_PROOF_S = 10.0
"""How long to wait, once a job ended, for its charge and its receipt."""

Document = dict[str, object]


def submit(args: Namespace, out: Output) -> Exit:
    """Ask for a job for each file, and with `--wait` tell how each ended."""
    from queuebit.submission import read_source

    paths = [Path(name) for name in args.files]
    for path in paths:
        read_source(path)  # all of them are fit to be sent, or none is sent
    keys = _keys(paths, args.key)
    max_cost = _money(args.max_cost)
    return asyncio.run(_Submitting(args, out, max_cost).all(list(zip(paths, keys, strict=True))))


class _Submitting:
    def __init__(self, args: Namespace, out: Output, max_cost: Money | None) -> None:
        self._args = args
        self._out = out
        self._max_cost = max_cost
        self._home = Home(args.home)

    async def all(self, wanted: list[tuple[Path, str | None]]) -> Exit:
        turn = asyncio.Semaphore(_AT_ONCE)
        told: list[Document] = []
        async with client_of(self._args) as client:

            async def one(path: Path, key: str | None) -> Document:
                async with turn:
                    return await self._one(client, path, key)

            work = [asyncio.ensure_future(one(path, key)) for path, key in wanted]
            with Progress(self._out.as_json) as progress:
                while not all(it.done() for it in work):
                    await asyncio.wait(work, timeout=0.2)
                    progress.tell(f"{sum(it.done() for it in work)} of {len(work)} jobs done")
            told = await asyncio.gather(*work)
        for document in told:
            self._out.document(document)
        if len(told) > 1:
            columns = ("file", "job", "state", "backend", "shots", "charge", "receipt", "reason")
            for line in self._out.lines([_summary(it) for it in told], columns):
                self._out.say(line)
        return exit_of(str(document["state"]) for document in told)

    async def _one(self, client: AsyncClient, path: Path, key: str | None) -> Document:
        args, single = self._args, len(self._args.files) == 1
        try:
            job = await client.submit(
                path,
                shots=args.shots,
                backend=args.backend,
                project=args.project,
                purpose=args.purpose,
                key=key,
                max_cost=self._max_cost,
                seed=args.seed,
            )
        except Conflict as error:
            reasons = [{"code": "conflict", "text": str(error)}]
            if single:
                self._out.say(str(error))
            return self._document(path, None, "refused", reasons=reasons)
        if not args.wait:
            if single:
                self._out.say(f"{job.id} submitted; follow it: qb job watch {job.id}")
            return self._document(path, job.id, "submitted")
        return await self._ended(job, path, single)

    async def _ended(self, job: AsyncJob, path: Path, single: bool) -> Document:
        result: Result | None = None
        receipt: Receipt | None = None
        ended = False
        with suppress(Refused, JobFailed, StillRunning):  # how it ended is read from its status
            await job.until(ENDS, self._args.timeout)
            ended = True
            result = await job.result()
        with suppress(StillRunning):  # charge and receipt come later; what is there is told
            receipt = await job.receipt(_PROOF_S if ended else 0)
        status = await job.status()
        if single:
            for line in describe(status, self._out):
                self._out.say(line)
            if result is not None:
                for line in ("", *self._out.lines(count_rows(result.counts))):
                    self._out.say(line)
        return self._document(
            path,
            job.id,
            status.state,
            backend=status.backend,
            counts=dict(result.counts) if result else None,
            charge=charge_document(status.charge),
            receipt=self._receipt(receipt, result),
            reasons=reasons_document(status),
        )

    def _receipt(self, receipt: Receipt | None, result: Result | None) -> Document | None:
        if receipt is None:
            return None
        verified: bool | None = None
        if self._home.trust_file.exists():
            from queuebit_proof import ReceiptInvalid

            try:
                receipt.verify(self._home.trust_file, result=result)
                verified = True
            except ReceiptInvalid:
                verified = False
        return {"leaf_index": receipt.leaf_index, "statement": receipt.statement, "verified": verified}

    def _document(self, path: Path, job: str | None, state: str, **more: object) -> Document:
        empty: Document = {
            "backend": self._args.backend,
            "counts": None,
            "charge": None,
            "receipt": None,
            "reasons": [],
        }
        fields = {"file": str(path), "job": job, "state": state, "shots": self._args.shots}
        return {**fields, **empty, **more}


def _summary(document: Document) -> Document:
    """A line of the table: files without their folders."""
    receipt, reasons = document["receipt"], document["reasons"]
    verified = isinstance(receipt, dict) and {True: "verified", False: "wrong", None: "sealed"}[receipt["verified"]]
    texts = [it["text"] for it in reasons if isinstance(it, dict)] if isinstance(reasons, list) else []
    return {**document, "file": Path(str(document["file"])).name, "receipt": verified or "", "reason": "; ".join(texts)}


def _keys(paths: list[Path], key: str | None) -> list[str | None]:
    """A key for each file: the one that was given, or with several files one of each file's own."""
    if key is None or len(paths) == 1:
        return [key] * len(paths)
    keys: list[str | None] = [f"{key}/{path.name}" for path in paths]
    if len(set(keys)) < len(keys):
        raise Stop(Exit.USAGE, "--key with several files needs files of different names")
    return keys


def _money(text: str | None) -> Money | None:
    if text is None:
        return None
    amount, _, currency = text.partition(" ")
    try:
        money = Money(Decimal(amount), currency or "USD")
        if money.amount < 0 or len(money.text()) > 36:
            raise ValueError
    except (InvalidOperation, ValueError) as error:
        raise Stop(Exit.USAGE, f"--max-cost {text!r} is not an amount: write it like 1.50, or '1.50 EUR'") from error
    return money
