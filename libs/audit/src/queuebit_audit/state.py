"""Folds `LOG` into the state of jobs, accounts and receipts that the invariants need."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from queuebit_audit.budgets import BudgetFold
from queuebit_audit.charges import Authorised, Bill, Corrected
from queuebit_audit.hybrids import Hybrid, HybridBill, HybridTerms
from queuebit_audit.job_state import Job
from queuebit_audit.messages import (
    UNKNOWN,
    Calibrated,
    Checkpointed,
    Delegated,
    Fact,
    Interrupted,
    Isolated,
    Ran,
    Readmitted,
    Reported,
    Submitted,
)
from queuebit_audit.records import AccountEntry, Content, Decision, Head, Leaf, Placed, Stray
from queuebit_audit.reservation_facts import RESERVATION_EVENTS, ReservationFacts, is_booked_by_its_user
from queuebit_audit.residency import Registered, ResidencyFacts
from queuebit_audit.session_facts import SessionFacts, is_signed
from queuebit_audit.sharing import SharingFacts
from queuebit_contracts.catalog import CATALOG
from queuebit_contracts.delegations import Authority, Delegations, authority_of
from queuebit_contracts.directory import Directory, TenantEvent
from queuebit_contracts.erasure import PayloadsErased
from queuebit_contracts.fallback import Fallback
from queuebit_contracts.fleet import PROBES
from queuebit_contracts.invoice import InvoiceCredited, InvoiceIssued
from queuebit_contracts.reservation import Reservation, ReservationBooked
from queuebit_contracts.roles import may
from queuebit_contracts.session import SessionClosed, SessionMetered, SessionOpened
from queuebit_contracts.subjects import parse
from queuebit_contracts.tenant import TenantDefined
from queuebit_contracts.tenants import Budget
from queuebit_contracts.wire import Event

__all__ = ["History"]

_BY_CLIENTS = frozenset(it.name for it in CATALOG.values() if "client" in it.appended_by)
"""Written by clients: their content is a claim until the broker has checked it."""


@dataclass(slots=True)
class History:
    """The state folded so far, in order of sequence."""

    jobs: dict[tuple[str, str], Job] = field(default_factory=dict)
    accounts: dict[tuple[str, str], list[AccountEntry]] = field(default_factory=dict)
    hybrids: dict[tuple[str, str], Hybrid] = field(default_factory=dict)
    leaves: list[tuple[Job | None, Leaf]] = field(default_factory=list)
    """With their jobs; a change of keys has none."""
    heads: list[Head] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)
    calibrations: list[Calibrated] = field(default_factory=list)
    interruptions: dict[str, list[datetime]] = field(default_factory=dict)
    """By backend: since when it was out of service or isolated, each time."""
    isolated: dict[str, int] = field(default_factory=dict)
    """By backend: the sequence of its isolation, up to here; of those that are in service, none."""
    isolations: int = 0
    placements: int = 0
    misplaced: list[tuple[str, str]] = field(default_factory=list)
    """By job: placements on isolated backends."""
    misdated: list[tuple[str, str]] = field(default_factory=list)
    """By job: labels of a fallback that name another time than the interruptions before them."""
    decisions: dict[Content, Decision] = field(default_factory=dict)
    erased: set[tuple[str, str]] = field(default_factory=set)
    """Contents of the payload store that were erased on request, by tenant and digest."""
    residency: ResidencyFacts = field(default_factory=ResidencyFacts)
    sharing: SharingFacts = field(default_factory=SharingFacts)
    """Jobs that were on a device at the same time."""
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
    sessions: dict[tuple[str, str], SessionFacts] = field(default_factory=dict)
    reservations: dict[tuple[str, str], ReservationFacts] = field(default_factory=dict)
    budgets: BudgetFold = field(default_factory=BudgetFold)
    overdrafts: list[tuple[str, str]] = field(default_factory=list)
    """By tenant: holds that exceed what a budget had left."""
    invoices: list[InvoiceIssued | InvoiceCredited] = field(default_factory=list)
    """Invoices and credits, in the order of the log."""
    end: int = 0
    """The last sequence of `LOG` before it was read."""
    given_up: frozenset[int] = frozenset()
    """Sequences whose events are known to be lost."""

    def evolve(self, fact: Fact) -> None:
        """Fold the next fact."""
        if fact.stray:
            by_client = parse(fact.subject).event in _BY_CLIENTS
            self.strays.append(Stray(fact.sequence, fact.subject, fact.stray, by_client))
        content = fact.content
        match fact.noun:
            case "job":
                self._job(fact)
            case "hybrid":
                self._hybrid(fact)
            case "account" if isinstance(content, AccountEntry):
                self.accounts.setdefault((fact.tenant, fact.id), []).append(content)
                budgets = self._budgets(fact.tenant)
                self.overdrafts += ((fact.tenant, it) for it in self.budgets.take(fact.tenant, content, budgets))
            case "tenant":
                self._tenant(fact)
            case "delegation":
                self.delegations.take(cast("Event[Any]", content))
            case "session" | "reservation" | "invoice":
                self._whole(fact)
            case "proof" if isinstance(content, Checkpointed):
                self.heads.append(Head(content.tree_size, len(self.leaves), content.signed))
            case "proof" if isinstance(content, Leaf):
                self.leaves.append((None, content))
            case "backend":
                self._backend(content, fact.sequence)
            case noun if noun == UNKNOWN:
                self.unknown[fact.name] += 1

    def _tenant(self, fact: Fact) -> None:
        content = fact.content
        if isinstance(content, PayloadsErased):
            self.erased |= {(fact.tenant, it.digest) for it in content.data.contents}
            return
        if isinstance(content, TenantDefined):
            day = content.time.astimezone(UTC).toordinal()
            self.budgets.changed(fact.tenant, day, self._budgets(fact.tenant))
        self.directory.take(cast("TenantEvent", content))
        self.sharing.defined(content)
        self.delegations.take(cast("Event[Any]", content))
        self.knows_tenants = True

    def _whole(self, fact: Fact) -> None:
        """Fold an event that is kept whole."""
        match fact.content:
            case SessionOpened() | SessionClosed() | SessionMetered():
                self._session(fact, fact.content)
            case InvoiceIssued() | InvoiceCredited():
                self.invoices.append(fact.content)
            case content if isinstance(content, RESERVATION_EVENTS):
                self.reservations.setdefault((fact.tenant, fact.id), ReservationFacts()).take(content, fact.sequence)
                if isinstance(content, ReservationBooked):
                    self._booked(fact, content.data)

    def _backend(self, content: object, sequence: int) -> None:
        match content:
            case Registered():
                self.residency.backends[content.backend] = content
            case Calibrated():
                self.calibrations.append(content)
            case Interrupted(backend=backend, since=since):
                self.interruptions.setdefault(backend, []).append(since)
            case Isolated(backend=backend, since=since):
                self.interruptions.setdefault(backend, []).append(since)
                self.isolations += 1
                self.isolated.setdefault(backend, sequence)
            case Readmitted(backend=backend):
                self.isolated.pop(backend, None)

    def unfinished(self) -> int:
        """Jobs with missing events."""
        return sum(not job.finished for job in self.jobs.values())

    def undecided(self) -> set[str]:
        """Tenants with a job that was neither accepted nor ended."""
        return {it.tenant for it in self.jobs.values() if not it.authorised and not it.ends}

    def unplaced(self) -> set[str]:
        """Tenants with a job that has no backend yet."""
        return {it.tenant for it in self.jobs.values() if it.authorised and not it.backend and not it.ends}

    def _budgets(self, tenant: str) -> Mapping[str, Budget]:
        known = self.directory.tenant.get(tenant)
        return {} if known is None else known.budget

    def _session(self, fact: Fact, event: SessionOpened | SessionClosed | SessionMetered) -> None:
        known = self.sessions.setdefault((fact.tenant, fact.id), SessionFacts())
        known.take(event, fact.sequence)
        if isinstance(event, SessionOpened):
            data, proof = event.data, event.data.proof
            delegated = None
            if proof.delegation:
                delegated = Delegated(data.tenant, proof.delegation, data.project, data.opened_at)
            may = self._may_submit(data.tenant, proof.key) or self._delegated(proof.key, delegated)
            if not is_signed(data) or (self.knows_tenants and not self.given_up and not may):
                who = f"no user of {data.tenant} who may submit"
                self.unauthorised.append((fact.subject, f"sequence {fact.sequence} opens what {who} has signed"))

    def _booked(self, fact: Fact, data: Reservation) -> None:
        proof, delegated = data.proof, None
        if proof.delegation:
            delegated = Delegated(data.tenant, proof.delegation, data.project, data.booked_at)
        may = self._may_submit(data.tenant, proof.key) or self._delegated(proof.key, delegated)
        if not is_booked_by_its_user(data) or (self.knows_tenants and not self.given_up and not may):
            who = f"no user of {data.tenant} who may submit"
            self.unauthorised.append((fact.subject, f"sequence {fact.sequence} books what {who} has signed"))

    def _may_submit(self, tenant: str, key: str) -> bool:
        user = self.directory.user(tenant, key)
        return user is not None and may(user[1], "submit")

    def _delegated(self, key: str, asked: Delegated | None) -> bool:
        """Whether a delegated key that was good then signed a submission."""
        if asked is None:
            return False
        known = self.delegations.find(asked.tenant, asked.delegation)
        found = authority_of(known, self.directory, key, asked.stored_at)
        return isinstance(found, Authority) and found.may("submit") and found.project in (None, asked.project)

    def _require_permitted(self, fact: Fact, permitted: bool) -> None:
        """Note an acceptance unless a user who may submit signed what is accepted."""
        if self.knows_tenants and not self.given_up and not permitted:
            who = f"no user of {fact.tenant} who may submit"
            self.unauthorised.append((fact.subject, f"sequence {fact.sequence} accepts what {who} has signed"))

    def _hybrid(self, fact: Fact) -> None:
        it = self.hybrids.setdefault((fact.tenant, fact.id), Hybrid())
        it.names.append(fact.name)
        it.last = fact.sequence
        match fact.content:
            case Submitted() as asked:
                own = self._may_submit(fact.tenant, asked.key)
                it.permitted = it.permitted or own or self._delegated(asked.key, asked.delegated)
            case HybridTerms() as terms:
                it.terms = terms
                self._require_permitted(fact, it.permitted)
            case HybridBill() as bill:
                it.bill = bill

    def _job(self, fact: Fact) -> None:
        key = (fact.tenant, fact.id)
        job = self.jobs.get(key)
        if job is None:
            job = self.jobs[key] = Job(sys.intern(fact.tenant), fact.id)
        job.names.append(fact.name)
        job.last = fact.sequence
        match fact.content:
            case None:
                pass
            case Submitted() as content:
                self._submitted(job, fact.sequence, content)
                self.residency.asked(job.subject, self.directory.tenant.get(job.tenant))
            case Authorised() as content:
                job.authorised = content
                self.residency.accepted(job.subject, self.directory.tenant.get(job.tenant))
                self._require_permitted(fact, job.permitted or self._may_submit(job.tenant, job.key))
            case Placed() as content:
                job.backend = content.backend
                self._require_service(job, content.backend, fact.sequence)
                self.residency.placed(job.subject, content.backend, fact.sequence)
                self._placed(job, content)
                self.sharing.placed(job, content)
            case Ran(usage=usage, backend=backend, result=result, reason=reason, shared=shared):
                self.sharing.ran(job, shared)
                job.usage, job.backend, job.result = usage, backend, result or job.result
                job.reason = reason
            case Bill() as content:
                job.bills.append(content)
            case Leaf() as content:
                self.leaves.append((job, content))
            case Reported(revision=revision, usage=usage):
                job.reports[revision] = usage
            case Corrected() as content:
                job.corrections.append(content)

    def _require_service(self, job: Job, backend: str, sequence: int) -> None:
        """Note a placement on an isolated backend, unless it is that of a probe."""
        self.placements += 1
        since = self.isolated.get(backend)
        if since is not None and job.tenant != PROBES and not self.given_up:
            text = f"sequence {sequence} places it on {backend}, which is isolated since sequence {since}"
            self.misplaced.append((job.subject, text))

    def _misdated(self, label: str) -> str:
        """What is wrong with the time of a label, by the interruptions of the log up to here; empty if nothing is."""
        said = Fallback.model_validate_json(label)
        known = [self.interruptions.get(it, []) for it in said.instead_of]
        missing = [it for it, times in zip(said.instead_of, known, strict=True) if not times]
        if missing:
            return f"its label says that {missing[0]} was out of service, and the log does not"
        if not any(said.since in it for it in known) or any(min(it) > said.since for it in known):
            return f"its label says that its backends were out of service since {said.since}, and the log does not"
        return ""

    def _submitted(self, job: Job, sequence: int, asked: Submitted) -> None:
        job.key = sys.intern(asked.key)  # few users, many jobs
        own = self._may_submit(job.tenant, job.key)
        job.permitted = job.permitted or own or self._delegated(asked.key, asked.delegated)
        job.first_submission = job.first_submission or sequence
        if asked.alone:
            self.sharing.alone.add(sequence)
        if asked.circuit is not None:
            job.circuits[sequence] = asked.circuit

    def _placed(self, job: Job, placed: Placed) -> None:
        if placed.fallback is not None and not self.given_up and (text := self._misdated(placed.fallback)):
            self.misdated.append((job.subject, text))
        if placed.content is None:
            self.undocumented += 1
            return
        decision = self.decisions.get(placed.content)
        if decision is None:
            decision = self.decisions[placed.content] = Decision(placed.content, [])
        decision.placed.append((job, placed))
