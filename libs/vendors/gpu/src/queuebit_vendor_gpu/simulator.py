"""The port `Backend` for Qiskit Aer on a GPU."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Final

import qiskit_aer
from qiskit_aer import AerSimulator

from queuebit_kernel import digest_of
from queuebit_planning.timing import Method, Rates, statevector
from queuebit_quantum import Circuit, Compiled, Description, InProcess, NotReachable, Outcome, WorkItem, require_fit
from queuebit_quantum.aer import compile_for_aer, run_on_aer
from queuebit_quantum.compiling import COMPILER, CompileCache
from queuebit_quantum.physical import coupling_gates, remove_delays
from queuebit_quantum.workload import workload
from queuebit_vendor_gpu.devices import Devices

__all__ = ["AerGpu", "qubits_in"]

_METHOD: Final = "statevector"
_HOST_BYTES: Final = 256 << 20
"""Upper bound of what a run takes beside the GPU's memory."""

GPU: Final = Rates(
    run_ns=3_000_000_000,  # CUDA's libraries are loaded and a context is made, at the first run of a process
    operation_ns=15_000,
    gate_ns=20_000,
    amplitude_ns=1,  # 32 bytes are read and written: 32 GB/s, a tenth of a small GPU's memory
    draw_ns=1_000,
    draw_qubit_ns=200,
    trajectory_ns=1_000_000,
    amplitude_bytes=16,
)
"""Guesses of upper bounds: nothing was measured, because no GPU was there."""


class AerGpu(InProcess):
    """Samples a circuit's exact distribution, from a state vector in the memory of a GPU.

    CUDA is first used by a run: children are forked from the process that builds this object.
    """

    def __init__(self, id_: str, devices: Devices, *, device: str = "GPU", custatevec: bool = False) -> None:
        super().__init__()
        if devices.absent:
            raise NotReachable(f"{id_} is absent: {devices.absent}")
        self._device = device
        self._custatevec = custatevec
        kernels = "cuStateVec" if custatevec else "Aer"
        self.description = Description(
            id=id_,
            vendor=f"Qiskit ({devices.name})",
            kind="simulator",
            num_qubits=qubits_in(devices.memory_bytes),
            basis_gates=devices.gates,
            features=frozenset(
                {"assignment", "conditional", "loop", "mid_circuit_measurement", "reset", "timing", "verbatim"}
            ),
            max_shots=1_000_000,
            target_digest=digest_of({"backend": id_, "aer": qiskit_aer.__version__, "kernels": kernels}),
        )
        self._cache = CompileCache(COMPILER)

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self.description, circuit)
        return self._cache.get(circuit, self.description.target_digest, seed, lambda: self._compile(circuit, seed))

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        program = compile_for_aer(remove_delays(circuit.quantum_circuit), _METHOD)
        found = statevector(workload(program, dynamic=circuit.dynamic), GPU)
        method: Method = replace(found, memory_bytes=_HOST_BYTES)  # the state is not in the memory of the process
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler=COMPILER,
            seed=seed,
            two_qubit_gates=coupling_gates(program),
            depth=program.depth(),
            physical_qubits=circuit.touched,
            program=program,
            registers=circuit.registers,
            methods=(method,),
        )

    def run(self, item: WorkItem) -> Outcome:
        return run_on_aer(self._simulator, item)

    @cached_property
    def _simulator(self) -> AerSimulator:
        return AerSimulator(method=_METHOD, device=self._device, cuStateVec_enable=self._custatevec)


def qubits_in(memory_bytes: int) -> int:
    """The largest number of qubits whose state of 16 bytes an amplitude fills at most nine tenths of a memory."""
    return max(1, (memory_bytes * 9 // 10 // GPU.amplitude_bytes).bit_length() - 1)
