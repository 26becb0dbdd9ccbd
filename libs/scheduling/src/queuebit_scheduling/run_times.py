"""How long jobs take, learned from those that ended."""

from __future__ import annotations

from collections.abc import Iterable

from queuebit_scheduling.snapshot import Job, RunTime

__all__ = ["RunTimes", "size_of"]

_WEIGHT = 8
"""The newest run counts one eighth."""


def size_of(qubits: int, depth: int, shots: int) -> str:
    """The size of a job: its qubits, and the power of two of its depth times its shots."""
    return f"{qubits}q{(max(1, depth) * shots).bit_length()}"


class RunTimes:
    """The moving average of each size on each backend."""

    def __init__(self) -> None:
        self._us: dict[tuple[str, str], int] = {}

    def learn(self, backend: str, size: str, ran_us: int) -> None:
        """Take in how long one job ran."""
        known = self._us.get((backend, size), ran_us)
        self._us[backend, size] = ((_WEIGHT - 1) * known + ran_us) // _WEIGHT

    def known_us(self, backend: str, size: str) -> int | None:
        """How long jobs of a size took there, if any did."""
        return self._us.get((backend, size))

    def about(self, jobs: Iterable[Job]) -> tuple[RunTime, ...]:
        """What is known about these jobs on their candidates."""
        wanted = {(it.backend, job.size) for job in jobs for it in job.candidates} if self._us else ()
        return tuple(RunTime(*pair, self._us[pair]) for pair in wanted if pair in self._us)
