"""A session as a row of an answer."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from queuebit_broker.session_rules import idle_cost
from queuebit_broker.sessions import KnownSession
from queuebit_broker.state import World
from queuebit_contracts.session import budget_of
from queuebit_kernel import Money, rfc3339

__all__ = ["session_row"]


def session_row(world: World, known: KnownSession, now: datetime, priced_in: str) -> dict[str, JsonValue]:
    """What a session is, what it costs by now, and what of its cap is left.

    Args:
        world: what the log says.
        known: the session.
        now: the time.
        priced_in: the currency of the prices, and so of all its amounts if it has no cap.
    """
    session, end = known.session, known.end
    currency = session.cap.currency if session.cap else priced_in
    counted = world.accounts.committed(session.tenant, budget_of(session.session), currency)
    charged = end.idle_hold.money if end and end.idle_hold else None
    idle = idle_cost(known, now) if end is None else charged
    left = None
    if session.cap is not None and end is None:
        left = session.cap.money - counted.total - (idle or Money.zero(currency))
    return {
        "session": session.session,
        "label": session.label,
        "key": session.key,
        "project": session.project,
        "user": session.user,
        "backend": session.backend,
        "state": "open" if end is None else "closed",
        "reason": end.reason if end else None,
        "cap": session.cap.money.text() if session.cap else None,
        "charged": counted.spent.text(),
        "held": counted.held.text(),
        "left": left.text() if left else None,
        "currency": currency,
        "idle_price": session.idle_price.money.text() if session.idle_price else None,
        "idle_cost": idle.text() if idle else None,
        "idle_s": known.idle_s(now),
        "wall_s": known.wall_s(now),
        "jobs": known.jobs,
        "active": known.active,
        "max_idle_s": session.max_idle_s,
        "max_age_s": session.max_age_s,
        "opened_at": rfc3339(session.opened_at),
        "expires_at": rfc3339(session.expires_at),
        "closed_at": rfc3339(end.closed_at) if end else None,
        "sequence": world.sequence,
    }
