"""Folds `LOG` into the state of jobs, accounts and receipts that the invariants need."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from dataclasses import dataclass, field

from queuebit_audit.job_state import Job, authorised, bill
from queuebit_audit.records import AccountEntry, CheckSeal, Decision, Head, Leaf, Placed, Stray, entries
from queuebit_contracts.backend import BackendCalibrated
from queuebit_contracts.catalog import CATALOG, NUMBERED
from queuebit_contracts.delegations import Authority, Delegations, authority_of
from queuebit_contracts.directory import Directory, TenantEvent
from queuebit_contracts.job import (
    Completion,
    JobAccepted,
    JobCompleted,
    JobCorrected,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobSealed,
    JobSealedV1,
    JobSubmitted,
    JobUsageReported,
    Placement,
    Seal,
    SealV1,
    Submission,
)
from queuebit_contracts.subjects import event_name, parse, subject_of
from queuebit_contracts.transparency import LogCheckpointed
from queuebit_contracts.wire import Payload, UnknownEvent
from queuebit_kernel import InvalidId, require_token
from queuebit_runtime.log import Stored
from queuebit_scheduling import micros

__all__ = [
    "History",
]


_BY_CLIENTS = frozenset(it.name for it in CATALOG.values() if "client" in it.appended_by)
"""Written by clients: their content is a claim until the broker has checked it."""


@dataclass(slots=True)
class History:
    """The state folded so far, in order of sequence."""

    jobs: dict[tuple[str, str], Job] = field(default_factory=dict)
    accounts: dict[tuple[str, str], list[AccountEntry]] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    calibrations: list[tuple[str, Payload]] = field(default_factory=list)
    """By backend: calibrations in the payload store."""
    decisions: dict[Payload, Decision] = field(default_factory=dict)
    undocumented: int = 0
    """Placements that do not say what they were decided from."""
    sequences: array[int] = field(default_factory=lambda: array("Q"))
    """Of all messages, of any content."""
    marks: array[int] = field(default_factory=lambda: array("Q"))
    """Marks of the rows that the warehouse must have for them, in the order of `sequences`."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Events of types that this version does not know, by type: no harm, and nothing that can be checked."""
    directory: Directory = field(default_factory=Directory)
    """Who may do what, up to here."""
    delegations: Delegations = field(default_factory=Delegations)
    """The delegated keys, up to here."""
    knows_tenants: bool = False
    """Whether the log has facts about tenants up to here; version 0.1 kept tenants in a file alone."""
    unauthorised: list[tuple[str, str]] = field(default_factory=list)
    """By subject: what was accepted from a key whose user could not submit."""
    end: int = 0
    """The last sequence of `LOG` before it was read."""
    given_up: frozenset[int] = frozenset()
    """Sequences whose events are known to be lost."""

    def evolve(self, stored: Stored, check_seal: CheckSeal) -> None:
        """Fold the next event. The subject decides its tenant, because permissions guard subjects."""
        event, it = stored.event, parse(stored.subject)
        if isinstance(event, UnknownEvent):
            self.unknown[event.type] += 1
            return
        if (proper := subject_of(event)) != stored.subject:
            self._stray(stored.sequence, stored.subject, f"sequence {stored.sequence} holds an event of {proper}")
        match it.noun:
            case "job" if event_name(event.type) == it.event and _plain(it.id):
                label = " ".join((it.event, *it.qualifiers)) if it.event in NUMBERED else it.event
                self._job(stored, it.tenant, it.id, label, check_seal)
            case "account":
                self.accounts.setdefault((it.tenant, it.id), []).extend(entries(stored))
            case "delegation":
                self.delegations.take(event)
            case "tenant" if isinstance(event, TenantEvent) and proper == stored.subject:
                self.directory.take(event)
                self.delegations.take(event)
                self.knows_tenants = True
            case "proof" if isinstance(event, LogCheckpointed):
                self.heads.append(Head(event.data.tree_size, len(self.leaves), event.data.checkpoint))
            case "backend" if isinstance(event, BackendCalibrated) and event.data.snapshot.inline is None:
                self.calibrations.append((event.data.backend, event.data.snapshot))

    def unreadable(self, subject: str, sequence: int, why: str) -> None:
        """Fold an event that breaks its contract."""
        self._stray(sequence, subject, f"sequence {sequence} cannot be read: {why}")

    def unfinished(self) -> int:
        """Jobs with missing events."""
        return sum(not job.finished for job in self.jobs.values())

    def undecided(self) -> set[str]:
        """Tenants with a job that was neither accepted nor ended."""
        return {it.tenant for it in self.jobs.values() if not it.authorised and not it.ends}

    def unplaced(self) -> set[str]:
        """Tenants with a job that has no backend yet."""
        return {it.tenant for it in self.jobs.values() if it.authorised and not it.backend and not it.ends}

    def _may_submit(self, job: Job) -> bool:
        user = self.directory.user(job.tenant, job.key)
        return user is not None and user[1] != "viewer"

    def _delegated(self, stored: Stored, asked: Submission) -> bool:
        """Whether a delegated key that was good then signed a submission."""
        if asked.proof.delegation is None:
            return False
        known = self.delegations.find(asked.tenant, asked.proof.delegation)
        found = authority_of(known, self.directory, asked.proof.key, stored.stored_at)
        return isinstance(found, Authority) and found.role != "viewer" and found.project in (None, asked.project)

    def _stray(self, sequence: int, subject: str, text: str) -> None:
        self.strays.append(Stray(sequence, subject, text, parse(subject).event in _BY_CLIENTS))

    def _job(self, stored: Stored, tenant: str, name: str, kind: str, check_seal: CheckSeal) -> None:
        job = self.jobs.get((tenant, name)) or self.jobs.setdefault((tenant, name), Job(tenant, name))
        job.events.append((stored.sequence, kind))
        match stored.event:
            case JobSubmitted(data=data):
                job.key = sys.intern(data.proof.key)  # few users, many jobs
                job.permitted = job.permitted or self._may_submit(job) or self._delegated(stored, data)
                if data.circuit.inline is None:
                    job.circuits[stored.sequence] = data.circuit
            case JobAccepted(data=data, time=time):
                job.authorised = authorised(data, micros(time), stored.sequence)
                if self.knows_tenants and not self.given_up and not (job.permitted or self._may_submit(job)):
                    text = f"sequence {stored.sequence} accepts what no user of {tenant} who may submit has signed"
                    self.unauthorised.append((stored.subject, text))
            case JobPlaced(data=data):
                job.backend = data.backend
                self._placed(tenant, name, data)
            case JobCompleted(data=data) | JobFailed(data=data):
                job.usage, job.backend = data.usage, data.backend
                if isinstance(data, Completion) and data.result.inline is None:
                    job.result = data.result
            case JobMetered(data=data):
                job.bills.append(bill(data))
            case JobSealed(data=data) | JobSealedV1(data=data):
                self.leaves.append(_leaf(tenant, name, data, check_seal))
            case JobUsageReported(data=data):
                job.reports[data.revision] = data.usage
            case JobCorrected(data=data):
                job.corrections.append(data)

    def _placed(self, tenant: str, job: str, data: Placement) -> None:
        if data.decision is None:
            self.undocumented += 1
            return
        scores = tuple((it.backend, it.expected_ms) for it in data.scores)
        decision = self.decisions.setdefault(data.decision, Decision(data.decision, []))
        decision.placed.append(Placed(tenant, job, data.backend, data.policy, data.snapshot, scores))


def _leaf(tenant: str, job: str, data: Seal | SealV1, check_seal: CheckSeal) -> Leaf:
    return Leaf(
        tenant,
        job,
        data.leaf_index,
        bytes.fromhex(data.statement.removeprefix("sha256:")),
        data.revision or 0,
        data.statement,
        data.supersedes,
        data.tree_size,
        check_seal(tenant, job, data),
    )


def _plain(name: str) -> bool:
    """Whether this is a valid job id: a message under any other name belongs to no job."""
    try:
        require_token(name)
    except InvalidId:
        return False
    return True
