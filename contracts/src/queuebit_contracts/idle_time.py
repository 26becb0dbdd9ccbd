"""The time in which an open session has no job: what a session that holds priority is charged for.

Pure, and the only home of the rule: the broker, which closes idle sessions and states the time, folds it from the log,
and so can every reader.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

__all__ = ["IdleTime"]


@dataclass(frozen=True, slots=True)
class IdleTime:
    """Of one session: idle from its opening, except while a job of it waits or runs.

    A job counts from the hold of its money until it ends or its hold is released without it. All times come
    from the log. A fact that comes again changes nothing, and a time before an earlier one adds nothing.
    """

    since: datetime
    """When the present state, idle or not, began."""
    before: timedelta = timedelta()
    """Idle time until then."""
    jobs: frozenset[str] = frozenset()
    """The jobs that wait or run."""

    def began(self, job: str, at: datetime) -> IdleTime:
        """Return the state after a job began to wait."""
        if self.jobs:
            return self if job in self.jobs else replace(self, jobs=self.jobs | {job})
        return IdleTime(max(at, self.since), self.total(at), frozenset({job}))

    def ended(self, job: str, at: datetime) -> IdleTime:
        """Return the state after a job ended; a job that is not known changes nothing."""
        left = self.jobs - {job}
        if left or not self.jobs:
            return replace(self, jobs=left)
        return IdleTime(max(at, self.since), self.before)

    def current(self, at: datetime) -> timedelta:
        """How long the session has been idle without a break, until a time; 0 while it has a job."""
        return timedelta() if self.jobs else max(timedelta(), at - self.since)

    def total(self, at: datetime) -> timedelta:
        """All idle time from the opening until a time."""
        return self.before + self.current(at)
