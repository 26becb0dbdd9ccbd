"""The decision on one submission, over a snapshot: permissions, backends, and money."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from queuebit_broker.budgets import VENDOR, about_vendors, of_one_vendor
from queuebit_broker.eligibility import Candidate, Silent, Verdict, assess
from queuebit_broker.fallback import StandIns, due, fell_back, rule_of, stand_ins
from queuebit_broker.limit_rules import about_limits, advice_of, limited, limits_of_job, stated, unmet
from queuebit_broker.money_rules import about_budgets, about_cap, about_currency, about_money
from queuebit_broker.quotas import Counted, about_quotas
from queuebit_broker.reservations import KnownReservation
from queuebit_broker.rules import (
    about_account,
    about_choice,
    about_default,
    about_proof,
    about_shots,
    about_source,
    circuit_reason,
    default_kind,
    meant,
    named,
    runs,
    several_of,
    unknown_key,
)
from queuebit_broker.session_rules import about_session
from queuebit_broker.sessions import KnownSession
from queuebit_broker.slot_rules import about_slot, about_spot, in_slot
from queuebit_broker.snapshot import Request, Snapshot
from queuebit_broker.state import Profiled
from queuebit_contracts.backend import KINDS, Registration
from queuebit_contracts.delegations import Authority
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import JobLimits, Submission
from queuebit_contracts.session import budget_of
from queuebit_contracts.sharing import ANYONE, TENANT
from queuebit_contracts.tenants import Project, Tenant, vendor_name
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money
from queuebit_planning.eligibility import explain

__all__ = ["Admit", "Decision", "HoldClosed", "Refuse", "Wait", "admit", "to_profile"]


@dataclass(frozen=True, slots=True)
class Admit:
    """The job may run on any of the candidates, and this is held for it."""

    user: str
    share: int
    candidates: tuple[Candidate, ...]
    hold: Money
    budgets: tuple[str, ...] = ()
    """The budgets the hold counts against, besides its account."""
    delegation: str | None = None
    """The delegation under which it was submitted, if there is one."""
    stand_ins: StandIns | None = None
    """Where it may run while its candidates are out of service; None without a rule."""
    objective: str | None = None
    """What it prefers of its candidates; None: the lowest cost."""
    limits: JobLimits | None = None
    """The hard limits in force for it; None without any."""
    project_weight: int | None = None
    """Of its project among those of its tenant; None: 1."""
    counted: Counted | None = None
    """What it counts against quotas; None if it counts against none."""
    shared_device: str | None = None
    """With whose circuits it may be on a device at the same time; None: with none."""
    flags: tuple[str, ...] | None = None
    """What rules of data protection found in it; None: nothing."""
    erasable: bool = False
    """Whether its result is kept outside of events."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The job may not run, for all of these reasons."""

    reasons: tuple[Reason, ...]
    user: str | None = None
    """Who submitted it; None if the signature does not prove that."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The job is acceptable, but no executor that could run it answers."""

    text: str


@dataclass(frozen=True, slots=True)
class HoldClosed:
    """The job was admitted before, and its hold is settled or released: nothing is left to decide."""


Decision = Admit | Refuse | Wait | HoldClosed


def admit(request: Request, snapshot: Snapshot) -> Decision:
    """Decide on one submission, with all reasons of a refusal.

    The candidates are all backends that fit and that the job's limit, its account and each of its budgets can pay: of
    the one that the job or else its session names, or of its project's default kind, so that no job is noisy or
    expensive by surprise. The hold is the largest of their costs, so that it covers any later choice, and that of each
    backend of the project's fallback that the job can pay. Where a hold stands already, it is all there is to spend. A
    silent executor turns no job away: without another candidate, the job waits for it, or falls back if the executor's
    backends have been out of service for long enough.
    """
    if snapshot.hold_closed:
        return HoldClosed()
    asked = request.submission
    tenant = snapshot.directory.tenant.get(request.tenant)
    author = _author(request, snapshot)
    project = tenant.project.get(asked.project) if tenant else None
    backend = named(asked, snapshot.session, snapshot.slot)
    names = meant(backend, snapshot.backends, project, several_of(asked))
    limits = limits_of_job(request, snapshot, tenant, project)
    able = _verdicts(names, request, snapshot, tenant)
    verdicts = limited(able, snapshot.backends, names, replace(limits, max_cost=None), snapshot.now)
    candidates = [it for it in verdicts if isinstance(it, Candidate)]
    silent = [it.backend for it in verdicts if isinstance(it, Silent)]
    reasons = [*about_proof(request, author), *_about_submission(request, snapshot, tenant, project)]
    if snapshot.existing_hold is None:  # it was admitted while its session was open
        reasons += about_session(asked, author, snapshot.session)
        reasons += about_slot(asked, request.tenant, author, snapshot.slot, candidates, snapshot.now)
    reasons += (wrong := [*about_limits(request, snapshot, project, tenant)])
    priced = {it.code for it in reasons}.isdisjoint({"bad_shots", "currency_mismatch"})
    nearest = None if wrong or not priced else unmet(able, snapshot.backends, names, limits, snapshot.now)
    if nearest is not None:
        reasons.append(advice_of(nearest))
    elif not candidates and not silent and not wrong:
        reasons += explain(it for verdict in able if isinstance(verdict, tuple) for it in verdict)
    if not candidates and not silent and not wrong:
        reasons += _about_default(names, request, snapshot, tenant)
    paid = _at_one_vendor([it for it in candidates if _payable(it, request, snapshot)], snapshot)
    others = _stand_ins(names, paid, request, snapshot, tenant)
    if not paid and not reasons and (silent or not verdicts):
        others = _decided(others, silent, snapshot)
        if others is None or others.decided is None:
            waiting = _waiting(request, backend, silent, project)
            return Wait(waiting if others is None else f"{waiting}{_until_fallback(others, silent, snapshot)}")
        paid = [*others.candidates]
    if priced and nearest is None:
        reasons += _about_funds(request, snapshot, project, candidates)
    everywhere = (*paid, *(others.candidates if others else ()))
    counted = _counted(request, snapshot, everywhere)
    if counted is not None and snapshot.existing_hold is None:
        reasons += about_quotas(request.tenant, snapshot.quotas, counted)
    if reasons or isinstance(author, Reason) or tenant is None:
        user = author.user if request.signed and isinstance(author, Authority) else None
        return Refuse(tuple(reasons), user)
    hold = max(it.cost for it in everywhere)
    budgets = _budgets(request, snapshot, paid[0])
    if (existing := snapshot.existing_hold) is not None:
        hold, budgets = existing.amount, existing.budgets
    objective = _objective(asked, tenant, project)
    terms = author.delegation, others, objective, stated(in_slot(limits, snapshot.slot)), _weight(project)
    shared = _shared_device(asked, project)
    kept = snapshot.flags, tenant.erasable
    return Admit(author.user, tenant.share, tuple(paid), hold, budgets, *terms, counted, shared, *kept)


def _objective(asked: Submission, tenant: Tenant, project: Project | None) -> str | None:
    """What a job prefers: as it says, or else its class, or else its project; None if that is the lowest cost."""
    work = tenant.workload_class.get(asked.workload_class or "")
    found = asked.objective or (work.objective if work else None) or (project.objective if project else None)
    return found if asked.objective or found != "cost" else None


def _about_funds(
    request: Request, snapshot: Snapshot, project: Project | None, candidates: Sequence[Candidate]
) -> Iterator[Reason]:
    """Yield a reason for each account, budget and cap that can pay for none of the candidates."""
    own = snapshot.left if project and (snapshot.cap is None or not snapshot.cap.open) else None
    yield from about_money(request, own, snapshot.limits, candidates)
    yield from about_vendors(request.tenant, candidates, snapshot.limits, snapshot.backends)
    if snapshot.cap_left is not None:
        yield from about_cap(request.submission, snapshot.cap_left, candidates)


def _about_default(
    names: Sequence[str], request: Request, snapshot: Snapshot, tenant: Tenant | None
) -> Iterator[Reason]:
    """What a job can do that names no backend, if no backend of the default kind can run it."""
    asked = request.submission
    project = tenant.project.get(asked.project) if tenant else None
    if project is None or named(asked, snapshot.session, snapshot.slot) is not None or several_of(asked) is not None:
        return
    if names or _complete(project, snapshot) or default_kind(project) not in KINDS:
        yield from about_default(asked.project, project, _others(names, request, snapshot, tenant, project))


def _counted(request: Request, snapshot: Snapshot, everywhere: Sequence[Candidate]) -> Counted | None:
    """What the job counts against quotas: the most that it may use on any of its backends; None without a quota."""
    if not snapshot.quotas or not everywhere:
        return None
    devices = [it for it in everywhere if snapshot.backends[it.backend].kind != "simulator"]
    shots = max(0, _total(request.submission.shots, snapshot.profiled))
    qpu_us = max((it.estimate.qpu_us for it in devices), default=0)
    return Counted(tuple(it.name for it in snapshot.quotas), shots, qpu_us, snapshot.now)


def _weight(project: Project | None) -> int | None:
    """The weight of a project in fair share; None: 1."""
    return project.weight if project and project.weight != 1 else None


def _shared_device(asked: Submission, project: Project | None) -> str | None:
    """What the project allows, unless the job is to be alone; nothing, if this version does not know the word."""
    allowed = project.shared_device if project and not asked.alone else None
    return allowed if allowed in (TENANT, ANYONE) else None


def _stand_ins(
    names: Sequence[str], paid: Sequence[Candidate], request: Request, snapshot: Snapshot, tenant: Tenant | None
) -> StandIns | None:
    """What the fallback rule of the project means for the job; None without a rule."""
    project = tenant.project.get(request.submission.project) if tenant else None
    rule = rule_of(request.submission, project, names)
    if project is None or not rule:
        return None
    known = [it for it in runs(snapshot.backends, project) if it in rule]
    limits = replace(limits_of_job(request, snapshot, tenant, project), backends=None, max_cost=None)
    able = _verdicts(known, request, snapshot, tenant)
    verdicts = dict(zip(known, limited(able, snapshot.backends, known, limits, snapshot.now), strict=True))

    def payable(candidate: Candidate) -> bool:
        vendors = snapshot.limits, snapshot.backends
        return _payable(candidate, request, snapshot) and bool(of_one_vendor([candidate], *vendors))

    return stand_ins(
        rule,
        verdicts,
        project.fallback_after_s,
        payable=payable,
        vendor_budget=lambda it: snapshot.budgets.of_vendor(it, snapshot.backends),
        held_elsewhere=lambda it: _held_elsewhere(it, snapshot),
        asked_for=paid[0] if paid else None,
    )


def _held_elsewhere(candidate: Candidate, snapshot: Snapshot) -> bool:
    """Whether a hold stands already, and counts against another vendor's budget than the candidate's."""
    if snapshot.existing_hold is None:
        return False
    if any(it.startswith(VENDOR) for it in snapshot.existing_hold.budgets):
        return not _at_one_vendor([candidate], snapshot)
    return snapshot.budgets.of_vendor(candidate, snapshot.backends) is not None


def _decided(others: StandIns | None, silent: Sequence[str], snapshot: Snapshot) -> StandIns | None:
    """The rule for a job whose own backends do not answer: decided, if they are out of service for long enough."""
    label = fell_back(silent, snapshot.interrupted)
    if others is None or not others.candidates or label is None or snapshot.now < due(label, others.after_s):
        return others
    return replace(others, decided=label)


def _until_fallback(others: StandIns, silent: Sequence[str], snapshot: Snapshot) -> str:
    """What the rule means for a job that waits, after the reason."""
    if not others.candidates:
        return f"; not on its fallback: {'; '.join(it.text for it in others.excluded)}"
    if (label := fell_back(silent, snapshot.interrupted)) is None:
        return ""
    names = " or ".join(it.backend for it in others.candidates)
    return f"; from {due(label, others.after_s):%Y-%m-%d %H:%M:%S} UTC on it may run on {names} instead"


def _budgets(request: Request, snapshot: Snapshot, candidate: Candidate) -> tuple[str, ...]:
    """The budgets that a new hold counts against: also those of its session's cap, and the session itself."""
    vendor = snapshot.budgets.of_vendor(candidate, snapshot.backends)
    names = [*snapshot.budgets.counted, *([vendor] if vendor else [])]
    names += snapshot.cap.budgets if snapshot.cap else ()
    session = request.submission.session
    return tuple(dict.fromkeys([*names, *([budget_of(session)] if session else [])]))


def _at_one_vendor(paid: list[Candidate], snapshot: Snapshot) -> list[Candidate]:
    """The candidates that count against the same budget of a vendor: that of the hold, or else of the cheapest."""
    if snapshot.existing_hold is None:
        return of_one_vendor(paid, snapshot.budgets, snapshot.backends)
    named = [it for it in snapshot.existing_hold.budgets if it.startswith(VENDOR)]
    if not named:
        return paid
    return [it for it in paid if VENDOR + vendor_name(snapshot.backends[it.backend].vendor) in named]


def _author(request: Request, snapshot: Snapshot) -> Authority | Reason:
    """The user whose key signed the submission, or for whom a delegated key did."""
    if snapshot.delegated is not None:
        return snapshot.delegated
    key = request.submission.proof.key
    owner = snapshot.directory.user(request.tenant, key)
    return unknown_key(request.tenant, key) if owner is None else Authority(*owner)


def _about_submission(
    request: Request, snapshot: Snapshot, tenant: Tenant | None, project: Project | None
) -> Iterator[Reason]:
    """Every reason against the submission that does not depend on the candidates."""
    asked, currency = request.submission, snapshot.tariff.currency
    yield from about_account(request, snapshot, tenant, project)
    each, total = (
        about_shots(shots, request.tenant, tenant) for shots in (asked.shots, _total(asked.shots, snapshot.profiled))
    )
    yield from [*each] or total
    yield from about_source(asked.circuit, snapshot.max_source_bytes)
    yield from about_spot(asked)
    yield from about_choice(request, snapshot, project)
    if project is not None:
        yield from about_currency(asked, project, currency)
    yield from about_budgets(request.tenant, snapshot.limits.hard, currency)
    if snapshot.profiled.error is not None:
        yield circuit_reason(snapshot.profiled.error)


def to_profile(
    request: Request,
    session: KnownSession | None,
    slot: KnownReservation | None,
    directory: Directory,
    backends: Mapping[str, Registration],
    max_source_bytes: int,
    interrupted: Collection[str] = (),
) -> tuple[int, dict[str, list[str]]]:
    """The profile requests before the decision: shots, and backends by stack.

    Backends of the project's fallback are asked, too, unless they are out of service: each would be waited for. A
    submission that will be refused is also profiled, if that gives its author more reasons.
    """
    asked, stacks = request.submission, dict[str, list[str]]()
    tenant = directory.tenant.get(request.tenant)
    if not [*about_source(asked.circuit, max_source_bytes)]:
        project = tenant.project.get(asked.project) if tenant else None
        names = meant(named(asked, session, slot), backends, project, several_of(asked))
        rule = [it for it in rule_of(asked, project, names) if it in backends and it not in interrupted]
        for name in [*names, *rule] if names else runs(backends, project):
            stacks.setdefault(backends[name].stack, []).append(name)
    return _plausible(asked.shots, tenant), stacks


def _verdicts(names: Sequence[str], request: Request, snapshot: Snapshot, tenant: Tenant | None) -> Sequence[Verdict]:
    shots, spot = _plausible(request.submission.shots, tenant), request.submission.spot is True
    about = shots, snapshot.profiled, snapshot.tariff, snapshot.now
    return [assess(snapshot.backends[it], *about, spot=spot) for it in names]


def _complete(project: Project, snapshot: Snapshot) -> bool:
    """Whether all backends that the project may use are registered."""
    return bool(project.backends) and {*project.backends} <= snapshot.backends.keys()


def _others(
    names: Sequence[str], request: Request, snapshot: Snapshot, tenant: Tenant | None, project: Project
) -> Sequence[str]:
    """Other backends of the project that are acceptable as far as known without their executors."""
    others = [it for it in runs(snapshot.backends, project) if it not in names]
    limits = limits_of_job(request, snapshot, tenant, project)
    able = _verdicts(others, request, snapshot, tenant)
    verdicts = limited(able, snapshot.backends, others, limits, snapshot.now)
    return [name for name, verdict in zip(others, verdicts, strict=True) if isinstance(verdict, Candidate | Silent)]


def _payable(candidate: Candidate, request: Request, snapshot: Snapshot) -> bool:
    limit = request.submission.max_cost
    most = [snapshot.left, *snapshot.limits.shared.values(), *([limit.money] if limit else [])]
    most += [] if snapshot.cap_left is None else [snapshot.cap_left]
    return all(it.currency == candidate.cost.currency and candidate.cost <= it for it in most)


def _waiting(request: Request, backend: str | None, silent: Sequence[str], project: Project | None) -> str:
    missing = ", ".join(silent) or backend or f"a backend of kind {default_kind(project)}"
    return f"job {request.job} waits for {missing}: see in `qb status` whether the executor is up"


def _total(shots: int, profiled: Profiled) -> int:
    """The shots of a whole job: a program runs each of its items with the shots that were asked for."""
    return (profiled.profile.shots if profiled.profile else None) or shots


def _plausible(shots: int, tenant: Tenant | None) -> int:
    """The requested shots; absurd numbers are replaced by the nearest one that makes the other checks meaningful."""
    return min(max(shots, 1), (tenant or Tenant()).max_shots)
