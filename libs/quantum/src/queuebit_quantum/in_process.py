"""A base class for backends that run in the calling process."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from queuebit_quantum.backends import (
    Backend,
    Compiled,
    Description,
    Failed,
    Measure,
    Outcome,
    Progress,
    WorkItem,
    WorkResult,
    require_fit,
)
from queuebit_quantum.calibration import Calibration
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.errors import DoesNotFit, UnknownHandle

__all__ = ["InProcess", "prepare", "warm_up"]


class InProcess(ABC):
    """A simulator. A subclass defines `description`, `compile` and `run`.

    A submission has ended when `submit` returns. Only the newest submission is kept.
    """

    description: Description

    def __init__(self) -> None:
        self._token: str | None = None
        self._results: tuple[WorkResult, ...] = ()

    @abstractmethod
    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        """As `Backend.compile`."""

    @abstractmethod
    def run(self, item: WorkItem) -> Outcome:
        """Run one item; raises `DoesNotFit`.

        If the outcome has no QPU time, it is the duration of the call on a simulator, and `Compiled.qpu_us` on an
        emulated device.
        """

    def prepare(self, items: Sequence[WorkItem]) -> None:
        """Do together what several items need, before each is run; does nothing unless a subclass gains by it."""
        return

    def warm_up(self) -> None:
        """Do once what the first run of a process does, such as to set up libraries, and keep nothing of it.

        The executor calls it in the process that it forks. It must start no thread, because a fork has none of them.
        """
        return

    def describe(self) -> Description:
        return self.description

    def calibrate(self) -> Calibration | None:
        return None

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        if token != self._token:
            prepare(self, items)
            self._results = tuple(self._result(item) for item in items)
            self._token = token
        return token

    def find(self, token: str) -> str | None:
        return token if token == self._token else None

    def poll(self, handle: str) -> Progress:
        self._require(handle)
        return "ended"

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        self._require(handle)
        return self._results

    def cancel(self, handle: str) -> None:
        """Do nothing: the submission has ended."""
        return

    def usage(self, handle: str) -> tuple[Measure, ...]:
        self._require(handle)
        used_us = sum(it.qpu_us or 0 for it in self._results if isinstance(it, Outcome))
        return (Measure("qpu-time", str(used_us), "microsecond"),)

    def _result(self, item: WorkItem) -> WorkResult:
        started = time.perf_counter()
        try:
            require_fit(self.description, shots=item.shots)
            outcome = self.run(item)
        except DoesNotFit as error:
            return Failed("does_not_fit", str(error))
        except (MemoryError, RuntimeError) as error:
            if not _lacks_memory(error):
                raise
            return Failed("out_of_memory", "the circuit needs more memory than one job may use: use fewer qubits")
        if outcome.qpu_us is not None:
            return outcome
        if self.description.kind == "simulator":
            return replace(outcome, qpu_us=round((time.perf_counter() - started) * 1_000_000))
        return replace(outcome, qpu_us=item.compiled.qpu_us(item.shots))

    def _require(self, handle: str) -> None:
        if handle != self._token:
            raise UnknownHandle(
                f"{self.description.id} keeps only the newest submission; {handle[:80]!r} is another one"
            )


def prepare(backend: Backend, items: Sequence[WorkItem]) -> None:
    """Let a simulator in this process do together what several items need, before each is submitted by itself.

    A submission of several items does so itself. If it fails, the run of the item at fault fails, and no other.
    """
    if isinstance(backend, InProcess) and len(items) > 1:
        with suppress(RuntimeError, MemoryError):
            backend.prepare(items)


def warm_up(backend: Backend) -> None:
    """Let a simulator in this process do once what its first run does, before the process is forked."""
    if isinstance(backend, InProcess):
        backend.warm_up()


def _lacks_memory(error: Exception) -> bool:
    """Whether memory ran out; Aer raises a `RuntimeError` then."""
    return isinstance(error, MemoryError) or "memory" in str(error).lower()
