"""Learns run times from jobs that ended."""

from __future__ import annotations

from collections.abc import Iterable

from queuebit_scheduling.snapshot import Job, RunTime

__all__ = ["RunTimes", "size_of"]

_WEIGHT = 8
"""The newest run has a weight of one eighth."""


def size_of(qubits: int, depth: int, shots: int) -> str:
    """Return the size class of a job: its qubits, and the binary logarithm of depth times shots."""
    return f"{qubits}q{(max(1, depth) * shots).bit_length()}"


class RunTimes:
    """Moving averages of run times, by backend and size."""

    def __init__(self) -> None:
        self._us: dict[tuple[str, str], int] = {}

    def learn(self, backend: str, size: str, ran_us: int) -> None:
        """Add the run time of one job."""
        known = self._us.get((backend, size), ran_us)
        self._us[backend, size] = ((_WEIGHT - 1) * known + ran_us) // _WEIGHT

    def known_us(self, backend: str, size: str) -> int | None:
        """Return the average run time of a size on a backend, or None."""
        return self._us.get((backend, size))

    def about(self, jobs: Iterable[Job]) -> tuple[RunTime, ...]:
        """Return the known run times of these jobs on their candidates."""
        wanted = {(it.backend, job.size) for job in jobs for it in job.candidates} if self._us else ()
        return tuple(RunTime(*pair, self._us[pair]) for pair in wanted if pair in self._us)

    def all(self) -> tuple[RunTime, ...]:
        """Return every known run time."""
        return tuple(RunTime(*pair, us) for pair, us in self._us.items())

    def restore(self, known: Iterable[RunTime]) -> None:
        """Take run times that were learned earlier."""
        self._us.update({(it.backend, it.size): it.us for it in known})
