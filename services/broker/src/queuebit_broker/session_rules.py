"""The decisions on sessions, over what the broker knows: whether one opens, when it closes, and what its jobs may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from queuebit_broker.accounts import OpenHold
from queuebit_broker.eligibility import Tariff
from queuebit_broker.requests import NOT_SIGNED
from queuebit_broker.rules import about_author, about_backend, about_project
from queuebit_broker.sessions import KnownSession
from queuebit_contracts.backend import Registration
from queuebit_contracts.delegations import Authority
from queuebit_contracts.directory import Directory
from queuebit_contracts.hybrid import HybridSubmission
from queuebit_contracts.job import Submission
from queuebit_contracts.session import CloseSession, OpenSession, Session, SessionEnd, session_id
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import Money
from queuebit_pricing import Unpriced, idle_charge

__all__ = ["Opening", "about_closing", "about_session", "due", "ended", "idle_cost", "opened"]

_MOST_OPEN: Final = 100
"""The most open sessions of one tenant."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What decides whether a session opens."""

    now: datetime
    directory: Directory
    tariff: Tariff
    backends: Mapping[str, Registration]
    author: Authority | Reason
    signed: bool
    """The signature is by the key it names, over exactly this request."""
    open: int
    """How many sessions of the tenant are open."""
    available: Money
    """What the account may still hold."""
    budgets: Mapping[str, Money]
    """What may still be held against each budget that the session counts against, by name."""


def opened(request: OpenSession, tenant: str, world: Opening) -> Session | tuple[Reason, ...]:
    """The session that opens, or every reason against it."""
    reasons = [*_about_request(request, tenant, world), *_about_cap(request, tenant, world)]
    unit, price, wall_clock = None, None, False
    try:
        backend = request.backend or ""
        found = world.tariff.price(backend, world.now) if backend in world.backends else None
    except Unpriced:
        text = f"{request.backend} has no price that is valid now: name another backend"
        reasons.append(Reason(code="unpriced", text=text))
    else:
        if found is not None and (second := found.per_session_second or found.per_session_idle_second):
            unit, price = Amount.of(Money(second, found.currency)), found.id
            wall_clock = bool(found.per_session_second)
    if unit is not None and request.cap is None:
        when = "" if wall_clock else " without a job"
        text = (
            f"a session on {request.backend} costs {unit.money} for each second{when}, "
            "and its hold pays for that: give the session a cap, with `--max-cost`"
        )
        reasons.append(Reason(code="cap_required", text=text))
    if reasons or isinstance(world.author, Reason):
        return tuple(reasons)
    return Session.model_validate({
        **request.model_dump(),
        "user": world.author.user,
        "delegation": world.author.delegation,
        "opened_at": world.now,
        "expires_at": world.now + timedelta(seconds=request.max_age_s),
        "idle_price": unit,
        "price": price,
        "wall_clock": wall_clock or None,
    })  # fmt: skip


def _about_request(request: OpenSession, name: str, world: Opening) -> Iterator[Reason]:
    tenant = world.directory.tenant.get(name)
    project = tenant.project.get(request.project) if tenant else None
    if not world.signed or request.tenant != name:
        yield NOT_SIGNED
    if request.session != session_id(request.tenant, request.key):
        text = f"session {request.session} does not follow from its key: derive it as the contract of OpenSession says"
        yield Reason(code="bad_proof", text=text)
    if isinstance(world.author, Reason):
        yield world.author
    else:
        yield from about_author(name, request.project, world.author)
    yield from about_project(name, request.project, tenant, project)
    yield from about_backend(request.backend, request.project, world.backends, project)
    if world.open >= _MOST_OPEN:
        text = f"tenant {name} has {world.open} open sessions and may have {_MOST_OPEN}: close one, then open this one"
        yield Reason(code="too_many_sessions", text=text)


def _about_cap(request: OpenSession, name: str, world: Opening) -> Iterator[Reason]:
    if request.cap is None:
        return
    cap, tenant = request.cap.money, world.directory.tenant.get(name)
    project = tenant.project.get(request.project) if tenant else None
    if cap.currency != world.tariff.currency or (project and project.currency != cap.currency):
        text = (
            f"the cap is in {cap.currency}, prices in {world.tariff.currency}, and the budget of project "
            f"{request.project} in {project.currency if project else 'none'}: use one currency"
        )
        yield Reason(code="currency_mismatch", text=text)
        return
    if cap.amount <= 0:
        yield Reason(code="bad_cap", text=f"a cap of {cap} pays for nothing: give an amount above 0, or none")
    if project is None:
        return
    if cap > world.available:
        text = (
            f"the session would hold {cap}, and project {request.project} has {world.available} left: ask for less, or "
            f"raise its budget with `qb tenant fund {name} {request.project} AMOUNT`"
        )
        yield Reason(code="budget_exceeded", text=text)
    for budget, left in world.budgets.items():
        if left.currency != cap.currency or cap > left:
            text = (
                f"the session would hold {cap}, and budget {budget} of tenant {name} has {left} left: ask for less, or "
                f"raise it with `qb tenant budget {name} {budget} AMOUNT`"
            )
            yield Reason(code="budget_exceeded", text=text)


def about_closing(request: CloseSession, session: Session, author: Authority | Reason | None) -> Reason | None:
    """Why an author may not close a session; None if they may."""
    if isinstance(author, Reason):
        return author
    own = author is not None and author.user == session.user and author.may("submit")
    if author is None or not (own or author.may("manage")) or author.project not in (None, session.project):
        text = f"session {request.session} is user {session.user}'s: its user and admins of the tenant may close it"
        return Reason(code="role_forbids", text=text)
    return None


def about_session(
    asked: Submission | HybridSubmission, author: Authority | Reason, known: KnownSession | None
) -> Iterator[Reason]:
    """Yield every reason why a submission may not belong to the session that it names."""
    name = asked.session
    if name is None:
        return
    if known is None:
        text = f"tenant {asked.tenant} has no open session {name}: open one with `qb session open`"
        yield Reason(code="unknown_session", text=text)
        return
    session = known.session
    if known.end is not None:
        text = f"session {name} is closed ({known.end.reason}): open a new one, or submit without a session"
        yield Reason(code="session_closed", text=text)
    if isinstance(author, Authority) and author.user != session.user:
        text = f"session {name} is user {session.user}'s: open your own, or submit without a session"
        yield Reason(code="foreign_session", text=text)
    if asked.project != session.project:
        text = f"session {name} is of project {session.project}, and the job of {asked.project}: submit to the former"
        yield Reason(code="foreign_session", text=text)
    named = asked.backend if isinstance(asked, Submission) else None
    if named is not None and session.backend is not None and named != session.backend:
        text = f"the jobs of session {name} run on {session.backend}, and this one names {named}: "
        yield Reason(code="session_backend", text=f"{text}name that backend or none, or submit without a session")


def idle_cost(known: KnownSession, now: datetime) -> Money | None:
    """What the idle time of a session costs so far, without a limit; None if it is free."""
    price = known.session.idle_price
    if price is None:
        return None
    unit = price.money
    seconds = known.charged_s(now)
    return Money(idle_charge(unit.amount, seconds, unit.amount * seconds).amount, unit.currency)


def due(known: KnownSession, hold: OpenHold | None, in_use: Money | None, now: datetime) -> str | None:
    """Why an open session closes now; None if it stays open.

    Args:
        known: the session.
        hold: of its cap, if it has one: the amount is what no job has used yet.
        in_use: what is held for its jobs; it may come back.
        now: the time.
    """
    session = known.session
    if now >= session.expires_at:
        return "age"
    if known.idle.current(now) >= timedelta(seconds=session.max_idle_s):
        return "idle"
    if hold is None or known.active or (in_use and in_use.amount):
        return None
    cost, zero = idle_cost(known, now), Money.zero(hold.amount.currency)
    least = session.idle_price.money if session.idle_price else zero
    left = hold.amount - (cost or zero)
    return "spent" if left <= zero or left < least else None


def ended(known: KnownSession, hold: OpenHold | None, reason: str, by: str | None, now: datetime) -> SessionEnd:
    """The end of a session, with what is held for its idle time: at most what its jobs have not used."""
    session, idle_s = known.session, known.idle_s(now)
    charge = None
    if session.idle_price is not None and hold is not None:
        unit = session.idle_price.money
        due_now = idle_charge(unit.amount, known.charged_s(now), hold.amount.amount)
        charge = Amount.of(Money(due_now.amount, unit.currency)) if due_now.amount else None
    return SessionEnd(
        tenant=session.tenant,
        session=session.session,
        project=session.project,
        reason=reason,
        by=by,
        idle_s=idle_s,
        wall_s=known.wall_s(now),
        idle_hold=charge,
        price=session.price if charge else None,
        closed_at=now,
    )
