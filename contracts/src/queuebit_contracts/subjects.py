"""Every subject there is, built in one place.

qb.job.<tenant>.<job>.<event>[.<backend>]     qb.account.<tenant>.<account>.<event>
qb.backend.<backend>.<event>                  qb.proof.<log>.<event>
qb.command.<tenant>.<job>.<verb>              qb.query.<tenant>.<question>
qb.profile.<stack>                            qb.dead.<durable>.<sequence>
qb.alive.<backend>
qb.replay.<durable>                           qb.trace.<service>
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from queuebit_contracts.account import AccountFunded, AccountHeld, AccountReleased, AccountSettled
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered
from queuebit_contracts.command import CancelJob
from queuebit_contracts.job import (
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobRejected,
    JobSealed,
    JobStarted,
    JobSubmitted,
)
from queuebit_contracts.transparency import LogCheckpointed
from queuebit_contracts.wire import Event
from queuebit_kernel import require_token

__all__ = ["Aggregate", "account", "backend", "command", "job", "proof", "subject_of"]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A history: one prefix under which all its events lie."""

    prefix: str

    @property
    def everything(self) -> str:
        """The wildcard over the history; what an append is guarded on."""
        return f"{self.prefix}.>"

    def event(self, name: str, qualifier: str | None = None) -> str:
        """The subject of one event of this history."""
        require_token(name, "event name")
        if qualifier is None:
            return f"{self.prefix}.{name}"
        return f"{self.prefix}.{name}.{require_token(qualifier, 'qualifier')}"


def job(tenant: str, job_id: str) -> Aggregate:
    """The history of a job."""
    return Aggregate(f"qb.job.{require_token(tenant, 'tenant')}.{require_token(job_id, 'job')}")


def account(tenant: str, name: str) -> Aggregate:
    """The ledger of a project's account."""
    return Aggregate(f"qb.account.{require_token(tenant, 'tenant')}.{require_token(name, 'account')}")


def backend(name: str) -> Aggregate:
    """The history of a backend."""
    return Aggregate(f"qb.backend.{require_token(name, 'backend')}")


def proof(log: str) -> Aggregate:
    """The heads of a transparency log."""
    return Aggregate(f"qb.proof.{require_token(log, 'log')}")


def command(tenant: str, job_id: str) -> Aggregate:
    """Requests about a job; apart from its history, so that asking never disturbs an append."""
    return Aggregate(f"qb.command.{require_token(tenant, 'tenant')}.{require_token(job_id, 'job')}")


def subject_of(event: Event[Any]) -> str:
    """Return the one subject an event may be published to, from its own data.

    Raises:
        TypeError: the event is of no class of the catalog.
    """
    name = event.type.split(".")[2]
    match event:
        case JobPlaced():
            return job(event.data.tenant, event.data.job).event(name, event.data.backend)
        case (
            JobSubmitted() | JobAccepted() | JobRejected() | JobStarted() | JobCompleted()
            | JobFailed() | JobCancelled() | JobMetered() | JobSealed()
        ):  # fmt: skip
            return job(event.data.tenant, event.data.job).event(name)
        case AccountFunded() | AccountHeld():
            return account(event.data.tenant, event.data.account).event(name)
        case AccountSettled() | AccountReleased():
            return account(event.data.tenant, event.data.account).event(name, event.data.job)
        case BackendRegistered() | BackendCalibrated():
            return backend(event.data.backend).event(name)
        case LogCheckpointed():
            return proof(event.data.log).event(name)
        case CancelJob():
            return command(event.data.tenant, event.data.job).event(name)
        case _:
            raise TypeError(f"{event.type} has no subject: add it here and to the catalog")
