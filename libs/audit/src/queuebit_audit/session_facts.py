"""What is kept of sessions."""

from __future__ import annotations

from dataclasses import dataclass

from queuebit_contracts.session import (
    Session,
    SessionBill,
    SessionClosed,
    SessionEnd,
    SessionMetered,
    SessionOpened,
    request_of,
    session_id,
    signed_part,
)
from queuebit_runtime.keys import ALGORITHMS, ED25519

__all__ = ["SessionFacts", "is_signed"]


@dataclass(slots=True)
class SessionFacts:
    """What the log says of one session."""

    session: Session | None = None
    end: SessionEnd | None = None
    bill: SessionBill | None = None
    last: int = 0
    """Sequence of its newest event."""
    twice: tuple[str, ...] = ()
    """The names of events that came again."""

    def take(self, event: SessionOpened | SessionClosed | SessionMetered, sequence: int) -> None:
        """Fold one event."""
        self.last = sequence
        match event:
            case SessionOpened(data=data) if self.session is None:
                self.session = data
            case SessionClosed(data=data) if self.end is None:
                self.end = data
            case SessionMetered(data=data) if self.bill is None:
                self.bill = data
            case _:
                self.twice = (*self.twice, event.type)


def is_signed(session: Session) -> bool:
    """Whether its user's key signed the request that opened it."""
    verify = ALGORITHMS.get(session.proof.algorithm or ED25519)
    request = request_of(session)
    named = session.session == session_id(session.tenant, session.key)
    return named and verify is not None and verify(session.proof.key, signed_part(request), session.proof.signature)
