"""Runs many circuits, each as a job of its own; one that fails does not stop the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from queuebit.errors import JobFailed, QueuebitError, Refused
from queuebit.inputs import one_line, whole_number
from queuebit.keys import KeySpace, active_keys, keyed
from queuebit.records import Result
from queuebit_kernel import Money

if TYPE_CHECKING:
    from queuebit.job import AsyncJob

__all__ = ["Mapped", "Progress", "map_circuits"]

_MOST_AT_ONCE = 256
_BILL_S = 10.0
"""How long to wait for the bill after the end of a job."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call of `Client.map` is."""

    done: int
    failed: int
    """Of those that are done: without a result."""
    total: int
    charged: Money | None
    """The sum of the bills so far; None before the first."""


class Mapped(list[Result | QueuebitError]):
    """A result or an error for each circuit, in order."""

    def __init__(
        self,
        outcomes: Iterable[Result | QueuebitError],
        jobs: Iterable[str | None],
        charged: Money | None,
        unbilled: Iterable[str],
    ) -> None:
        super().__init__(outcomes)
        self.jobs = (*jobs,)
        """The id of each job; None where none was submitted."""
        self.charged = charged
        """The sum of the bills, also of jobs that were found again; None where there is none."""
        self.unbilled = (*unbilled,)
        """Ids of jobs whose bill was not there in time, or that still run: `charged` is without them."""

    def results(self) -> list[Result]:
        """The results; raises the first error, if there is one."""
        found = []
        for it in self:
            if isinstance(it, QueuebitError):
                raise it
            found.append(it)
        return found


async def map_circuits(
    submit: Callable[..., Awaitable[AsyncJob]],
    circuits: Iterable[object],
    concurrency: int,
    key: str | None,
    timeout: float | None,
    report: Callable[[Progress], None] | None,
    options: Mapping[str, Any],
) -> Mapped:
    """As `AsyncClient.map`; `submit` is that of a client or a session."""
    wanted = [*circuits]
    workers = whole_number("concurrency", concurrency, 1, _MOST_AT_ONCE)
    keys = active_keys()
    if key is not None:
        keys = KeySpace(f"map\n{one_line('key', key, 128)}", tag=None if keys is None else keys.tag)
    run = _Run(submit, timeout, report or (lambda _: None), options, len(wanted))
    with keyed(keys):
        await run.all(enumerate(wanted), min(workers, len(wanted)))
    order = range(len(wanted))
    return Mapped((run.outcomes[it] for it in order), map(run.jobs.get, order), run.charged, run.unbilled)


@dataclass(slots=True)
class _Run:
    submit: Callable[..., Awaitable[AsyncJob]]
    timeout: float | None
    report: Callable[[Progress], None]
    options: Mapping[str, Any]
    total: int
    outcomes: dict[int, Result | QueuebitError] = field(default_factory=dict)
    jobs: dict[int, str] = field(default_factory=dict)
    unbilled: dict[str, None] = field(default_factory=dict)
    failed: int = 0
    charged: Money | None = None

    async def all(self, numbered: Iterator[tuple[int, object]], workers: int) -> None:
        """Take circuits one by one, as many at once as there are workers; then wait for the last bills."""

        async def work() -> None:
            for number, circuit in numbered:
                job = await self._one(number, circuit)
                self._progress()
                if job is not None:
                    group.create_task(self._bill(job))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(work())
        except ExceptionGroup as errors:  # not of the platform: a wrong argument, or `report` itself
            raise errors.exceptions[0] from None

    async def _one(self, number: int, circuit: object) -> AsyncJob | None:
        """Run one circuit; return its job if its bill follows."""
        job = None
        try:
            job = await self.submit(circuit, **self.options)
            self.jobs[number] = job.id
            self.outcomes[number] = await job.result(self.timeout)
        except QueuebitError as error:
            self.outcomes[number] = error
            self.failed += 1
        outcome = self.outcomes[number]
        if job is None or isinstance(outcome, Refused):
            return None
        self.unbilled[job.id] = None
        return job if isinstance(outcome, Result | JobFailed) else None

    async def _bill(self, job: AsyncJob) -> None:
        with suppress(QueuebitError):  # without a bill it stays among the unbilled
            charge = await job.charge(_BILL_S)
            del self.unbilled[job.id]
            self.charged = charge if self.charged is None else self.charged + charge
            self._progress()

    def _progress(self) -> None:
        self.report(Progress(len(self.outcomes), self.failed, self.total, self.charged))
