"""Cancels a job at its owner's request."""

from __future__ import annotations

from queuebit_broker import events
from queuebit_broker.errors import Forbidden
from queuebit_broker.following import follow_author
from queuebit_broker.ports import EventLog, Follower, Stored
from queuebit_broker.requests import address, signature_holds, signed_bytes
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.command import CancelJob
from queuebit_contracts.delegations import Authority
from queuebit_contracts.job import TERMINAL, JobAccepted, JobSubmitted
from queuebit_contracts.roles import need_text
from queuebit_contracts.wire import Reason
from queuebit_kernel import Stale, Superseded, Unavailable
from queuebit_runtime.keys import ALGORITHMS, ED25519

__all__ = ["CancelJobs", "authority_for"]

_ATTEMPTS = 8


def _as_of(submitted: JobSubmitted, stored: Stored) -> JobSubmitted:
    """The submission, and the time at which the log stored it."""
    return submitted.model_copy(update={"time": stored.stored_at})


class CancelJobs:
    """Ends a job that has not ended: members may end their own jobs, admins all jobs of their tenant."""

    def __init__(self, log: EventLog, follower: Follower, world: World) -> None:
        self._log = log
        self._follower = follower
        self._world = world

    async def __call__(self, event: CancelJob, *, body: bytes, subject: str) -> None:
        """Append `cancelled`, unless another end came first.

        Raises:
            Forbidden: the request is not proven, or its author may not cancel this job.
            Superseded: there is no such job, or it has ended.
        """
        tenant, job = address(subject)
        if event.data.proof.delegation is not None:
            await follow_author(self._log, self._follower, self._world, tenant, event.data.proof)
        author = authority_for(self._world, event, tenant, job, body)
        aggregate, after = subjects.job(tenant, job), 0
        for _ in range(_ATTEMPTS):
            history = await self._log.history(aggregate, reaching=after)
            submitted = next((_as_of(it.event, it) for it in history if isinstance(it.event, JobSubmitted)), None)
            if submitted is None and await self._log.last(aggregate.event("submitted")) is not None:
                raise Unavailable(f"{aggregate.prefix} is read from a replica that lags behind its submission")
            if submitted is None or any(subjects.parse(it.subject).event in TERMINAL for it in history):
                raise Superseded(f"job {job} of tenant {tenant} does not exist, or has ended")
            if not author.may("manage") and author.user != self._owner(history, tenant, submitted):
                raise Forbidden(f"job {job} is not {author.user}'s: ask its owner, or an admin of tenant {tenant}")
            if author.project not in (None, submitted.data.project):
                raise Forbidden(
                    f"delegation {author.delegation} is for project {author.project}, and job {job} is not of it: use "
                    "another key"
                )
            accepted = next((it.event for it in history if isinstance(it.event, JobAccepted)), None)
            cancelled = events.cancelled(submitted, accepted, tenant, job, by=author, reason=event.data.reason)
            try:
                await self._log.append(cancelled, after=history[-1].sequence, guard=aggregate.everything)
            except Stale:
                after = history[-1].sequence + 1
                continue
            return
        raise Stale(f"job {job} moved {_ATTEMPTS} times while it was being cancelled")

    def _owner(self, history: list[Stored], tenant: str, submitted: JobSubmitted) -> str | None:
        accepted = next((it.event for it in history if isinstance(it.event, JobAccepted)), None)
        if accepted is not None:
            return accepted.data.user
        proof = submitted.data.proof
        if isinstance(delegated := self._world.delegated(tenant, proof, submitted.time), Authority):
            return delegated.user
        author = self._world.directory.user(tenant, proof.key)
        return author[0] if author else None


def authority_for(world: World, event: CancelJob, tenant: str, job: str, body: bytes) -> Authority:
    """Who asks to cancel, and what the key may do.

    Raises:
        Forbidden: the request is not proven, or its author may not cancel anything.
    """
    request, proof = event.data, event.data.proof
    if (proof.algorithm or ED25519) not in ALGORITHMS:
        raise Forbidden(f"no signature by {proof.algorithm!r} can be checked here: sign with {ED25519}")
    if (request.tenant, request.job) != (tenant, job) or not signature_holds(signed_bytes(body), proof):
        raise Forbidden("the request's signature or subject does not match its data: sign and send it again")
    if isinstance(author := world.delegated(tenant, proof, event.time), Reason):
        raise Forbidden(author.text)
    known = world.directory.user(tenant, proof.key)
    author = author or (Authority(*known) if known else None)
    if author is None or not author.may("submit"):
        raise Forbidden(
            f"key {proof.key[:8]}… may not cancel in tenant {tenant}: ask an operator for {need_text('submit')}"
        )
    return author
