"""For adapters of quantum libraries: the jobs that one of their objects submits, call by call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from queuebit.errors import JobFailed, Reason
from queuebit.programs import Item
from queuebit.records import Result, Table
from queuebit.sync import Client, Job
from queuebit_kernel import Money

__all__ = ["MOST_INPUTS", "JobSeries", "counts_of", "with_usual_shots"]

MOST_INPUTS = 1_000
"""Parameters that an item of a program may have."""

_UNTIL_BILLED_S = 30.0


class JobSeries:
    """The jobs of one object, all submitted with the same options; a base class of what an adapter offers."""

    def __init__(
        self, client: Client | None, *, backend: str | None, key: str | None, timeout: float | None, **options: Any
    ) -> None:
        """Create it.

        Args:
            client: an open client; None for one with the default credential, which `close()` closes.
            backend: where to run; None for the cheapest that fits.
            key: the jobs get the keys `<key>/1`, `<key>/2` and so on; None for no keys.
            timeout: seconds to wait for each result; None for no limit.
            options: further arguments of `Client.submit`.
        """
        self._client, self._own = client or Client(), client is None
        self.backend = backend
        self.timeout = timeout
        self._key = key
        self._options = options
        self._jobs: list[Job] = []

    def close(self) -> None:
        """Close the client, unless it was given; jobs continue."""
        if self._own:
            self._client.close()

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs so far, oldest first."""
        return tuple(self._jobs)

    @property
    def job_ids(self) -> tuple[str, ...]:
        """Their ids, for `Client.job` in any process."""
        return tuple(job.id for job in self._jobs)

    def charge(self, timeout: float | None = _UNTIL_BILLED_S) -> Money:
        """The charges of all jobs so far; waits until they are billed.

        Raises:
            StillRunning: they are not in `timeout` seconds.
        """
        charges = [job.charge(timeout) for job in self._jobs]
        return sum(charges[1:], charges[0]) if charges else Money.zero()

    def _submit(self, circuit: object, shots: int) -> Job:
        key = None if self._key is None else f"{self._key}/{len(self._jobs) + 1}"
        job = self._client.submit(circuit, shots=shots, key=key, backend=self.backend, **self._options)
        self._jobs.append(job)
        return job

    def _plan(self, circuit: object, shots: int) -> Table:
        """What a job would cost and reach: a row for each backend, or for the backend of this object."""
        return Table(it for it in self._client.plan(circuit, shots=shots) if self.backend in (None, it["backend"]))


def with_usual_shots(items: Sequence[Item], shots: int) -> list[Item]:
    """Items of a job with so many shots: those with other shots carry their own."""
    return [replace(it, shots=None) if it.shots == shots else it for it in items]


def counts_of(result: Result, number: int, name: str) -> Mapping[str, int]:
    """The counts of an item.

    Raises:
        JobFailed: it has none; the text begins with its `name`.
    """
    item = result.items[number]
    if item.counts is None:
        reason = item.reason or Reason("failed", "it has no counts")
        text = f"{name}: {reason.text}; job.result().items has what the others returned"
        raise JobFailed(result.job, Reason(reason.code, text))
    return item.counts
