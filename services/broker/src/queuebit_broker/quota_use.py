"""What jobs use of quotas, folded from the holds that name them.

Shots and time are counted by the minute of the hold, so that a month of a busy tenant is a few ten thousand numbers. A
job leaves the window with the end of its minute. Replaying the same holds and ends gives the same counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from queuebit_contracts.account import Hold
from queuebit_contracts.tenants import LONGEST_QUOTA_S

__all__ = ["FrozenUse", "QuotaUse", "Used"]

_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Used:
    """What is used of one quota."""

    active: int
    shots: int
    qpu_us: int


@dataclass(frozen=True, slots=True)
class _Job:
    """What a job that has not ended counts."""

    quotas: tuple[str, ...]
    minute: int
    shots: int
    qpu_us: int


_Key = tuple[str, str]
"""A tenant, and a quota or a job of it."""


@dataclass(frozen=True, slots=True)
class FrozenUse:
    """A copy of all."""

    jobs: tuple[tuple[str, str, _Job], ...] = ()
    minutes: tuple[tuple[str, str, dict[int, tuple[int, int]]], ...] = ()


@dataclass(slots=True)
class _Counter:
    """The use of one quota."""

    active: set[str] = field(default_factory=set)
    minutes: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Shots and microseconds of the holds of a minute."""
    window_s: int = 0
    since: int = 0
    """The first minute that is in the sums."""
    shots: int = 0
    qpu_us: int = 0

    def add(self, minute: int, shots: int, qpu_us: int) -> None:
        before = self.minutes.get(minute, (0, 0))
        self.minutes[minute] = before[0] + shots, before[1] + qpu_us
        if minute >= self.since:
            self.shots, self.qpu_us = self.shots + shots, self.qpu_us + qpu_us

    def at(self, now: datetime, window_s: int) -> Used:
        """What is used in the window that ends now."""
        since = _since(now, window_s)
        if window_s != self.window_s or since < self.since:
            self.window_s, self.since = window_s, since
            inside = [it for minute, it in self.minutes.items() if minute >= since]
            self.shots, self.qpu_us = sum(it[0] for it in inside), sum(it[1] for it in inside)
        else:
            for minute in [it for it in self._passed(since) if it in self.minutes]:
                shots, qpu_us = self.minutes[minute]
                self.shots, self.qpu_us = self.shots - shots, self.qpu_us - qpu_us
            self.since = since
        return Used(len(self.active), self.shots, self.qpu_us)

    def _passed(self, since: int) -> Sequence[int]:
        """Minutes that have left the window; those with holds, if they are fewer."""
        if since - self.since <= len(self.minutes):
            return range(self.since, since)
        return [it for it in self.minutes if self.since <= it < since]

    def prune(self, now_minute: int) -> None:
        """Forget minutes that no window has; the sums are made again when they are asked for."""
        self.window_s = 0
        oldest = now_minute - LONGEST_QUOTA_S // _MINUTE - 1
        for minute in [it for it in self.minutes if it < oldest]:
            del self.minutes[minute]


class QuotaUse:
    """The use of all quotas."""

    def __init__(self) -> None:
        self._jobs: dict[_Key, _Job] = {}
        self._counters: dict[_Key, _Counter] = {}
        self._pruned = 0

    def held(self, hold: Hold, at: datetime) -> None:
        """Count a job from its hold on; a hold that is folded twice counts once."""
        if not hold.quotas or (hold.tenant, hold.job) in self._jobs:
            return
        job = _Job(hold.quotas, int(at.timestamp()) // _MINUTE, hold.shots or 0, hold.qpu_us or 0)
        self._jobs[hold.tenant, hold.job] = job
        for name in job.quotas:
            counter = self._counters.setdefault((hold.tenant, name), _Counter())
            counter.active.add(hold.job)
            counter.add(job.minute, job.shots, job.qpu_us)
        if job.minute - self._pruned > LONGEST_QUOTA_S // _MINUTE // 31:
            self._pruned = job.minute
            for counter in self._counters.values():
                counter.prune(job.minute)

    def ended(self, tenant: str, job: str, *, ran: bool) -> None:
        """The job is not active any more; one that cannot have run gives back its shots and time."""
        it = self._jobs.pop((tenant, job), None)
        if it is None:
            return
        for name in it.quotas:
            counter = self._counters[tenant, name]
            counter.active.discard(job)
            if not ran:
                counter.add(it.minute, -it.shots, -it.qpu_us)

    def used(self, tenant: str, name: str, window_s: int, now: datetime) -> Used:
        """What is used of a quota in the window that ends now."""
        counter = self._counters.get((tenant, name))
        return counter.at(now, window_s) if counter else Used(0, 0, 0)

    def names(self, tenant: str) -> list[str]:
        """The quotas of a tenant against which something counted."""
        return sorted(name for owner, name in self._counters if owner == tenant)

    def leaving(self, tenant: str, name: str, window_s: int, now: datetime) -> Iterator[tuple[datetime, int, int]]:
        """When how many shots and how much time leave the window, from now on."""
        counter, since = self._counters.get((tenant, name), _Counter()), _since(now, window_s)
        for minute in sorted(counter.minutes):
            if minute >= since:
                at = datetime.fromtimestamp((minute + 1) * _MINUTE + window_s, UTC)
                yield (at, *counter.minutes[minute])

    def freeze(self) -> FrozenUse:
        """Copy all."""
        return FrozenUse(
            tuple((*key, it) for key, it in self._jobs.items()),
            tuple((*key, {**it.minutes}) for key, it in self._counters.items()),
        )

    def restore(self, frozen: FrozenUse) -> None:
        """Become what was frozen."""
        self._jobs = {(tenant, job): it for tenant, job, it in frozen.jobs}
        self._counters = {(tenant, name): _Counter(minutes=minutes) for tenant, name, minutes in frozen.minutes}
        for (tenant, job), it in self._jobs.items():
            for name in it.quotas:
                self._counters[tenant, name].active.add(job)


def _since(now: datetime, window_s: int) -> int:
    """The first minute of a window: the earlier ones have ended at least a window ago."""
    return (int(now.timestamp()) - window_s) // _MINUTE
