"""The decision on one submission of a hybrid job: permissions, limits, and the money for its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from queuebit_broker.budgets import Budgets
from queuebit_broker.eligibility import Tariff
from queuebit_broker.rules import about_author, about_project
from queuebit_broker.session_rules import about_session
from queuebit_broker.sessions import KnownSession
from queuebit_broker.snapshot import Cap
from queuebit_contracts.delegation import Delegation
from queuebit_contracts.delegations import Authority
from queuebit_contracts.directory import Directory
from queuebit_contracts.hybrid import MAX_TIME_S, HybridSubmission, HybridTerms, hybrid_id
from queuebit_contracts.session import budget_of
from queuebit_contracts.tenants import Project, Tenant
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import Money, digest
from queuebit_pricing import CLASSICAL, Unpriced, rate_time

__all__ = ["MAX_FILE_BYTES", "MAX_RETRIES", "AdmitHybrid", "HybridRequest", "HybridSnapshot", "admit_hybrid"]

MAX_FILE_BYTES = 1 << 20
MAX_RETRIES = 5


@dataclass(frozen=True, slots=True)
class HybridRequest:
    """A submission in the log. The server guarantees the subject; the data are a claim until verified."""

    tenant: str
    hybrid: str
    submission: HybridSubmission
    signed: bool
    """The signature is by the key it names, over exactly these data."""
    provenance: str | None
    submitted_at: datetime
    """When the log stored it."""


@dataclass(frozen=True, slots=True)
class HybridSnapshot:
    """The world at the moment of a decision."""

    directory: Directory
    tariff: Tariff
    author: Authority | Reason
    """Who signed, or why that counts for nothing."""
    key: Delegation | Reason
    """The key that its jobs will be signed with, or why that counts for nothing."""
    available: Money
    """What the account may still hold."""
    budgets: Budgets
    """What may still be held against each budget that it counts against beside its account, by name."""
    session: KnownSession | None = None
    """The session that the submission names, as the submission found it; None if it is unknown."""
    cap: Cap | None = None
    """The cap of that session; while it is open, it has reserved what the job may hold."""


@dataclass(frozen=True, slots=True)
class AdmitHybrid:
    """It may run, and this is held for it."""

    user: str
    terms: HybridTerms
    budgets: tuple[str, ...]
    erasable: bool = False
    """Whether its result is kept outside of events."""


def admit_hybrid(request: HybridRequest, snapshot: HybridSnapshot) -> AdmitHybrid | tuple[Reason, ...]:
    """Decide on one submission; a refusal has all reasons.

    What is held is the price of its whole time limit: its own time never costs more. Its jobs have holds of their own.
    """
    asked, author = request.submission, snapshot.author
    tenant = snapshot.directory.tenant.get(request.tenant)
    reasons = [*_about_author(request, author), *_about_names(request, tenant), *_about_limits(asked)]
    reasons += [*_about_key(request, snapshot), *about_session(asked, author, snapshot.session)]
    terms = None if reasons else _terms(request, snapshot)
    if isinstance(terms, Reason):
        return (terms,)
    if terms is not None:
        reasons += _about_money(request, snapshot, terms.hold.money)
    if reasons or terms is None or isinstance(author, Reason):
        return tuple(reasons)
    names = [*snapshot.budgets.counted, *(snapshot.cap.budgets if snapshot.cap else ())]
    names += [budget_of(asked.session)] if asked.session else []
    erasable = tenant is not None and tenant.erasable
    return AdmitHybrid(author.user, terms, tuple(dict.fromkeys(names)), erasable)


def _about_author(request: HybridRequest, author: Authority | Reason) -> Iterator[Reason]:
    asked = request.submission
    named = (asked.tenant, asked.hybrid)
    if named != (request.tenant, request.hybrid) or asked.hybrid != hybrid_id(asked.tenant, asked.key):
        text = "the data name another hybrid job than the subject, or one that does not follow from the key"
        yield Reason(code="bad_proof", text=f"{text}: derive the id as the contract of HybridSubmitted says")
    if not request.signed:
        text = "the signature does not match the data: sign the canonical JSON of `data` without `proof`"
        yield Reason(code="bad_proof", text=text)
    if isinstance(author, Reason):
        yield author
    else:
        yield from about_author(request.tenant, asked.project, author)


def _about_names(request: HybridRequest, tenant: Tenant | None) -> Iterator[Reason]:
    asked = request.submission
    project = tenant.project.get(asked.project) if tenant else None
    yield from about_project(request.tenant, asked.project, tenant, project)
    if not asked.purpose.strip():
        yield Reason(code="missing_metadata", text="purpose is empty: say in a few words what the job is for")


def _about_limits(asked: HybridSubmission) -> Iterator[Reason]:
    if not 1 <= asked.max_time_s <= MAX_TIME_S:
        text = f"a time limit of {asked.max_time_s:,} s is not from 1 to {MAX_TIME_S:,}"
        yield Reason(code="bad_time_limit", text=f"{text}: split the work, a workflow goes on where it ended")
    if not 0 <= (asked.retries or 0) <= MAX_RETRIES:
        text = f"{asked.retries:,} retries are not from 0 to {MAX_RETRIES}: ask for fewer"
        yield Reason(code="bad_retries", text=text)
    if asked.file.size > MAX_FILE_BYTES:
        text = f"the file has {asked.file.size:,} bytes and may have {MAX_FILE_BYTES:,}: pass data as parameters"
        yield Reason(code="file_too_large", text=text)
    if asked.file.inline is not None:
        source = asked.file.inline.encode()
        if (digest(source), len(source)) != (asked.file.digest, asked.file.size):
            text = "the file is not what its digest and size say: compute both from its UTF-8 bytes"
            yield Reason(code="file_mismatch", text=text)


def _about_key(request: HybridRequest, snapshot: HybridSnapshot) -> Iterator[Reason]:
    """Whether the key for its jobs is the author's, and lives as long as the job may run."""
    asked, key = request.submission, snapshot.key
    if isinstance(key, Reason):
        yield key
        return
    if not isinstance(snapshot.author, Reason) and key.user != snapshot.author.user:
        text = f"delegation {asked.delegation} acts for {key.user}, not for {snapshot.author.user}"
        yield Reason(code="bad_delegation", text=f"{text}: grant a key of your own")
    if key.scope == "read":
        text = f"delegation {asked.delegation} may only read: grant a key with the scope submit"
        yield Reason(code="bad_delegation", text=text)
    if key.expires_at < request.submitted_at + timedelta(seconds=asked.max_time_s):
        text = f"delegation {asked.delegation} ends before the time limit: grant a key that lives longer"
        yield Reason(code="bad_delegation", text=text)


def _terms(request: HybridRequest, snapshot: HybridSnapshot) -> HybridTerms | Reason:
    asked, tariff = request.submission, snapshot.tariff
    try:
        price = tariff.price(CLASSICAL, request.submitted_at)
    except Unpriced:
        text = "the price book has no price for hybrid jobs: an operator adds a [[price]] with backend"
        return Reason(code="unpriced", text=f'{text} = "{CLASSICAL}" and per_second, and restarts broker and metering')
    return HybridTerms(
        project=asked.project,
        price=price.id,
        price_book=tariff.digest,
        hold=Amount.of(rate_time(price, asked.max_time_s * 1_000_000).money),
        max_time_s=asked.max_time_s,
    )


def _about_money(request: HybridRequest, snapshot: HybridSnapshot, hold: Money) -> Iterator[Reason]:
    asked = request.submission
    project = _project(snapshot, request)
    may_cost = f"its own time may cost up to {hold}"
    currencies = {project.currency, *([asked.max_cost.currency] if asked.max_cost else [])}
    currencies |= {it.currency for it in snapshot.budgets.hard.values()}
    if currencies != {hold.currency}:
        text = f"prices are in {hold.currency}: state max_cost in it, and set budgets in it"
        yield Reason(code="currency_mismatch", text=text)
        return
    if asked.max_cost is not None and hold > asked.max_cost.money:
        text = f"{may_cost}, more than the {asked.max_cost.money} it is allowed: raise max_cost, or ask for less time"
        yield Reason(code="max_cost_exceeded", text=text)
    limits = {f"budget {name} of tenant {request.tenant}": left for name, left in snapshot.budgets.hard.items()}
    if snapshot.cap is None or not snapshot.cap.open:
        limits[f"project {asked.project}"] = snapshot.available
    if snapshot.cap is not None and hold > snapshot.cap.left:
        text = f"{may_cost}, and session {asked.session} has {snapshot.cap.left} of its cap left: ask for less time"
        yield Reason(code="session_cap", text=text)
    for name, left in limits.items():
        if hold > left:
            text = f"{may_cost}, and {name} has {left} left: raise it, ask for less time, or wait for running jobs"
            yield Reason(code="budget_exceeded", text=text)


def _project(snapshot: HybridSnapshot, request: HybridRequest) -> Project:
    return snapshot.directory.tenant[request.tenant].project[request.submission.project]
