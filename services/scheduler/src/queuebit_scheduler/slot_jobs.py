"""Waiting jobs, of which some wait for their reservation: these take no part in decisions until its slot begins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from queuebit_scheduler.calendar import Calendar
from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduler.waiting_jobs import WaitingJobs
from queuebit_scheduling import Key, Policy

__all__ = ["SlotJobs"]


class SlotJobs(WaitingJobs):
    """As `WaitingJobs`; a job that names a reservation is in a group only while its slot is in force.

    A job of which no backend has what it demands has its fallback while one of these is out of service.
    """

    def __init__(self, policy: Policy, calendar: Calendar, out: Callable[[], Collection[str]]) -> None:
        """Begin empty; `out` gives the backends that are out of service or isolated."""
        super().__init__(policy)
        self._calendar = calendar
        self._out = out
        self._parked: dict[Key, AcceptedJob] = {}

    def __len__(self) -> int:
        return super().__len__() + len(self._parked)

    def __contains__(self, key: Key) -> bool:
        return key in self._parked or super().__contains__(key)

    def __getitem__(self, key: Key) -> AcceptedJob:
        return self._parked[key] if key in self._parked else super().__getitem__(key)

    def __iter__(self) -> Iterator[AcceptedJob]:
        yield from super().__iter__()
        yield from self._parked.values()

    def add(self, accepted: AcceptedJob) -> None:
        """Put a job where it belongs in its group, or aside until its slot begins."""
        accepted = accepted.while_out(self._out())
        name = accepted.reservation
        if name is None or self._calendar.is_in_force(accepted.job.tenant, name):
            super().add(accepted)
        else:
            self._parked[accepted.key] = accepted

    def pop(self, key: Key) -> AcceptedJob:
        """Take a job out."""
        return self._parked.pop(key) if key in self._parked else super().pop(key)

    def of(self, tenant: str) -> list[AcceptedJob]:
        """A tenant's jobs: those that are next, then those that wait for their slots, oldest first."""
        parked = (it for it in self._parked.values() if it.job.tenant == tenant)
        return [*super().of(tenant), *sorted(parked, key=lambda it: it.job.sequence)]

    def arrange(self, tenant: str, reservation: str) -> None:
        """Put the jobs of a reservation where they belong, after its slot began or ended."""
        self._add_again([it for it in self if it.reservation == reservation and it.job.tenant == tenant])

    def serve(self) -> None:
        """Give jobs their fallback, or take it from them, after a backend went out of service or came back."""
        out = self._out()
        self._add_again([it for it in self if it.least_esp_ppm is not None and it.while_out(out) != it])

    def _add_again(self, jobs: Sequence[AcceptedJob]) -> None:
        for it in jobs:
            self.pop(it.key)
        for it in jobs:
            self.add(it)
