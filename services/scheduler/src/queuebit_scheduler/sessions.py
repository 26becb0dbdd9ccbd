"""Open sessions with priority, and the run time that each backend owes to jobs without a session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from queuebit_contracts.session import Session
from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduling import Key, Policy

__all__ = ["Sessions"]


class Sessions:
    """A session has priority on the backend that it names; one that names none has no priority."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._open: dict[Key, str] = {}
        self._settled: dict[str, int] = {}
        """What each backend owes for jobs that ended."""
        self._expected: dict[str, int] = {}
        """Expected run time of placed jobs that count as of sessions."""

    def opened(self, session: Session) -> str | None:
        """Note an open session; return the backend where it has priority."""
        if session.backend is not None:
            self._open[session.tenant, session.session] = session.backend
        return session.backend

    def closed(self, tenant: str, session: str) -> str | None:
        """Forget a session; return the backend where it had priority."""
        return self._open.pop((tenant, session), None)

    def prioritised(self, accepted: AcceptedJob, session: str | None) -> AcceptedJob:
        """Return an accepted job with the priority of its session, if that is open and for its only candidate."""
        if session is None:
            return accepted
        backend = self._open.get((accepted.job.tenant, session))
        return accepted.prioritised(session if [it.backend for it in accepted.job.candidates] == [backend] else None)

    def expect(self, backend: str, us: int) -> None:
        """Change the expected run time of the placed jobs that count as of sessions."""
        if us := self._expected.pop(backend, 0) + us:
            self._expected[backend] = us

    def ran(self, backend: str, ran_us: int, session: str | None) -> bool:
        """Count a job that ended, by the session that it counts for; return whether that changed what is owed."""
        if session is None and backend not in self._settled:
            return False
        owed_us = self._policy.owed_us(self._settled.pop(backend, 0), ran_us, session=session is not None)
        if owed_us:
            self._settled[backend] = owed_us
        return True

    def owed_us(self, backend: str) -> int:
        """What a backend owes for ended and placed jobs."""
        return self._settled.get(backend, 0) + self._expected.get(backend, 0)

    def on(self, backend: str) -> int:
        """How many open sessions have priority on a backend."""
        return sum(it == backend for it in self._open.values())

    def freeze(self) -> tuple[tuple[tuple[str, str, str], ...], dict[str, int]]:
        """Copy what the log says: open sessions as tenant, id and backend; and what is owed for ended jobs."""
        return tuple((*key, backend) for key, backend in self._open.items()), {**self._settled}

    def restore(self, opened: Iterable[tuple[str, str, str]], settled: Mapping[str, int]) -> None:
        """Become what was frozen."""
        self._open.update({(tenant, session): backend for tenant, session, backend in opened})
        self._settled.update(settled)
