"""The scheduler's view of the world, folded from the log and kept current in constant time per event.

It holds active jobs only. Of those that ended two aggregates remain: what each tenant received, and how long jobs of
a size take on a backend. A decision reserves its place here before the log confirms it; the fold of the same
placement then changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from queuebit_contracts.backend import BackendRegistered
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.job import Ended, JobAccepted, JobCompleted, JobPlaced, JobStarted
from queuebit_scheduler.accounts import Accounts
from queuebit_scheduler.jobs import Job, Outstanding
from queuebit_scheduler.snapshot import Backend, Key, Option, Snapshot, Waiting
from queuebit_scheduler.usage import micros

__all__ = ["State"]


@dataclass(slots=True)
class _Seats:
    """A backend; one without slots has not registered."""

    slots: int = 0
    taken: int = 0
    backlog_us: int = 0
    answers: bool = False
    """Whether its executor promised to answer the question whether it is there."""
    silent_since: datetime | None = None


_Line = tuple[str, frozenset[str]]
"""Jobs of one tenant with the same candidates: if the oldest cannot be placed, none can."""


class State:
    """Who waits, what is outstanding, and what everybody received."""

    def __init__(self, places_per_slot: int) -> None:
        self._places_per_slot = places_per_slot
        self._waiting: dict[Key, Job] = {}
        self._lines: dict[_Line, OrderedDict[Key, Job]] = {}
        self._outstanding: dict[Key, Outstanding] = {}
        self._backends: dict[str, _Seats] = {}
        self._accounts = Accounts()

    @property
    def waiting(self) -> int:
        """Jobs without a place."""
        return len(self._waiting)

    @property
    def outstanding(self) -> int:
        """Jobs with a place that have not ended."""
        return len(self._outstanding)

    def evolve(self, event: Decoded, sequence: int, at: datetime) -> None:
        """Fold one event of the log, stored there `at`.

        An event about a job that is not active says nothing, and neither does one that accepts an active job again.
        """
        match event:
            case JobAccepted() if not self._active((event.data.tenant, event.data.job)):
                self._accounts.weigh(event.data.tenant, event.data.share)
                self._line_up(Job.of(event, sequence))
            case JobPlaced():
                self._shown((event.data.tenant, event.data.job), event.data.backend, sequence)
            case JobStarted():
                if outstanding := self._shown((event.data.tenant, event.data.job), event.data.backend, sequence):
                    outstanding.started_at = at
            case BackendRegistered():
                seats = self._seats(event.data.backend)
                seats.slots, seats.answers = event.data.slots, bool(event.data.answers_alive)
            case _ if isinstance(event, Ended):
                self._ended((event.data.tenant, event.data.job), at, completed=isinstance(event, JobCompleted))

    def job(self, key: Key) -> Job:
        """An active job."""
        return self._waiting[key] if key in self._waiting else self._outstanding[key].job

    def waiting_of(self, tenant: str) -> list[Job]:
        """A tenant's jobs without a place, oldest first."""
        lines = [line for (owner, _), line in self._lines.items() if owner == tenant]
        return sorted((job for line in lines for job in line.values()), key=lambda job: job.sequence)

    def backends(self) -> dict[str, Backend]:
        """Every registered backend by name."""
        return {
            name: Backend(name, it.slots, it.slots * self._places_per_slot, it.taken, it.backlog_us, it.silent_since)
            for name, it in sorted(self._backends.items())
            if it.slots
        }

    def snapshot(self, at: datetime, limit: int, size: int = 256) -> Snapshot | None:
        """What a cycle decides from, or nothing while no job can be placed.

        Args:
            at: the moment of the decision.
            limit: the most placements of the cycle.
            size: about how many jobs it may hold; one for each line at least.
        """
        backends = {name: it for name, it in self.backends().items() if it.free} if self._waiting else {}
        waiting = sorted(self._placeable(backends, limit, size), key=lambda it: it.order)
        if not waiting:
            return None
        wanted = {option.backend for it in waiting for option in it.options}
        return Snapshot(
            at_us=micros(at),
            limit=limit,
            backends=tuple(it for name, it in backends.items() if name in wanted),
            tenants=tuple(self._accounts.tenant(name) for name in sorted({it.tenant for it in waiting})),
            waiting=tuple(waiting),
        )

    def answering(self) -> list[str]:
        """The backends that promised to answer."""
        return [name for name, it in sorted(self._backends.items()) if it.slots and it.answers]

    def silence(self, since: Mapping[str, datetime]) -> bool:
        """Note which backends are taken for gone, and line up what waits there and may run elsewhere.

        A job that has started there stays: its executor may still run it, and no job runs twice. One that was lined up
        and that the executor starts after all is back at its place as soon as the view shows it.

        Returns:
            Whether anything changed that a cycle may act on.
        """
        before = {name: it.silent_since for name, it in self._backends.items()}
        for name, seats in self._backends.items():
            seats.silent_since = since.get(name)
        stranded = [key for key, it in self._outstanding.items() if self._may_leave(it)]
        for key in reversed(stranded):
            self._line_up(self._free(key).job, front=True)
        return bool(stranded) or before != {name: it.silent_since for name, it in self._backends.items()}

    def placed_of(self, tenant: str) -> list[tuple[Outstanding, int]]:
        """A tenant's jobs with a place, oldest placement first, and how many jobs were placed there before each."""
        ahead: dict[str, int] = {}
        found = []
        for it in sorted(self._outstanding.values(), key=lambda it: it.job.after):
            if it.job.tenant == tenant:
                found.append((it, ahead.get(it.backend, 0)))
            ahead[it.backend] = ahead.get(it.backend, 0) + 1
        return found

    def reserve(self, key: Key, backend: str) -> None:
        """Take a place for a waiting job."""
        job = self._leave_line(key)
        expected_us = self._accounts.expected_us(job, backend)
        self._outstanding[key] = Outstanding(job, backend, expected_us)
        self._take(job.tenant, backend, 1, expected_us)

    def release(self, key: Key) -> None:
        """Give back a place that the log has not shown; the job goes to the front of its line.

        Several are released youngest first, which restores their order.
        """
        outstanding = self._outstanding.get(key)
        if outstanding is not None and not outstanding.confirmed:
            self._line_up(self._free(key).job, front=True)

    def rescore(self, key: Key, backend: str, esp_ppm: int) -> bool:
        """Note another success probability of an active job's candidate; say whether that changed anything."""
        job = self.job(key) if self._active(key) else None
        bid = job.bids.get(backend) if job else None
        if job is None or bid is None or bid.esp_ppm == esp_ppm:
            return False
        job = replace(job, bids={**job.bids, backend: replace(bid, esp_ppm=esp_ppm)})
        if key in self._outstanding:
            self._outstanding[key].job = job
        else:
            self._waiting[key] = self._lines[job.tenant, frozenset(job.bids)][key] = job
        return True

    def forget(self, key: Key) -> None:
        """Drop a job that took a place and cannot be placed: neither it nor its place are held up any longer."""
        if key in self._outstanding:
            self._free(key)

    def _active(self, key: Key) -> bool:
        return key in self._waiting or key in self._outstanding

    def _shown(self, key: Key, backend: str, sequence: int) -> Outstanding | None:
        """The log shows an active job on a backend: there it is, wherever it was thought to be."""
        outstanding = self._outstanding.get(key)
        if outstanding is not None and outstanding.backend != backend:
            self._line_up(self._free(key).job, front=True)
        if key in self._waiting:
            self.reserve(key, backend)
        if (shown := self._outstanding.get(key)) is not None:
            shown.confirmed, shown.job = True, replace(shown.job, after=sequence)
        return shown

    def _may_leave(self, it: Outstanding) -> bool:
        """Whether a job waits on a backend that is gone, while another of its candidates is there."""
        if it.started_at is not None or not it.confirmed or not self._seats(it.backend).silent_since:
            return False
        others = (self._backends.get(name) for name in it.job.bids if name != it.backend)
        return any(other is not None and other.slots and not other.silent_since for other in others)

    def _ended(self, key: Key, at: datetime, *, completed: bool) -> None:
        if key in self._waiting:
            self._leave_line(key)
        elif key in self._outstanding:
            self._accounts.receive(self._free(key), at, completed=completed)

    def _placeable(self, free: Mapping[str, Backend], limit: int, size: int) -> Iterator[Waiting]:
        expected_us = self._accounts.expected_us
        lines = [(candidates & free.keys(), line) for (_, candidates), line in self._lines.items()]
        lines = [(names, line) for names, line in lines if names]
        for names, line in lines:
            useful = min(len(line), limit, sum(free[name].free for name in names))
            shown = min(useful, max(1, size // len(lines)))
            for number, job in enumerate(islice(line.values(), shown), start=1):
                yield Waiting(
                    job.tenant,
                    job.job,
                    job.sequence,
                    micros(job.accepted_at),
                    tuple(
                        Option(it, expected_us(job, it), job.bids[it].esp_ppm, job.bids[it].cost_rank)
                        for it in sorted(names)
                    ),
                    more=number == shown < useful,
                )

    def _line_up(self, job: Job, *, front: bool = False) -> None:
        self._waiting[job.key] = job
        line = self._lines.setdefault((job.tenant, frozenset(job.bids)), OrderedDict())
        line[job.key] = job
        if front:
            line.move_to_end(job.key, last=False)

    def _leave_line(self, key: Key) -> Job:
        job = self._waiting.pop(key)
        name = (job.tenant, frozenset(job.bids))
        del self._lines[name][key]
        if not self._lines[name]:
            del self._lines[name]
        return job

    def _free(self, key: Key) -> Outstanding:
        outstanding = self._outstanding.pop(key)
        self._take(outstanding.job.tenant, outstanding.backend, -1, -outstanding.expected_us)
        return outstanding

    def _take(self, tenant: str, backend: str, places: int, expected_us: int) -> None:
        seats = self._seats(backend)
        seats.taken += places
        seats.backlog_us += expected_us
        self._accounts.expect(tenant, expected_us)

    def _seats(self, backend: str) -> _Seats:
        return self._backends.setdefault(backend, _Seats())
