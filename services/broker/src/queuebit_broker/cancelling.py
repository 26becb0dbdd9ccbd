"""Cancels a job at its owner's request."""

from __future__ import annotations

from queuebit_broker import events
from queuebit_broker.errors import Forbidden
from queuebit_broker.ports import EventLog, Stored
from queuebit_broker.requests import address, signature_holds, signed_bytes
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.command import CancelJob, CancelRequest
from queuebit_contracts.job import TERMINAL, JobAccepted, JobSubmitted
from queuebit_contracts.tenants import Role
from queuebit_kernel import Stale, Superseded, Unavailable
from queuebit_runtime.keys import ALGORITHMS, ED25519

__all__ = ["CancelJobs"]

_ATTEMPTS = 8


def _as_of(submitted: JobSubmitted, stored: Stored) -> JobSubmitted:
    """The submission, and the time at which the log stored it."""
    return submitted.model_copy(update={"time": stored.stored_at})


class CancelJobs:
    """Ends a job that has not ended: members may end their own jobs, admins all jobs of their tenant."""

    def __init__(self, log: EventLog, world: World) -> None:
        self._log = log
        self._world = world

    async def __call__(self, event: CancelJob, *, body: bytes, subject: str) -> None:
        """Append `cancelled`, unless another end came first.

        Raises:
            Forbidden: the request is not proven, or its author may not cancel this job.
            Superseded: there is no such job, or it has ended.
        """
        tenant, job = address(subject)
        user, role = self._author(event.data, tenant, job, body)
        aggregate, after = subjects.job(tenant, job), 0
        for _ in range(_ATTEMPTS):
            history = await self._log.history(aggregate, reaching=after)
            submitted = next((_as_of(it.event, it) for it in history if isinstance(it.event, JobSubmitted)), None)
            if submitted is None and await self._log.last(aggregate.event("submitted")) is not None:
                raise Unavailable(f"{aggregate.prefix} is read from a replica that lags behind its submission")
            if submitted is None or any(subjects.parse(it.subject).event in TERMINAL for it in history):
                raise Superseded(f"job {job} of tenant {tenant} does not exist, or has ended")
            if role != "admin" and user != self._owner(history, tenant, submitted):
                raise Forbidden(f"job {job} is not {user}'s: ask its owner, or an admin of tenant {tenant}")
            cancelled = events.cancelled(submitted, tenant, job, by=user, reason=event.data.reason)
            try:
                await self._log.append(cancelled, after=history[-1].sequence, guard=aggregate.everything)
            except Stale:
                after = history[-1].sequence + 1
                continue
            return
        raise Stale(f"job {job} moved {_ATTEMPTS} times while it was being cancelled")

    def _author(self, request: CancelRequest, tenant: str, job: str, body: bytes) -> tuple[str, Role]:
        known = self._world.directory.user(tenant, request.proof.key)
        if (request.proof.algorithm or ED25519) not in ALGORITHMS:
            raise Forbidden(f"no signature by {request.proof.algorithm!r} can be checked here: sign with {ED25519}")
        if (request.tenant, request.job) != (tenant, job) or not signature_holds(signed_bytes(body), request.proof):
            raise Forbidden("the request's signature or subject does not match its data: sign and send it again")
        if known is None or known[1] == "viewer":
            raise Forbidden(
                f"key {request.proof.key[:8]}… is no member's of tenant {tenant}: ask an admin for the role"
            )
        return known

    def _owner(self, history: list[Stored], tenant: str, submitted: JobSubmitted) -> str | None:
        accepted = next((it.event for it in history if isinstance(it.event, JobAccepted)), None)
        if accepted is not None:
            return accepted.data.user
        author = self._world.directory.user(tenant, submitted.data.proof.key)
        return author[0] if author else None
