"""The port `Backend` on one target of Azure Quantum."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from uuid import UUID, uuid5

import qiskit
from azure.quantum.job import Job
from qiskit import QuantumCircuit
from qiskit.transpiler import PassManager
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager

from queuebit_kernel import digest
from queuebit_quantum import (
    Calibration,
    Circuit,
    Compiled,
    Description,
    DoesNotFit,
    Failed,
    Measure,
    Progress,
    UnknownHandle,
    WorkItem,
    WorkResult,
    require_fit,
)
from queuebit_quantum.compiling import CompileCache, translate
from queuebit_quantum.physical import remove_unused_qubits
from queuebit_quantum.vendor_faults import VendorFailed, vendor_text
from queuebit_vendor_azure.calls import VENDOR, AzureCalls
from queuebit_vendor_azure.provider import Provider, Sent

__all__ = ["AzureDevice"]

_MAX_ITEMS = 20
"""Circuits of one submission: each is a job of its own at Azure."""
_JOBS = UUID("6f1d6c0e-6a53-5e0c-9d0f-3f6f5d1a7b11")
"""The namespace of the ids of jobs."""
_HANDLE = re.compile(r"(?P<base>[0-9a-f-]{36})\.(?P<total>[1-9]\d?)(\.(?P<made>[1-9]\d?))?")
"""The id from which those of the jobs follow, how many there should be, and how many there are if some are missing."""
_TOTAL, _BITS, _REGISTERS, _MEMORY = "queuebit_total", "queuebit_bits", "queuebit_registers", "queuebit_memory"
_MEASURED = "queuebit_measured"
_STATES: dict[str, Progress] = {
    "Queued": "queued",
    "Waiting": "queued",
    "Executing": "running",
    "CancellationRequested": "running",
    "Cancelling": "running",
    "Finishing": "running",
    "Completed": "ended",
    "Succeeded": "ended",
    "Failed": "ended",
    "Cancelled": "ended",
}
_SUCCEEDED = frozenset({"Succeeded", "Completed"})
_REFUSED = frozenset({"CompilationError", "InvalidInputData", "InvalidInputError", "InvalidProperty"})
"""Codes of failures that are due to a circuit (recorded by Microsoft, see `tests/vendors/azure/shapes`)."""
_COMPILER = f"qiskit {qiskit.__version__}"


class AzureDevice:
    """One target of a provider at Azure Quantum.

    Each item is a job, whose id is derived from the token and the number of the item: Azure creates a job with the id
    that its client chooses, so that there cannot be two. Jobs are created in the order of the items.
    """

    def __init__(self, id_: str, target: str, provider: Provider) -> None:
        self._id = id_
        self._provider = provider
        self._calls = AzureCalls(provider.target, target)
        self._passes = lru_cache(maxsize=8)(partial(_pass_manager, provider.gates))
        self._cache = CompileCache(_COMPILER)
        self._description = Description(
            id=id_,
            vendor=provider.vendor,
            kind="emulated" if provider.emulated else "qpu",
            num_qubits=provider.qubits,
            basis_gates=provider.gates,
            max_shots=provider.max_shots,
            target_digest=digest(f"{target} {provider.qubits} {provider.gates}".encode()),
            features=provider.features,
            remote=True,
            max_items=_MAX_ITEMS,
            billed_task="circuit",
        )
        self.calibrate()

    def __repr__(self) -> str:
        return f"AzureDevice({self._id!r})"

    def describe(self) -> Description:
        return self._description

    def calibrate(self) -> Calibration | None:
        """Azure publishes no calibration; only check that the workspace has the target."""
        self._calls.check()
        return None

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self._description, circuit)
        return self._cache.get(circuit, self._description.target_digest, seed, lambda: self._compile(circuit, seed))

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        if "delay" in circuit.quantum_circuit.count_ops():
            raise DoesNotFit(f"{self._id}: Azure Quantum has no delays: remove them")
        program = translate(self._passes(seed), remove_unused_qubits(circuit.quantum_circuit), self._id)
        sizes = [len(it.qubits) for it in program.data if it.operation.name not in ("barrier", "measure", "reset")]
        errors = self._provider.errors
        good = (1 - errors.one) ** sizes.count(1) * (1 - errors.two) ** sizes.count(2)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self._description.target_digest,
            compiler=_COMPILER,
            seed=seed,
            two_qubit_gates=sizes.count(2),
            depth=program.depth(),
            duration_s=self._provider.layer_s * program.depth(),
            esp=good * (1 - errors.measured) ** program.count_ops().get("measure", 0),
            physical_qubits=tuple(range(program.num_qubits)),
            program=program,
            registers=circuit.registers,
        )

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        for item in items:
            require_fit(self._description, shots=item.shots)
        base, total = uuid5(_JOBS, token), len(items)
        if total > _MAX_ITEMS:
            raise DoesNotFit(f"{self._id}: a submission has at most {_MAX_ITEMS} items, and this one has {total}")
        for number, item in enumerate(items):
            id_ = _job_id(base, number)
            if self._found(id_):
                continue
            about = {
                _TOTAL: str(total),
                _BITS: str(item.compiled.program.num_clbits),
                _MEASURED: ",".join(_measured(item.compiled.program)),
                _REGISTERS: ",".join(map(str, item.compiled.registers)),
                _MEMORY: str(item.memory),
            }
            name = f"queuebit {token} item {number}/{total}"
            self._calls.submit(id_, self._provider.written(item.compiled.program), item.shots, name, about)
        return f"{base}.{total}"

    def find(self, token: str) -> str | None:
        """None also if a process ended between two jobs: `submit` continues there."""
        base = uuid5(_JOBS, token)
        first = self._found(_job_id(base, 0))
        if first is None:
            return None
        total = _total(first)
        return f"{base}.{total}" if total == 1 or self._found(_job_id(base, total - 1)) else None

    def find_incomplete(self, token: str) -> str | None:
        """As `find`, also of a submission some of whose jobs were never created: their items fail."""
        base = uuid5(_JOBS, token)
        first = self._found(_job_id(base, 0))
        if first is None:
            return None
        total = _total(first)
        made = next((it for it in range(1, total) if not self._found(_job_id(base, it))), total)
        return f"{base}.{total}" if made == total else f"{base}.{total}.{made}"

    def poll(self, handle: str) -> Progress:
        for number, job in enumerate(self._jobs(handle)):
            state = _state(job)
            if state != "ended":
                return "running" if number else state
        return "ended"

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        found = tuple(self._result(it) for it in self._jobs(handle))
        missing = Failed("vendor_failed", "the executor ended before it submitted this item to Azure: submit it again")
        return found + (missing,) * (int(handle.split(".")[1]) - len(found))

    def cancel(self, handle: str) -> None:
        with suppress(UnknownHandle):
            for job in self._jobs(handle):
                if _state(job) != "ended":
                    self._calls.cancel(job)

    def usage(self, handle: str) -> tuple[Measure, ...]:
        """The time between the begin and the end of the execution of each job, as Azure states them.

        Tasks are the jobs that succeeded: each has the base of the price.
        """
        jobs = [*self._jobs(handle)]
        used_us = sum(_execution_us(it) for it in jobs)
        succeeded = sum(it.details.get("status") in _SUCCEEDED for it in jobs)
        final = all(_state(it) == "ended" for it in jobs)
        return (
            Measure("tasks", str(succeeded), "task", final),
            Measure("qpu-time", str(used_us), "microsecond", final),
        )

    def _found(self, id_: str) -> Job | None:
        try:
            return self._calls.job(id_)
        except UnknownHandle:
            return None

    def _jobs(self, handle: str) -> Iterator[Job]:
        found = _HANDLE.fullmatch(handle)
        if found is None:
            raise UnknownHandle(f"{handle[:80]!r} is no handle of jobs at {VENDOR}")
        made = int(found["made"] or found["total"])
        return (self._calls.job(_job_id(UUID(found["base"]), it)) for it in range(made))

    def _result(self, job: Job) -> WorkResult:
        match job.details.get("status"):
            case "Succeeded" | "Completed":
                sent = _sent(job)
                return self._provider.read(self._calls.output(job), sent)
            case "Cancelled":
                return Failed("cancelled", "the job was cancelled before it ended")
            case "Failed":
                return _failed(job.details.get("errorData"))
            case other:
                raise VendorFailed(f"{VENDOR} has no results of a job that is {other!r:.80}")


def _job_id(base: UUID, number: int) -> str:
    return str(uuid5(base, str(number)))


def _about(job: Job) -> dict[str, str]:
    """What was sent with a job for this plugin."""
    about = job.details.get("metadata")
    if not isinstance(about, dict) or not str(about.get(_TOTAL, "")).isdecimal():
        raise VendorFailed(f"{VENDOR} has lost the metadata of the job {job.id}")
    return about


def _sent(job: Job) -> Sent:
    about = _about(job)
    try:
        return Sent(
            job=str(job.details["id"]),
            bits=int(about[_BITS]),
            # jobs of earlier versions do not have it
            measured=tuple(int(it) if it else None for it in about.get(_MEASURED, "").split(",")),
            registers=tuple(int(it) for it in about[_REGISTERS].split(",") if it),
            shots=int(job.details["inputParams"]["shots"]),
            memory=about[_MEMORY] == "True",
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise VendorFailed(f"{VENDOR} has lost what was sent with a job: {error!r:.200}") from error


def _measured(program: QuantumCircuit) -> list[str]:
    """The qubit whose last measurement writes each bit; an empty text where there is none."""
    found = [""] * program.num_clbits
    for it in program.data:
        if it.operation.name == "measure":
            found[program.find_bit(it.clbits[0]).index] = str(program.find_bit(it.qubits[0]).index)
    return found


def _total(job: Job) -> int:
    """How many jobs the submission of a job has."""
    return int(_about(job)[_TOTAL])


def _state(job: Job) -> Progress:
    state = job.details.get("status")
    if not isinstance(state, str) or state not in _STATES:
        raise VendorFailed(f"{VENDOR} has an unknown state {state!r:.80}")
    return _STATES[state]


def _failed(data: Any) -> Failed:  # plain JSON
    """The failure of a job, with Azure's code and message."""
    document = data if isinstance(data, dict) else {}
    code, text = str(document.get("code") or ""), str(document.get("message") or "the job failed")
    kind = "vendor_quota" if "quota" in code.casefold() else "vendor_refused" if code in _REFUSED else "vendor_failed"
    return Failed(kind, vendor_text(f"{VENDOR}: {code}: {text}" if code else f"{VENDOR}: {text}"))


def _execution_us(job: Job) -> int:
    """0 for a job that never began."""
    begin, end = (job.details.get(it) for it in ("beginExecutionTime", "endExecutionTime"))
    if begin is None or end is None:
        return 0
    try:
        return max(0, round((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() * 1e6))
    except (TypeError, ValueError) as error:
        raise VendorFailed(f"{VENDOR} states unknown times of a job: {error!s:.80}") from error


def _pass_manager(gates: Sequence[str], seed: int) -> PassManager:
    """Level 1: providers compile to their native gates themselves."""
    return generate_preset_pass_manager(1, basis_gates=[*gates], seed_transpiler=seed)
