"""State between building a statement and its place in the log."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from queuebit_contracts.catalog import wire_name
from queuebit_contracts.job import JobSealed, Seal
from queuebit_contracts.subjects import job, proof
from queuebit_contracts.transparency import LoggedStatement, Rotation, StatementLogged
from queuebit_kernel import digest, event_id
from queuebit_proof import entry_of

__all__ = ["SOURCE", "Attestation", "KeyChange", "Leaf", "UserStatement"]

SOURCE = "qb/provenance"
"""The source of all events of this service."""


class Leaf(Protocol):
    """A statement on its way into the log."""

    @property
    def key(self) -> Hashable:
        """The same for every attempt to give it its one leaf."""
        ...

    @property
    def subject(self) -> str:
        """Where the event belongs that has its leaf."""
        ...

    @property
    def entry(self) -> bytes:
        """Its entry in the log."""
        ...

    def event(self, index: int, size: int, now: datetime) -> JobSealed | StatementLogged:
        """The event, if it is the leaf at `index` of a tree whose next head has `size` leaves."""
        ...


@dataclass(frozen=True, slots=True)
class Attestation:
    """The statement about one job, on its way into the log."""

    tenant: str
    job: str
    statement: bytes
    provenanceid: str
    """The request that the statement names."""
    traceparent: str | None = None
    revision: int | None = None
    """The correction of the bill that it includes; None in the first statement of a job."""
    supersedes: str | None = None
    """The digest of the statement before."""
    workload_class: str | None = None
    """Of the job; the statement does not have it."""

    @property
    def key(self) -> tuple[str, str, int | None]:
        """Whose it is: each bill of a job has one leaf, however often it is attested."""
        return self.tenant, self.job, self.revision

    @property
    def subject(self) -> str:
        """Where its seal belongs."""
        qualifier = None if self.revision is None else str(self.revision)
        return job(self.tenant, self.job).event("sealed", qualifier)

    @property
    def entry(self) -> bytes:
        """Its entry in the log."""
        return entry_of(self.statement)

    def event(self, index: int, size: int, now: datetime) -> JobSealed:
        """Its seal, if it is the leaf at `index` of a tree whose next head has `size` leaves."""
        revision = [] if self.revision is None else [str(self.revision)]
        return JobSealed(
            id=event_id(wire_name(JobSealed), self.tenant, self.job, *revision),
            source=SOURCE,
            time=now,
            traceparent=self.traceparent,
            provenanceid=self.provenanceid,
            data=Seal(
                tenant=self.tenant,
                job=self.job,
                statement=digest(self.statement),
                text=self.statement.decode(),
                leaf_index=index,
                tree_size=size,
                revision=self.revision,
                supersedes=self.supersedes,
                workload_class=self.workload_class,
            ),
        )


@dataclass(frozen=True, slots=True)
class UserStatement:
    """The digest of a statement of a user, on its way into the log."""

    log: str
    """The name of the log in subjects."""
    entry: bytes
    """Its entry in the log."""

    @property
    def key(self) -> bytes:
        """A statement has one leaf, however often it is asked for."""
        return self.entry

    @property
    def subject(self) -> str:
        """Where its event belongs."""
        return proof(self.log).event("statement_logged", self.entry.hex())

    def event(self, index: int, size: int, now: datetime) -> StatementLogged:
        """Its event, if it is the leaf at `index` of a tree whose next head has `size` leaves."""
        return StatementLogged(
            id=event_id(wire_name(StatementLogged), self.log, self.entry.hex()),
            source=SOURCE,
            time=now,
            data=LoggedStatement(log=self.log, entry=self.entry.hex(), leaf_index=index, tree_size=size),
        )


@dataclass(frozen=True, slots=True)
class KeyChange:
    """The statement about a change of keys, on its way into the log."""

    version: int
    """Of the trust document that begins with it."""
    profile: str
    """Of the new keys."""
    envelope: bytes
    """Signed by the keys that were replaced."""
    statement: bytes

    @property
    def entry(self) -> bytes:
        """Its entry in the log."""
        return entry_of(self.statement)

    def rotation(self, log: str, index: int, size: int) -> Rotation:
        """Its fact, if it is the leaf at `index` of a tree whose next head has `size` leaves."""
        return Rotation(
            log=log,
            trust_version=self.version,
            profile=self.profile,
            statement=digest(self.statement),
            envelope=self.envelope.decode(),
            leaf_index=index,
            tree_size=size,
        )
