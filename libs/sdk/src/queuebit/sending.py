"""Sends submissions: the same key is the same job, whatever becomes of the connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from queuebit.amounts import Amount
from queuebit.credentials import Credential
from queuebit.errors import Refused
from queuebit.job import AsyncJob
from queuebit.keys import KeySpace, active_keys
from queuebit.log_client import Entry, LogClient
from queuebit.payloads import Payloads
from queuebit.permissions import permitted
from queuebit.programs import content_of
from queuebit.records import ENDS
from queuebit.submission import (
    content_digest,
    label_of,
    outside_events,
    repeated,
    same_submission,
    submission,
    with_tag,
    work_digest,
)
from queuebit.watch import Watch
from queuebit.writing import INSIDE_EVENT
from queuebit_contracts import subjects
from queuebit_contracts.job import JobSubmitted, Submission
from queuebit_kernel import Stale
from queuebit_runtime.payloads import describe

__all__ = ["Sender"]


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the submissions of one user."""

    credential: Credential
    log_client: LogClient
    watch: Watch
    payloads: Payloads

    async def submit(
        self, circuit: object, program: tuple[Any, ...], key: str | None, label: str | None, **options: Any
    ) -> AsyncJob:
        """As `AsyncClient.submit`.

        Args:
            circuit: as given.
            program: its parameters, observables, outputs and processing, as of `content_of`.
            key: as given; without one, it comes from the key space that the caller is in, or is random.
            label: as given.
            options: other arguments of `submission`.
        """
        with permitted(self.credential, "submit jobs"):
            content, media_type = await content_of(self.payloads, circuit, *program)
        label = label_of(circuit) if label is None else label
        build = partial(submission, self.credential, describe(content, media_type), label=label)
        if key is None and (keys := active_keys()) is not None:
            tags = with_tag(options.pop("tags", ()), keys.tag)
            return await self._send_keyed(partial(build, tags=tags, **options), content, keys)
        return (await self._send(build(key=key, **options), content))[0]

    async def rerun(self, asked: Submission, max_cost: Amount | None) -> AsyncJob:
        """As `AsyncJob.rerun`; the payload of the first job is there already."""
        return await self.again(repeated(self.credential, asked, max_cost))

    async def again(self, event: JobSubmitted) -> AsyncJob:
        """Submit work whose payload an earlier job stored."""
        return (await self._send(event, None))[0]

    async def _send(
        self, event: JobSubmitted, content: bytes | None, same: Callable[[Submission], str] = content_digest
    ) -> tuple[AsyncJob, bool]:
        """As `_sent`; the circuit is stored outside of the event if the platform asks for it."""
        try:
            return await self._sent(event, content, same)
        except Refused as refused:
            text = event.data.circuit.inline
            if text is None or refused.reasons[0].code != INSIDE_EVENT:
                raise
        return await self._sent(outside_events(self.credential, event.data), text.encode(), same)

    async def _sent(
        self, event: JobSubmitted, content: bytes | None, same: Callable[[Submission], str]
    ) -> tuple[AsyncJob, bool]:
        """Submit, and return the job and whether it is new; an earlier one must have the same digest by `same`."""
        payload, tenant = event.data.circuit, self.credential.tenant
        history = subjects.job(tenant, event.data.job)
        job = AsyncJob(event.data.job, self.credential, self.log_client, self.watch, self.payloads)
        known, new = Entry(event, 0), True
        await self.watch.start(ENDS)
        try:
            with permitted(self.credential, "submit jobs"):
                if content is not None:
                    await self.payloads.keep(payload, content)
                new = await self.log_client.append(event, guard=history.everything)
        except Stale:
            new, known = False, await same_submission(self.log_client, event, same)
        job.was_submitted(known, new=new)
        return job, new

    async def _send_keyed(self, build: Callable[..., JobSubmitted], content: bytes, keys: KeySpace) -> AsyncJob:
        """Submit under the next key of `keys`; skip jobs of an earlier time that ended without a result."""
        work = work_digest(build(key=None).data)
        while True:
            job, new = await self._send(build(key=keys.key(work)), content, work_digest)
            if new or (status := await job.status()).state == "completed" or not status.ended:
                return job
