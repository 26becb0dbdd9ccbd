"""Reads and writes the log with a tenant's permissions: one subject at a time, appends with a guard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count

from queuebit.errors import NotFound, Unreachable
from queuebit.receipts import document_of
from queuebit.transport import Message, Transport
from queuebit.wait_budget import WaitBudget
from queuebit.writing import write
from queuebit_contracts import subjects
from queuebit_contracts.catalog import CATALOG, NUMBERED, AnyEvent, Decoded, decode
from queuebit_contracts.job import (
    JobAccepted,
    JobCorrected,
    JobSealed,
    JobSealedV1,
    JobUsageReported,
    Seal,
    SealV1,
)
from queuebit_contracts.topology import LOG
from queuebit_kernel import Malformed, Stale
from queuebit_runtime.server_errors import WRONG_LAST_SEQUENCE

__all__ = ["Entry", "LogClient", "entry_of"]

_FIRST = ("submitted", "accepted", "rejected")
_LATER = tuple(
    dict.fromkeys(
        it.name
        for it in CATALOG.values()
        if it.noun == "job" and it.subject.endswith(it.name) and it.name not in _FIRST
    )
)
"""Events that only an accepted job can have; those with a qualifier in their subject are not among them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and its place in the log."""

    event: Decoded
    sequence: int

    @property
    def revision(self) -> int:
        """The number of an event that may follow the end of a job several times; 0 for all others."""
        match self.event:
            case JobUsageReported(data=data) | JobCorrected(data=data) | JobSealed(data=data) | JobSealedV1(data=data):
                return data.revision or 0
            case _:
                return 0


def entry_of(message: Message) -> Entry:
    """The event in a message that the log published once it had stored it.

    Raises:
        Malformed: the log would not publish such a message.
    """
    try:
        return Entry(decode(message.body, subjects.origin(message.subject)), int(message.headers["Nats-Sequence"]))
    except (KeyError, ValueError) as error:
        raise Malformed(f"{message.subject} was not published by the log: {error!r}") from error


class LogClient:
    """The log as one tenant sees it."""

    def __init__(self, transport: Transport, tenant: str) -> None:
        self._transport = transport
        self.tenant = tenant

    async def append(self, event: AnyEvent, *, guard: str | None = None) -> bool:
        """Append an event; with `guard`, only if no event matches it yet. Retries until the log confirms.

        Returns True for a new event, False if the log already holds this event.

        Raises:
            Stale: an event already matches the guard.
            Refused: the event breaks its contract.
            Unreachable: the log did not confirm.
        """
        headers = {"Nats-Expected-Stream": LOG}
        if guard is None:
            headers["Nats-Msg-Id"] = event.id
        else:
            headers["Nats-Expected-Last-Subject-Sequence"] = "0"
            headers["Nats-Expected-Last-Subject-Sequence-Subject"] = guard
        subject, body = subjects.subject_of(event), event.to_bytes()
        answer = await write(self._transport, subject, body, headers)
        error = answer.get("error")
        if error is None:
            return not answer.get("duplicate")
        if error.get("err_code") == WRONG_LAST_SEQUENCE:
            raise Stale(f"{subject}: {error.get('description')}")
        raise Unreachable(f"the log did not store the event: {error.get('description')}; see `qb doctor`")

    async def last(self, subject: str) -> Entry | None:
        """The newest event on a subject."""
        reply = await self._transport.request(f"$JS.API.DIRECT.GET.{LOG}.{subject}")
        status = reply.headers.get("Status")
        if status == "404":
            return None
        if status is not None:
            raise Unreachable(f"the log could not be read ({status}): see `qb doctor`")
        try:
            return Entry(decode(reply.body, subject), int(reply.headers["Nats-Sequence"]))
        except Malformed as error:
            raise NotFound(f"the message on {subject} is not a Queuebit event: another writer replaced it") from error

    async def history(self, job: str) -> list[Entry]:
        """All events of a job, oldest first."""
        aggregate = subjects.job(self.tenant, job)
        found = await self._read([aggregate.event(name) for name in _FIRST])
        later = [aggregate.event(name) for name in _LATER] + _numbered(aggregate, 1)
        for entry in found:
            if isinstance(entry.event, JobAccepted):
                later += [aggregate.event("placed", it.backend) for it in entry.event.data.everywhere]
        if found:
            found += await self._read(later)
        number = 1
        while any(entry.revision == number for entry in found):
            number += 1
            found += await self._read(_numbered(aggregate, number))
        return sorted(found, key=lambda entry: entry.sequence)

    async def newest(self, job: str, event: str, *, qualified: bool) -> Entry | None:
        """The newest event of a job by its name; `qualified` if subjects of such events go on after the name."""
        if not qualified:
            return await self.last(subjects.job(self.tenant, job).event(event))
        past = await self.history(job)
        return next((it for it in reversed(past) if subjects.event_name(it.event.type) == event), None)

    async def newest_seal(self, first: Seal | SealV1) -> Seal | SealV1:
        """The newest seal of a job, from its first one: that of the last correction of its bill, if there is any."""
        aggregate, newest = subjects.job(self.tenant, first.job), first
        for number in count(1):
            entry = await self.last(aggregate.event("sealed", str(number)))
            if entry is None or not isinstance(entry.event, JobSealed | JobSealedV1):
                break
            newest = entry.event.data
        return newest

    async def receipt(self, seal: Seal | SealV1, budget: WaitBudget) -> bytes:
        """The receipt of a sealed job; raises like `document_of`."""
        return await document_of(seal, self._transport, budget)

    async def _read(self, wanted: list[str]) -> list[Entry]:
        return [entry for entry in await asyncio.gather(*map(self.last, wanted)) if entry is not None]


def _numbered(aggregate: subjects.Aggregate, number: int) -> list[str]:
    return [aggregate.event(name, str(number)) for name in NUMBERED]
