"""Submits several jobs at once, and follows each to its end, its charge and its receipt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queuebit.errors import Conflict, Reason, Refused, StillRunning, Unreachable
from queuebit.records import ENDS

if TYPE_CHECKING:
    from queuebit.client import AsyncClient
    from queuebit.job import AsyncJob
    from queuebit.records import Receipt, Result, Status

__all__ = ["BulkSubmission", "Outcome", "Wanted"]

_AT_ONCE = 64
_LOOK_S = 1.0
_PROOF_S = 10.0
"""How long to wait for charge and receipt after the end of a job."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One job to submit."""

    circuit: object
    options: Mapping[str, Any]
    """Keyword arguments of `Client.submit`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far one job came; without a wait, that it was submitted."""

    state: str
    """The job's state; or `refused`: its key names other content; or `unconfirmed`: the stack did not answer."""
    job: str | None = None
    reasons: tuple[Reason, ...] = ()
    """Of a rejection or failure; or why it is not known how the job ended."""
    status: Status | None = None
    result: Result | None = None
    receipt: Receipt | None = None
    verified: bool | None = None
    """Whether the receipt holds; None without a receipt or a trust document."""
    late: str = ""
    """Why the job did not end in time."""
    away: str = ""
    """Why the stack did not answer."""


@dataclass(slots=True)
class BulkSubmission:
    """Several jobs of one client."""

    client: AsyncClient
    wait: bool = False
    """Whether to follow each job to its end."""
    timeout: float | None = None
    """Seconds to wait for the end of a job, which continues after that."""
    trust: Path | None = None
    """The trust document that receipts are verified with, if it is there."""
    confirmed: list[str] = field(default_factory=list)
    """Ids of the jobs that the log has, in order; they continue if the wait is interrupted."""
    waiting: dict[str, str] = field(default_factory=dict)
    """By job: why it waits, as far as known."""

    async def run(
        self,
        wanted: Iterable[Wanted],
        report: Callable[[int], None] = lambda _: None,
        note: Callable[[str], None] | None = None,
    ) -> list[Outcome]:
        """Submit all, 64 at a time, and return an outcome for each, in their order.

        Args:
            wanted: the jobs.
            report: called every second with the number of jobs that are done.
            note: called with the client's warnings about long waits, and with what a job waits for.

        Raises:
            QueuebitError: a job cannot be sent, or the user may not submit.
        """
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(it: Wanted) -> Outcome:
            async with turn:
                return await self._one(it)

        work = [asyncio.ensure_future(one(it)) for it in wanted]
        with _noting(note, self.waiting):
            while work and (await asyncio.wait(work, timeout=_LOOK_S))[1]:
                if self.wait:
                    now = await self.client.waiting()
                    self.waiting.clear()
                    self.waiting.update(now)
                report(sum(it.done() for it in work))
        return await asyncio.gather(*work)

    async def _one(self, wanted: Wanted) -> Outcome:
        try:
            job = await self.client.submit(wanted.circuit, **wanted.options)
        except Conflict as error:
            return Outcome("refused", reasons=(Reason("conflict", str(error)),))
        except Unreachable as error:
            return _lost("unconfirmed", None, error)
        self.confirmed.append(job.id)
        if not self.wait:
            return Outcome("submitted", job.id)
        try:
            return await self._ended(job)
        except Unreachable as error:
            return _lost("submitted", job.id, error)

    async def _ended(self, job: AsyncJob) -> Outcome:
        """The outcome of a job after the wait; one read of the log decides whether it includes a result."""
        receipt: Receipt | None = None
        late = await self._late(job)
        with suppress(StillRunning, Refused, Unreachable):  # charge and receipt may be missing yet
            receipt = await job.receipt(0 if late else _PROOF_S)
        status = await job.status()
        if status.ended:  # also if it ended during the last requests
            late = ""
        reasons = (Reason("still_running", late),) if late else status.reasons
        result = await job.result() if status.state == "completed" else None
        verified = None if receipt is None else self._verified(receipt, result)
        return Outcome(status.state, job.id, reasons, status, result, receipt, verified, late)

    async def _late(self, job: AsyncJob) -> str:
        """Wait for the end; return why it did not come in time, or an empty text."""
        try:
            await job.until(ENDS, self.timeout)
        except StillRunning as error:
            why = (await self.client.waiting(job=job.id)).get(job.id)
            return f"{error} ({why})" if why else str(error)
        return ""

    def _verified(self, receipt: Receipt, result: Result | None) -> bool | None:
        if self.trust is None or not self.trust.exists():
            return None
        from queuebit_proof import ReceiptInvalid  # cryptography is only needed here

        try:
            receipt.verify(self.trust, result=result)
        except ReceiptInvalid:
            return False
        return True


def _lost(state: str, job: str | None, error: Unreachable) -> Outcome:
    return Outcome(state, job, (Reason("unreachable", str(error)),), away=str(error))


@contextmanager
def _noting(note: Callable[[str], None] | None, waiting: Mapping[str, str]) -> Iterator[None]:
    """Pass on the warnings of the logger `queuebit`."""
    logger, handler = logging.getLogger("queuebit"), _Noting(note or (lambda _: None), waiting)
    if note is not None:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Noting(logging.Handler):
    def __init__(self, note: Callable[[str], None], waiting: Mapping[str, str]) -> None:
        super().__init__(logging.WARNING)
        self._note = note
        self._waiting = waiting

    def emit(self, record: logging.LogRecord) -> None:
        job = record.args[0] if isinstance(record.args, tuple) and record.args else ""
        why = self._waiting.get(str(job), "")
        self._note(f"{record.getMessage()} ({why})" if why else record.getMessage())
