"""Running the items of a program, in order on one worker, and what they come to together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from queuebit_contracts.job import Compilation, ItemSummary, Placement, Usage
from queuebit_contracts.program import Program
from queuebit_contracts.results import RESULTS, ItemResult, results_of
from queuebit_contracts.usage import QPU_TIME, QUBITS, SHOTS, quantities, run_usage
from queuebit_contracts.wire import Digest, Reason
from queuebit_executor.answers import Refused
from queuebit_executor.finished import Finished
from queuebit_executor.ports import ItemWork, Worker
from queuebit_executor.seeds import item_seed
from queuebit_kernel import Clock

__all__ = ["MAX_RESULT_BYTES", "ProgramRun", "ProgramWork"]

MAX_RESULT_BYTES = 16 << 20
"""The largest result of a program; the items that would come after it are not run."""

_TOGETHER = 128
"""Items that one request to a child may contain."""

_SPLIT = "split the program into several jobs"


@dataclass(frozen=True, slots=True)
class ProgramWork:
    """A program with the sources of the circuits that it uses."""

    program: Program
    sources: Mapping[int, bytes]


class ProgramRun:
    """Runs a program once. An item that fails does not end it; the time that one job may take does.

    Time and result are those of one job, and so is the money: items that find none of it left are failed, not run.
    """

    def __init__(self, worker: Worker, clock: Clock, job: Placement, work: ProgramWork, token: str) -> None:
        self._worker = worker
        self._clock = clock
        self._job = job
        self._works = [
            ItemWork(
                source=work.sources[item.circuit],
                item=item,
                outputs=work.program.outputs,
                shots=item.shots or job.shots,
                seed=item_seed(job.seed, number),
                token=f"{token}-{number}",
            )
            for number, item in enumerate(work.program.items)
        ]
        self._left_us = max(0, job.qpu_us - worker.overhead_us)
        self._accepted_qubits = job.terms.qubits if job.terms else 0
        self._limit_s = worker.limit_s(job.qpu_us)
        self._until = clock.monotonic() + self._limit_s
        self._results: list[bytes] = []
        self._size = 0
        self._compilations: list[Compilation] = []
        self._shots = self._used_us = self._qubits = 0
        self._calibration: Digest | None = None
        self._reasons: list[Reason] = []

    async def run(self) -> Finished:
        """Run every item; cancelling this stops the one that runs, and begins no other."""
        for number in range(len(self._works)):
            self._keep(await self._item(number))
        total, failed = len(self._results), len(self._reasons)
        used_us = self._used_us + (self._worker.overhead_us if self._compilations else 0)
        reason = None if failed < total else _overall(self._reasons)
        at_limit = True if reason is not None and used_us else None
        return Finished(
            content=results_of(self._results),
            media_type=RESULTS,
            items=ItemSummary(total=total, completed=total - failed, failed=failed),
            usage=run_usage(shots=self._shots, qpu_us=used_us, qubits=self._qubits, at_limit=at_limit),
            compilation=_joined(self._compilations) if self._compilations else None,
            calibration=self._calibration,
            reason=reason,
        )

    async def _item(self, number: int) -> ItemResult:
        seconds = self._until - self._clock.monotonic()
        if seconds <= 0:
            text = f"the items before it took the {self._limit_s:g} s of one job: {_SPLIT}"
            return _failed(Reason(code="run_timeout", text=text))
        if self._size > MAX_RESULT_BYTES:
            text = f"the results before it fill {MAX_RESULT_BYTES:,} bytes: {_SPLIT}"
            return _failed(Reason(code="result_too_large", text=text))
        following = self._works[number + 1 : number + _TOGETHER]
        answer = await self._worker.run_item(self._works[number], self._left_us, seconds, following)
        if isinstance(answer, Refused):
            text = answer.error.sentence
            if answer.error.code == "run_timeout" and number:
                text = f"the items before it left {seconds:.3g} s of the {self._limit_s:g} s of one job: {_SPLIT}"
            reason = Reason(code=answer.error.code, text=text)
            qubits = self._accepted_qubits if answer.used_us else 0
            return _failed(reason, run_usage(qpu_us=answer.used_us, qubits=qubits))
        self._calibration = answer.calibration
        return answer.result

    def _keep(self, result: ItemResult) -> None:
        content = result.content()
        self._results.append(content)
        self._size += len(content)
        self._compilations += result.compilations
        used = quantities(result.usage)
        used_us = int(used.get(QPU_TIME, 0))
        self._left_us = max(0, self._left_us - used_us)
        self._used_us += used_us
        self._shots += int(used.get(SHOTS, 0))
        self._qubits = max(self._qubits, int(used.get(QUBITS, 0)))
        if result.reason is not None:
            self._reasons.append(result.reason)


def _failed(reason: Reason, usage: Usage | None = None) -> ItemResult:
    return ItemResult(state="failed", reason=reason, usage=usage or Usage())


def _overall(reasons: list[Reason]) -> Reason:
    """Why a job failed whose items all did: in the words of the first, by its code where all have the same."""
    first = reasons[0]
    if len(reasons) == 1:
        return first
    code = first.code if len({reason.code for reason in reasons}) == 1 else "items_failed"
    return Reason(code=code, text=f"all {len(reasons):,} items failed; the first: {first.text}")


def _joined(compilations: list[Compilation]) -> Compilation:
    esps = [it.esp_ppm for it in compilations if it.esp_ppm is not None]
    return compilations[0].model_copy(
        update={
            "depth": max(it.depth for it in compilations),
            "two_qubit_gates": sum(it.two_qubit_gates for it in compilations),
            "duration_ns": sum(it.duration_ns for it in compilations),
            "esp_ppm": min(esps) if esps else None,
        }
    )
