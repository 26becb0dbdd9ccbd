"""What the gateway reads and asks: histories of jobs in the log, and answers of services."""

from __future__ import annotations

import json
from dataclasses import dataclass

from queuebit.errors import Reason, Refused
from queuebit.log_client import Entry
from queuebit.records import Row, Status, Table
from queuebit.status import status_of
from queuebit.transport import Transport
from queuebit.waiting import waiting_reasons
from queuebit_contracts import subjects
from queuebit_contracts.job import JobSubmitted
from queuebit_gateway.problems import Problem
from queuebit_kernel import InvalidId
from queuebit_runtime.log import EventLog

__all__ = ["Answered", "History", "Platform"]

_ASK_S = 15.0


@dataclass(frozen=True, slots=True)
class History:
    """A job's events, oldest first, and what they make of it."""

    submitted: JobSubmitted
    entries: tuple[Entry, ...]

    @property
    def status(self) -> Status:
        return status_of(self.submitted.data, self.entries)

    @property
    def sequence(self) -> int:
        """Of the newest event."""
        return self.entries[-1].sequence


@dataclass(frozen=True, slots=True)
class Answered:
    """The rows of an answer, and the sequence of the log that they include, if the service says it."""

    rows: list[Row]
    as_of: int | None = None


class Platform:
    """Reads only. Every method takes the tenant whose data it reads."""

    def __init__(self, log: EventLog, transport: Transport) -> None:
        self._log = log
        self.transport = transport

    async def history(self, tenant: str, job: str) -> History:
        """The history of a job.

        Raises:
            Problem: the tenant has no such job; whether another has it is not said.
        """
        try:
            aggregate = subjects.job(tenant, job)
        except InvalidId as error:
            raise unknown_job(job) from error
        found = await self._log.history(aggregate)
        submitted = next((it.event for it in found if isinstance(it.event, JobSubmitted)), None)
        if submitted is None:
            raise unknown_job(job)
        return History(submitted, tuple(Entry(it.event, it.sequence) for it in found))

    async def ask(self, tenant: str, question: str, **asked: object) -> Answered:
        """Ask a service.

        Raises:
            Refused: it says why it has no answer.
            Unreachable: none answered.
        """
        body = json.dumps({name: value for name, value in asked.items() if value is not None}).encode()
        reply = await self.transport.request(subjects.query(question, tenant), body, timeout=_ASK_S)
        answer = json.loads(reply.body)
        if error := answer.get("error"):
            raise Refused([Reason(error["code"], error["text"])])
        return Answered([*answer["rows"]], answer.get("sequence"))

    async def waiting(self, tenant: str, status: Status) -> str | None:
        """Why a job waits; None if it does not, or if no service says it in a second."""

        async def ask(question: str, **asked: object) -> Table:
            return Table((await self.ask(tenant, question, **asked)).rows)

        return (await waiting_reasons(ask, [status.state], status.job)).get(status.job)


def unknown_job(job: str) -> Problem:
    """The answer about a job that the tenant does not have."""
    return Problem(404, "unknown_job", f"there is no job {job[:80]!r} here", "`GET /v1/jobs` lists the jobs")
