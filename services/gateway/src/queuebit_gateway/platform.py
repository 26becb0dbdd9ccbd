"""What the gateway reads and asks: histories of jobs in the log, and answers of services."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from queuebit.errors import Reason, Refused
from queuebit.log_client import Entry
from queuebit.payloads import Payloads
from queuebit.records import Row, Status, Table
from queuebit.status import status_of
from queuebit.transport import Transport
from queuebit.waiting import waiting_reasons
from queuebit_contracts import subjects
from queuebit_contracts.hybrid import HybridSubmitted
from queuebit_contracts.job import JobAccepted, JobCompleted, JobSubmitted
from queuebit_contracts.wire import Payload
from queuebit_gateway.dead_letters import DeadLetter
from queuebit_gateway.problems import Problem
from queuebit_kernel import InvalidId, Malformed
from queuebit_runtime.log import EventLog
from queuebit_runtime.stored import Message, Stored, event_in

__all__ = ["Answered", "DeadLettersOf", "History", "NewestOf", "Platform", "unknown_job"]

NewestOf = Callable[[Sequence[str]], Awaitable[list[Message]]]
DeadLettersOf = Callable[[], Awaitable[list[DeadLetter]]]

_ASK_S = 15.0
_GROUP = 50
"""Histories that are read at once: together they have fewer subjects than the server answers with."""


@dataclass(frozen=True, slots=True)
class History:
    """A job's events, oldest first, and what they make of it."""

    submitted: JobSubmitted
    entries: tuple[Entry, ...]

    @property
    def status(self) -> Status:
        return status_of(self.submitted.data, self.entries)

    @property
    def submitted_sequence(self) -> int:
        """Of the submission."""
        return self.entries[0].sequence

    @property
    def accepted(self) -> JobAccepted | None:
        return next((it.event for it in self.entries if isinstance(it.event, JobAccepted)), None)

    @property
    def completed(self) -> JobCompleted | None:
        return next((it.event for it in self.entries if isinstance(it.event, JobCompleted)), None)

    def has(self, names: Collection[str]) -> bool:
        """Whether any of the events has one of these names."""
        return any(subjects.event_name(it.event.type) in names for it in self.entries)

    @property
    def sequence(self) -> int:
        """Of the newest event."""
        return self.entries[-1].sequence


@dataclass(frozen=True, slots=True)
class Answered:
    """The rows of an answer, and the sequence of the log that they include, if the service says it."""

    rows: list[Row]
    as_of: int | None = None
    advice: Row | None = None
    """Of a plan, if limits exclude every backend: a reason."""


class Platform:
    """Reads only. Every method takes the tenant whose data it reads."""

    def __init__(self, log: EventLog, transport: Transport, newest: NewestOf, dead: DeadLettersOf) -> None:
        """Prepare.

        Args:
            log: where histories are.
            transport: asks the services.
            newest: reads the newest message of each subject under some patterns.
            dead: reads the newest dead letters of all tenants.
        """
        self._log = log
        self._newest = newest
        self._dead = dead
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

    async def hybrid(self, tenant: str, hybrid: str) -> tuple[Entry, ...]:
        """The events of a hybrid job, oldest first; raises as `history`."""
        try:
            found = await self._log.history(subjects.hybrid(tenant, hybrid))
        except InvalidId as error:
            raise _unknown_hybrid(hybrid) from error
        if not any(isinstance(it.event, HybridSubmitted) for it in found):
            raise _unknown_hybrid(hybrid)
        return tuple(Entry(it.event, it.sequence) for it in found)

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
        return Answered([*answer["rows"]], answer.get("sequence"), answer.get("advice"))

    async def is_settled(self, tenant: str, history: History) -> bool:
        """Whether what was held for a job is settled; nothing is held for a job that was refused."""
        asked = history.submitted.data
        settled = subjects.account(tenant, asked.project).event("settled", asked.job)
        return history.accepted is None or await self._log.last(settled) is not None

    async def newest(self, subject: str) -> Stored | None:
        """The newest event on a subject of the platform, such as a calibration."""
        return await self._log.last(subject)

    async def dead_letters(self, tenant: str) -> list[DeadLetter]:
        """The tenant's messages that no service could handle, newest first."""
        return [it for it in await self._dead() if it.tenant == tenant]

    async def content(self, tenant: str, payload: Payload) -> bytes:
        """The content of a payload."""
        return await Payloads(self.transport, tenant).get(payload)

    async def states(self, tenant: str, jobs: Sequence[str]) -> dict[str, Status]:
        """The statuses of many jobs; those that the tenant does not have are left out."""
        groups = [jobs[at : at + _GROUP] for at in range(0, len(jobs), _GROUP)]
        read = await asyncio.gather(
            *(self._newest([subjects.job(tenant, it).everything for it in group]) for group in groups)
        )
        entries = defaultdict[str, list[Entry]](list)
        for message in sorted((it for found in read for it in found), key=lambda it: it.sequence):
            with suppress(Malformed):  # a message that no reader understands changes no status
                entries[subjects.parse(message.subject).id].append(Entry(event_in(message).event, message.sequence))
        return {
            job: status_of(it.event.data, own)
            for job, own in entries.items()
            for it in own
            if isinstance(it.event, JobSubmitted)
        }

    async def waiting(self, tenant: str, states: Iterable[str], job: str | None = None) -> dict[str, str]:
        """Why jobs in these states wait, by job; jobs of a service that does not answer in a second are left out."""

        async def ask(question: str, **asked: object) -> Table:
            return Table((await self.ask(tenant, question, **asked)).rows)

        return await waiting_reasons(ask, states, job)


def unknown_job(job: str) -> Problem:
    """The answer about a job that the tenant does not have."""
    return Problem(404, "unknown_job", f"there is no job {job[:80]!r} here", "`GET /v1/jobs` lists the jobs")


def _unknown_hybrid(hybrid: str) -> Problem:
    text = f"there is no hybrid job {hybrid[:80]!r} here"
    return Problem(404, "unknown_job", text, "`GET /v1/hybrid-jobs` lists the newest")
