"""The events of sessions that the broker appends. Ids are derived, so that a repeat is recognised."""

from __future__ import annotations

from collections.abc import Sequence

from queuebit_broker import account_events
from queuebit_contracts.account import AccountHeld, AccountReleased, Hold, Release
from queuebit_contracts.session import (
    Session,
    SessionClosed,
    SessionEnd,
    SessionOpened,
    budget_of,
    idle_hold_of,
)
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money, event_id
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["cap_held", "closed", "idle_held", "opened", "released"]

_SOURCE = "qb/broker"


def opened(session: Session) -> SessionOpened:
    """The session opened."""
    return SessionOpened(
        id=event_id("session-opened", session.tenant, session.session),
        source=_SOURCE,
        time=session.opened_at,
        traceparent=current_traceparent(),
        data=session,
    )


def closed(end: SessionEnd) -> SessionClosed:
    """The session closed."""
    return SessionClosed(
        id=event_id("session-closed", end.tenant, end.session, end.reason, str(end.closed_at)),
        source=_SOURCE,
        time=end.closed_at,
        traceparent=current_traceparent(),
        data=end,
    )


def cap_held(session: Session, cap: Amount, budgets: Sequence[str]) -> AccountHeld:
    """The cap of a session is held."""
    return _held(session, session.session, cap, "session", budgets)


def idle_held(session: Session, charge: Amount, budgets: Sequence[str]) -> AccountHeld:
    """The charge for its idle time is held, out of its cap."""
    return _held(session, idle_hold_of(session.session), charge, "idle", (*budgets, budget_of(session.session)))


def released(session: Session, cap: Money) -> AccountReleased:
    """The hold of a cap ends: what its jobs hold stays held."""
    return account_events.released(
        Release(tenant=session.tenant, account=session.project, job=session.session, amount=Amount.of(cap))
    )


def _held(session: Session, name: str, amount: Amount, purpose: str, budgets: Sequence[str]) -> AccountHeld:
    hold = Hold(
        tenant=session.tenant,
        account=session.project,
        job=name,
        amount=amount,
        purpose=purpose,
        budgets=tuple(budgets) or None,
    )
    return account_events.held(hold)
