"""Requests to open and close sessions, signed by the user, and what the platform answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queuebit.amounts import Amount, money_of
from queuebit.credentials import Credential
from queuebit.errors import InvalidInput, Reason, Refused
from queuebit.inputs import one_line, plain_name, whole_number
from queuebit.records import Row
from queuebit.signing import UNSIGNED, proof_of
from queuebit_contracts.session import (
    DEFAULT_AGE_S,
    DEFAULT_IDLE_S,
    MAX_AGE_S,
    CloseSession,
    OpenSession,
    SessionAnswer,
    session_id,
)
from queuebit_contracts.wire import Amount as WireAmount
from queuebit_kernel import Money, rfc3339

__all__ = ["SessionCost", "SessionTerms", "closing", "cost_of", "opening", "session_document", "terms_of"]


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """What a session is, as the platform opened it or would open it."""

    session: str
    backend: str | None
    """The only backend of its jobs, where they run before others; None for any, without priority."""
    max_cost: Money | None
    """The hold: what its jobs and its idle time may cost together."""
    idle_price: Money | None
    """Of each second in which it is open and has no job; None if that is free."""
    max_idle: int
    """It closes after so many seconds without a job."""
    expires_at: datetime
    """It closes then at the latest."""
    closed: str | None = None
    """Why it closed; None while it is open."""


@dataclass(frozen=True, slots=True)
class SessionCost:
    """What a session costs so far, with the jobs of all programs."""

    charged: Money | None
    """What was charged; None where nothing was."""
    held: Money | None
    """Held for jobs without a final bill: the most that they can cost; None where nothing is held."""
    jobs: int
    """Those that were admitted."""
    left: Money | None = None
    """What its jobs may still cost; None without `max_cost`, and after its end."""
    idle: Money | None = None
    """What its idle time costs; while it is open, that is not charged yet. None where it is free."""
    idle_s: int = 0
    """Seconds in which it was open and had no job."""


def opening(
    credential: Credential,
    *,
    key: str,
    project: str | None,
    label: str,
    backend: str | None,
    max_cost: Amount | None,
    max_idle: int | None,
    max_age: int | None,
    dry_run: bool = False,
) -> OpenSession:
    """The signed request to open a session.

    Raises:
        InvalidInput: a value cannot be sent.
    """
    project = project or credential.project
    if not project:
        raise InvalidInput("no project is named, and the credential has no default: name the project that pays")
    draft = OpenSession(
        tenant=credential.tenant,
        project=plain_name("project", project),
        session=session_id(credential.tenant, key),
        key=one_line("key", key, 128),
        label=one_line("name", label, 200),
        backend=None if backend is None else plain_name("backend", str(backend).lower()),
        cap=None if max_cost is None else WireAmount.of(money_of(max_cost)),
        max_idle_s=DEFAULT_IDLE_S if max_idle is None else whole_number("max_idle", max_idle, 1, MAX_AGE_S),
        max_age_s=DEFAULT_AGE_S if max_age is None else whole_number("max_age", max_age, 1, MAX_AGE_S),
        dry_run=dry_run,
        proof=UNSIGNED,
    )
    content = draft.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    return draft.model_copy(update={"proof": proof_of(content, credential.seed, credential.delegation)})


def closing(credential: Credential, session: str) -> CloseSession:
    """The signed request to close a session."""
    content = {"tenant": credential.tenant, "session": plain_name("session", session)}
    return CloseSession(**content, proof=proof_of(content, credential.seed, credential.delegation))


def session_document(answer: SessionAnswer) -> Row:
    """A session as a row, with the names that `qb.query.<tenant>.sessions` has.

    Raises:
        Refused: the answer is a refusal.
    """
    session, end = answer.session, answer.closed
    if session is None:
        raise Refused([Reason(it.code, it.text) for it in answer.errors])
    cap = session.cap.money if session.cap else None
    idle = session.idle_price.money if session.idle_price else None
    currency = next((it.currency for it in (cap, idle) if it), None)
    return {
        "session": session.session,
        "label": session.label,
        "key": session.key,
        "project": session.project,
        "user": session.user,
        "backend": session.backend,
        "state": "open" if end is None else "closed",
        "reason": end.reason if end else None,
        "cap": cap.text() if cap else None,
        "currency": currency,
        "idle_price": idle.text() if idle else None,
        "max_idle_s": session.max_idle_s,
        "max_age_s": session.max_age_s,
        "opened_at": rfc3339(session.opened_at),
        "expires_at": rfc3339(session.expires_at),
        "closed_at": rfc3339(end.closed_at) if end else None,
    }


def terms_of(row: Mapping[str, Any]) -> SessionTerms:
    """What a row says of the session itself."""
    return SessionTerms(
        session=row["session"],
        backend=row["backend"],
        max_cost=_money(row, "cap"),
        idle_price=_money(row, "idle_price"),
        max_idle=int(row["max_idle_s"]),
        expires_at=datetime.fromisoformat(row["expires_at"]),
        closed=row["reason"],
    )


def cost_of(row: Mapping[str, Any]) -> SessionCost:
    """What a row says of the money."""
    charged, held = _money(row, "charged"), _money(row, "held")
    return SessionCost(
        charged=charged if charged and charged.amount else None,
        held=held if held and held.amount else None,
        jobs=int(row["jobs"]),
        left=_money(row, "left"),
        idle=_money(row, "idle_cost"),
        idle_s=int(row["idle_s"]),
    )


def _money(row: Mapping[str, Any], name: str) -> Money | None:
    return None if row[name] is None else Money.of(row[name], row["currency"])
