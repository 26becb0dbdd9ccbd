"""Sends submissions: the same key is the same job, whatever becomes of the connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from queuebit.credentials import Credential
from queuebit.job import AsyncJob
from queuebit.keys import KeySpace
from queuebit.log_client import Entry, LogClient
from queuebit.payloads import Payloads
from queuebit.permissions import permitted
from queuebit.records import ENDS
from queuebit.submission import content_digest, same_submission, work_digest
from queuebit.watch import Watch
from queuebit_contracts import subjects
from queuebit_contracts.job import JobSubmitted, Submission
from queuebit_kernel import Stale

__all__ = ["Sender"]


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the submissions of one user."""

    credential: Credential
    log_client: LogClient
    watch: Watch
    payloads: Payloads

    async def send(
        self, event: JobSubmitted, content: bytes, same: Callable[[Submission], str] = content_digest
    ) -> tuple[AsyncJob, bool]:
        """Submit, and return the job and whether it is new; raises as `AsyncClient.submit`.

        Args:
            event: the signed submission.
            content: of its payload.
            same: a digest that an earlier submission with the same key must share.
        """
        payload, tenant = event.data.circuit, self.credential.tenant
        history = subjects.job(tenant, event.data.job)
        job = AsyncJob(event.data.job, self.credential, self.log_client, self.watch, self.payloads)
        known, new = Entry(event, 0), True
        await self.watch.start(ENDS)
        try:
            with permitted(self.credential, "submit jobs"):
                await self.payloads.keep(payload, content)
                new = await self.log_client.append(event, guard=history.everything)
        except Stale:
            new, known = False, await same_submission(self.log_client, event, same)
        job.was_submitted(known, new=new)
        return job, new

    async def send_keyed(self, build: Callable[..., JobSubmitted], content: bytes, keys: KeySpace) -> AsyncJob:
        """Submit under the next key of `keys`; skip jobs of an earlier time that ended without a result.

        Args:
            build: builds the submission with a `key`.
            content: of its payload.
            keys: where the key comes from.
        """
        work = work_digest(build(key=None).data)
        while True:
            job, new = await self.send(build(key=keys.key(work)), content, work_digest)
            if new or (status := await job.status()).state == "completed" or not status.ended:
                return job
