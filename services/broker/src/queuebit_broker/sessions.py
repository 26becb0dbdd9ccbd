"""The sessions that the broker knows, folded from the log: which are open, their jobs, and how long they were idle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from queuebit_contracts.idle_time import IdleTime
from queuebit_contracts.session import Session, SessionClosed, SessionEnd, SessionOpened, session_in

__all__ = ["KnownSession", "Sessions"]

_KEPT: Final = timedelta(days=1)
"""How long a session that closed is remembered, so that a request about it has a plain answer; its facts stay."""


@dataclass(slots=True)
class KnownSession:
    """One session."""

    session: Session
    idle: IdleTime
    end: SessionEnd | None = None
    """None while it is open."""
    ended_at: int = 0
    """Where in the log its end is; 0 while it is open."""
    jobs: int = 0
    """How many jobs it has had."""

    @property
    def active(self) -> int:
        """How many of its jobs wait or run."""
        return len(self.idle.jobs)

    def idle_s(self, now: datetime) -> int:
        """Whole seconds without a job, until it closed or until now."""
        return self.end.idle_s if self.end else int(self.idle.total(now).total_seconds())

    def wall_s(self, now: datetime) -> int | None:
        """Whole seconds since it opened, until it closed or until now; None if they are not what is charged."""
        if not self.session.wall_clock:
            return None
        return self.end.wall_s if self.end else max(0, int((now - self.session.opened_at).total_seconds()))

    def charged_s(self, now: datetime) -> int:
        """The seconds that are charged."""
        return self.idle_s(now) if (wall_s := self.wall_s(now)) is None else wall_s


class Sessions:
    """The sessions of all tenants: those that are open, and those that closed within a day."""

    def __init__(self, known: Iterable[KnownSession] = ()) -> None:
        """Begin with nothing, or with what another fold knew."""
        self._known = {(it.session.tenant, it.session.session): it for it in known}
        self._session_of = {
            (it.session.tenant, job): it.session.session for it in self._known.values() for job in it.idle.jobs
        }
        self._swept: datetime | None = None

    def find(self, tenant: str, session: str) -> KnownSession | None:
        """A session; None if it is unknown or was forgotten."""
        return self._known.get((tenant, session))

    def at(self, tenant: str, session: str, sequence: int) -> KnownSession | None:
        """A session as a submission at this place in the log found it: open, if it ended later."""
        known = self.find(tenant, session)
        return replace(known, end=None) if known is not None and known.ended_at > sequence else known

    def of(self, tenant: str) -> list[KnownSession]:
        """Those of a tenant, the newest first."""
        return [it for (owner, _), it in reversed(self._known.items()) if owner == tenant]

    def open(self) -> Iterator[KnownSession]:
        """Each that is open."""
        return (it for it in [*self._known.values()] if it.end is None)

    def all(self) -> Iterator[KnownSession]:
        """Each that is known, oldest first."""
        return iter(self._known.values())

    def opened(self, event: SessionOpened) -> None:
        """Fold that a session opened."""
        data = event.data
        self._known.setdefault((data.tenant, data.session), KnownSession(data, IdleTime(data.opened_at)))

    def closed(self, event: SessionClosed, sequence: int) -> list[Session]:
        """Fold that a session closed; return those that are forgotten with it."""
        known = self.find(event.data.tenant, event.data.session)
        if known is not None and known.end is None:
            known.end, known.ended_at = event.data, sequence
        return self._sweep(event.data.closed_at)

    def began(self, tenant: str, job: str, budgets: Iterable[str] | None, at: datetime) -> None:
        """Fold that money is held for a job, against these budgets."""
        for session in map(session_in, budgets or ()):
            if session is not None and (known := self.find(tenant, session)) is not None:
                known.jobs += job not in known.idle.jobs
                known.idle = known.idle.began(job, at)
                self._session_of[tenant, job] = session

    def ended(self, tenant: str, job: str, at: datetime) -> None:
        """Fold that a job ended, of a session or not."""
        if not self._session_of:
            return
        session = self._session_of.pop((tenant, job), None)
        if session is not None and (known := self.find(tenant, session)) is not None:
            known.idle = known.idle.ended(job, at)

    def _sweep(self, now: datetime) -> list[Session]:
        if self._swept is not None and now - self._swept < _KEPT / 24:
            return []
        self._swept = now
        old = [it for it in self._known.values() if it.end is not None and it.end.closed_at + _KEPT < now]
        for it in old:
            del self._known[it.session.tenant, it.session.session]
        return [it.session for it in old]
