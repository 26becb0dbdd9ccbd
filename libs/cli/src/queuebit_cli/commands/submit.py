"""`qb submit`: one job for each file, concurrently."""

from __future__ import annotations

import asyncio
import logging
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from queuebit.errors import Conflict, StillRunning, Unreachable
from queuebit.records import ENDS
from queuebit_cli.circuits import BATCH, STANDARD_INPUT, program_of
from queuebit_cli.connecting import client_of
from queuebit_cli.output import Output
from queuebit_cli.progress import Progress
from queuebit_cli.render_jobs import (
    charge_document,
    counts_document,
    describe,
    exit_of,
    reasons_document,
    result_lines,
)
from queuebit_cli.tables import wrapped
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.job import AsyncJob
    from queuebit.records import Receipt, Result
    from queuebit_kernel import Money

__all__ = ["submit"]

_AT_ONCE = 64
_LOOK_S = 1.0
_NAMED = 10
_PROOF_S = 10.0
"""How long to wait for charge and receipt after the end of a job."""

_Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One job to submit."""

    file: str
    circuit: object
    key: str | None
    label: str | None


def submit(args: Namespace, out: Output) -> Exit:
    """Submit a job for each file; with `--wait`, print how each ended."""
    from queuebit.amounts import money_of

    limit = None if args.max_cost is None else money_of(args.max_cost, "--max-cost")
    keys = _keys(args.files, args.key)
    wanted = [
        _Wanted(file, program_of(file, args), key, args.label or (Path(file).name if file.endswith(BATCH) else None))
        for file, key in zip(args.files, keys, strict=True)
    ]
    submitting = _Submitting(args, out, limit)
    try:
        return asyncio.run(submitting.all(wanted))
    except KeyboardInterrupt:
        raise Stop(Exit.INTERRUPTED, submitting.gone_on()) from None


class _Submitting:
    def __init__(self, args: Namespace, out: Output, max_cost: Money | None) -> None:
        self._args = args
        self._out = out
        self._max_cost = max_cost
        self._home = Home(args.home)
        self._asked: list[str] = []
        self._said: list[str] = []
        """Lines for people, printed at the end, because a progress line is redrawn meanwhile."""
        self._waiting: dict[str, str] = {}
        """By job: why it waits, as far as known."""
        self._away = ""
        """Why the stack does not answer, if it does not."""

    def gone_on(self) -> str:
        """The text after an interrupted wait."""
        if not self._asked:
            return "interrupted before any job was confirmed: `qb jobs` lists jobs"
        follow = "".join(f"\n  qb job watch {job}" for job in self._asked[:_NAMED])
        more = f"\n  and {len(self._asked) - _NAMED} more: `qb jobs` lists them" if len(self._asked) > _NAMED else ""
        return f"interrupted; submitted jobs continue:{follow}{more}"

    async def all(self, wanted: list[_Wanted]) -> Exit:
        turn = asyncio.Semaphore(_AT_ONCE)
        documents: list[_Document] = []
        async with client_of(self._args) as client:

            async def one(it: _Wanted) -> _Document:
                async with turn:
                    return await self._one(client, it)

            work = [asyncio.ensure_future(one(it)) for it in wanted]
            with Progress(self._out.as_json, "submitting") as progress, _noting(progress, self._why):
                while (await asyncio.wait(work, timeout=_LOOK_S))[1]:
                    if self._args.wait:
                        self._waiting = await client.waiting()
                    why = next((f"; {self._waiting[job]}" for job in self._asked if job in self._waiting), "")
                    progress.update(f"{sum(it.done() for it in work)} of {len(work)} jobs done{why}")
            documents = await asyncio.gather(*work)
        for line in self._said:
            self._out.say(line)
        if self._away and not self._asked:
            raise Stop(Exit.UNREACHABLE, self._away)
        for document in documents:
            self._out.document(document)
        if len(documents) > 1:
            columns = ("file", "job", "state", "backend", "shots", "charge", "receipt", "reason")
            for line in self._out.lines([_summary(it) for it in documents], columns, fit=True):
                self._out.say(line)
        if self._away:
            raise Stop(Exit.UNREACHABLE, self._away)
        code = exit_of(str(document["state"]) for document in documents)
        ended = all(document["state"] in ENDS for document in documents)
        return Exit.JOB_FAILED if code is Exit.DONE and self._args.wait and not ended else code

    async def _one(self, client: AsyncClient, wanted: _Wanted) -> _Document:
        args, single, file = self._args, len(self._args.files) == 1, wanted.file
        try:
            job = await client.submit(
                wanted.circuit,
                shots=args.shots,
                backend=args.backend,
                project=args.project,
                purpose=args.purpose,
                key=wanted.key,
                max_cost=self._max_cost,
                seed=args.seed,
                tags=args.tag,
                label=wanted.label,
            )
        except Conflict as error:
            reasons = [{"code": "conflict", "text": str(error)}]
            if single:
                self._said.append(str(error))
            return self._document(file, None, "refused", reasons=reasons)
        except Unreachable as error:
            return self._lost(file, None, "unconfirmed", error)
        self._asked.append(job.id)
        if not args.wait:
            if single:
                self._said.append(f"{job.id} submitted; next: qb job watch {job.id}")
            return self._document(file, job.id, "submitted")
        try:
            return await self._ended(client, job, file, single)
        except Unreachable as error:
            return self._lost(file, job.id, "submitted", error)

    def _lost(self, file: str, job: str | None, state: str, error: Unreachable) -> _Document:
        self._away = str(error)
        return self._document(file, job, state, reasons=[{"code": "unreachable", "text": str(error)}])

    def _why(self, job: str) -> str:
        return self._waiting.get(job, "")

    async def _ended(self, client: AsyncClient, job: AsyncJob, file: str, single: bool) -> _Document:
        """The document of a job after the wait; one read of the log decides whether it includes a result."""
        receipt: Receipt | None = None
        late = await self._late(client, job)
        with suppress(StillRunning):  # charge and receipt may be missing yet
            receipt = await job.receipt(0 if late else _PROOF_S)
        status = await job.status()
        if status.ended:  # also if it ended during the last requests
            late = ""
        result = await job.result() if status.state == "completed" else None
        if single:
            self._said += describe(status, self._out)
            if late:
                self._said += [*wrapped(late, self._out.room, "  "), f"  qb job watch {job.id}"]
            if result is not None:
                self._said += ["", *result_lines(result, self._out)]
        return self._document(
            file,
            job.id,
            status.state,
            backend=status.backend,
            **counts_document(result),
            charge=charge_document(status.charge),
            receipt=self._receipt(receipt, result),
            reasons=[{"code": "still_running", "text": late}] if late else reasons_document(status),
        )

    async def _late(self, client: AsyncClient, job: AsyncJob) -> str:
        """Wait for the end; return why it did not come in time, or an empty text."""
        try:
            await job.until(ENDS, self._args.timeout)
        except StillRunning as error:
            why = (await client.waiting(job=job.id)).get(job.id)
            return f"{error} ({why})" if why else str(error)
        return ""

    def _receipt(self, receipt: Receipt | None, result: Result | None) -> _Document | None:
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

    def _document(self, file: str, job: str | None, state: str, **more: object) -> _Document:
        empty: _Document = {
            "backend": self._args.backend,
            "counts": None,
            "charge": None,
            "receipt": None,
            "reasons": [],
        }
        fields = {"file": file, "job": job, "state": state, "shots": self._args.shots}
        return {**fields, **empty, **more}


@contextmanager
def _noting(progress: Progress, why: Callable[[str], str]) -> Iterator[None]:
    """Show the client's warnings about long waits, and why a job waits."""
    handler = _Noting(progress, why)
    logger = logging.getLogger("queuebit")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Noting(logging.Handler):
    def __init__(self, progress: Progress, why: Callable[[str], str]) -> None:
        super().__init__(logging.WARNING)
        self._progress = progress
        self._why = why

    def emit(self, record: logging.LogRecord) -> None:
        about = record.args[0] if isinstance(record.args, tuple) and record.args else ""
        why = self._why(str(about))
        self._progress.note(f"{record.getMessage()} ({why})" if why else record.getMessage())


def _summary(document: _Document) -> _Document:
    """A row of the table: files without folders."""
    receipt, reasons = document["receipt"], document["reasons"]
    verified = isinstance(receipt, dict) and {True: "verified", False: "wrong", None: "sealed"}[receipt["verified"]]
    named = f"job {document['job']} "  # the line names the job already
    texts = [it["text"].removeprefix(named) for it in reasons] if isinstance(reasons, list) else []
    return {**document, "file": Path(str(document["file"])).name, "receipt": verified or "", "reason": "; ".join(texts)}


def _keys(files: list[str], key: str | None) -> list[str | None]:
    """The key of each file: the given one, extended by the name of the file if there are several."""
    if files.count(STANDARD_INPUT) > 1:
        raise Stop(Exit.USAGE, "standard input can be read once: give `-` once")
    if key is None or len(files) == 1:
        return [key] * len(files)
    keys: list[str | None] = [f"{key}/{Path(file).name}" for file in files]
    if len(set(keys)) < len(keys):
        raise Stop(Exit.USAGE, "--key with several files needs files of different names")
    return keys
