"""Running the items of a program, in order on one worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from queuebit_contracts.job import Placement
from queuebit_contracts.program import Program
from queuebit_contracts.results import ItemResult
from queuebit_contracts.usage import CPU_TIME, UNITS, Measure, Usage, measures_of, run_usage, usage_of
from queuebit_contracts.wire import Digest, Reason
from queuebit_executor.answers import Refused
from queuebit_executor.finished import Finished
from queuebit_executor.ports import ItemWork, Worker
from queuebit_executor.program_result import SPLIT, ProgramResult, failed_item
from queuebit_executor.seeds import item_seed
from queuebit_executor.suspicion import recalibrated
from queuebit_kernel import Clock

__all__ = ["ProgramRun", "ProgramWork", "item_works"]

_TOGETHER = 128
"""Items that one request to a child may contain."""


@dataclass(frozen=True, slots=True)
class ProgramWork:
    """A program with the sources of the circuits that it uses."""

    program: Program
    sources: Mapping[int, bytes]


def item_works(job: Placement, work: ProgramWork, token: str) -> Iterator[ItemWork]:
    """The items of a program, each with its own seed, and a token that begins with that of the run."""
    compilation = work.program.compilation
    options = {} if compilation is None else compilation.model_dump(exclude_none=True)
    for number, item in enumerate(work.program.items):
        yield ItemWork(
            source=work.sources[item.circuit],
            item=item,
            outputs=work.program.outputs,
            shots=item.shots or job.shots,
            seed=item_seed(job.seed, number),
            token=f"{token}-{number}",
            options=options,
            post=work.program.post,
        )


class ProgramRun:
    """Runs a program once. An item that fails does not end it; the time that one job may take does.

    Time and result are those of one job, and so is the money: items that find none of it left are failed, not run.
    """

    def __init__(self, worker: Worker, clock: Clock, job: Placement, work: ProgramWork, token: str) -> None:
        self._worker = worker
        self._clock = clock
        self._job = job
        self._works = [*item_works(job, work, token)]
        self._budget_us = max(0, job.qpu_us - worker.overhead_us)
        self._accepted_qubits = job.terms.qubits if job.terms else 0
        self._limit_s = worker.limit_s(job.qpu_us)
        self._until = clock.monotonic() + self._limit_s
        self._result = ProgramResult(self._works)
        self._calibrations: list[Digest] = []
        self._cpu_us = 0

    async def run(self) -> Finished:
        """Run every item; cancelling this stops the one that runs, and begins no other."""
        result = self._result
        for number in range(len(self._works)):
            result.keep(await self._item(number))
        used_us = result.used_us + (self._worker.overhead_us if result.any_ran else 0)
        at_limit = True if result.all_failed and used_us else None
        usage = run_usage(shots=result.shots, qpu_us=used_us, qubits=result.qubits, at_limit=at_limit)
        usage = _with_steps(usage, self._cpu_us)
        if not self._calibrations:
            return result.finished(usage, None)
        first, last = self._calibrations[0], self._calibrations[-1]
        return result.finished(usage, last, recalibrated(self._job.backend, first, last))

    async def _item(self, number: int) -> ItemResult:
        seconds = self._until - self._clock.monotonic()
        if seconds <= 0:
            text = f"the items before it took the {self._limit_s:g} s of one job: {SPLIT}"
            return failed_item(Reason(code="run_timeout", text=text))
        if (reason := self._result.too_large()) is not None:
            return failed_item(reason)
        following = self._works[number + 1 : number + _TOGETHER]
        left_us = max(0, self._budget_us - self._result.used_us)
        answer = await self._worker.run_item(self._works[number], left_us, seconds, following)
        if isinstance(answer, Refused):
            text = answer.error.sentence
            if answer.error.code == "run_timeout" and number:
                text = f"the items before it left {seconds:.3g} s of the {self._limit_s:g} s of one job: {SPLIT}"
            reason = Reason(code=answer.error.code, text=text)
            qubits = self._accepted_qubits if answer.used_us else 0
            return failed_item(reason, run_usage(qpu_us=answer.used_us, qubits=qubits))
        self._cpu_us += answer.cpu_us
        if answer.calibration is not None:
            self._calibrations.append(answer.calibration)
        return answer.result


def _with_steps(usage: Usage, cpu_us: int) -> Usage:
    """The usage with the processor time of steps after the run, if there were any."""
    if not cpu_us:
        return usage
    steps = Measure(metric=CPU_TIME, quantity=str(cpu_us), unit=UNITS[CPU_TIME])
    return usage_of(*measures_of(usage), steps, at_limit=usage.at_limit)
