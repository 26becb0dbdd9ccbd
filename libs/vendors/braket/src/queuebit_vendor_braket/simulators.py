"""The simulators of Amazon Braket's SDK, in this process.

The SDK draws shots without a seed. So it computes the exact distribution of the measured qubits, and the shots are
drawn here: the same seed gives the same counts.
"""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import qiskit
from braket.devices import LocalSimulator
from braket.ir.openqasm import Program as OpenQasm
from qiskit.transpiler import PassManager
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager

from queuebit_kernel import digest_of
from queuebit_planning.timing import Method
from queuebit_quantum import Circuit, Compiled, Description, InProcess, Outcome, WorkItem, require_fit
from queuebit_quantum.backends import result_key, result_keys
from queuebit_quantum.compiling import CompileCache, translate
from queuebit_quantum.mersenne import uniforms
from queuebit_quantum.physical import coupling_gates, remove_delays
from queuebit_vendor_braket.gates import accepted
from queuebit_vendor_braket.programs import Layout, Program, gate_lines, layout

__all__ = ["BraketSimulator"]

_MOST_QUBITS: Final = {"braket_sv": 20, "braket_dm": 10}
"""Qubits of each simulator. The SDK's own limits are 26 and 13; a density matrix of 13 takes 1 GiB several times."""
_WIDTH: Final = {"braket_sv": 1, "braket_dm": 2}
"""Amplitudes are 2 to the power of this number of times the qubits."""
_ACTION: Final = "braket.ir.openqasm.program"
_RUN_NS, _OPERATION_NS, _AMPLITUDE_NS, _DRAW_NS = 200_000_000, 3_000_000, 60, 2_000
"""Upper bounds: the SDK's interpreter of OpenQASM takes about a millisecond for a gate."""
_COPIES: Final = 6
"""States in memory at once: before and after a gate, and those of the SDK's result."""


@cache
def _keep_compiled_code_in_memory() -> None:
    """Let Numba go on where it cannot write what it compiled: a child of an executor writes no file.

    Monkeypatches Numba process-wide; it has no setting for this.
    """
    from numba.core import caching

    compiled: Any = caching.Cache  # Numba has no types
    save = compiled.save_overload

    def save_if_possible(self: object, signature: object, data: object) -> None:
        with suppress(OSError):
            save(self, signature, data)

    compiled.save_overload = save_if_possible


class BraketSimulator(InProcess):
    """`braket_sv` or `braket_dm` of the SDK, as a simulator without noise."""

    def __init__(self, id_: str, name: str) -> None:
        super().__init__()
        _keep_compiled_code_in_memory()
        self._name = name
        self._simulator = LocalSimulator(name)
        self._gates = accepted(self._simulator.properties.action[_ACTION].supportedOperations)
        self._compiler = f"qiskit {qiskit.__version__} to {name} of amazon-braket-sdk {_sdk_version()}"
        self._cache = CompileCache(self._compiler)
        self.description = Description(
            id=id_,
            vendor="Amazon Braket",
            kind="simulator",
            num_qubits=_MOST_QUBITS[name],
            basis_gates=tuple(sorted(self._gates)),
            features=frozenset({"verbatim"}),
            max_shots=1_000_000,
            target_digest=digest_of({"backend": id_, "gates": sorted(self._gates), "compiler": self._compiler}),
        )
        _passes(tuple(self._gates))

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self.description, circuit)
        return self._cache.get(circuit, self.description.target_digest, seed, lambda: self._compile(circuit, seed))

    def run(self, item: WorkItem) -> Outcome:
        began = time.perf_counter()
        program: Program = item.compiled.program
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You are running a noise-free circuit")
            result = self._simulator.run(OpenQasm(source=program.source), shots=0).result()
        drawn = _drawn(np.asarray(result.values[0], dtype=float), item.seed, item.shots)
        values = _values(drawn, program.layout)
        counts: dict[int, int] = {}
        for value in values:
            counts[value] = counts.get(value, 0) + 1
        registers = item.compiled.registers
        memory = tuple(result_key(it, registers) for it in values) if item.memory else None
        took_us = round((time.perf_counter() - began) * 1_000_000)
        return Outcome(result_keys(counts, registers), qpu_us=max(took_us, 1), memory=memory)

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        found = translate(_passes(tuple(self._gates)), remove_delays(circuit.quantum_circuit), self.description.id)
        qubits = range(found.num_qubits)
        where = layout(found, qubits, circuit.registers)
        asked = ", ".join(f"q[{it}]" for it in where.qubits)
        lines = [
            "OPENQASM 3.0;",
            f"qubit[{found.num_qubits}] q;",
            *gate_lines(found, [f"q[{it}]" for it in qubits], self._gates),
            *(f"i q[{it}];" for it in qubits),  # the SDK refuses qubits without a gate
            f"#pragma braket result probability {asked}",
        ]
        amplitudes = 1 << found.num_qubits * _WIDTH[self._name]
        once_ns = _RUN_NS + len(found.data) * (_OPERATION_NS + _AMPLITUDE_NS * amplitudes)
        memory = 16 * amplitudes * _COPIES
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler=self._compiler,
            seed=seed,
            two_qubit_gates=coupling_gates(found),
            depth=found.depth(),
            physical_qubits=circuit.touched,
            program=Program("\n".join(lines), where),
            registers=circuit.registers,
            methods=(Method(self._name, once_ns, _DRAW_NS, memory),),
        )


def _drawn(probabilities: npt.NDArray[np.float64], seed: int, shots: int) -> npt.NDArray[np.int64]:
    """Draw states, by their numbers; the first measured qubit is the highest bit."""
    cumulative = np.cumsum(np.clip(probabilities, 0.0, None))
    found = np.searchsorted(cumulative, uniforms(seed, shots) * cumulative[-1], side="right")
    drawn: npt.NDArray[np.int64] = np.minimum(found, len(probabilities) - 1)
    return drawn


def _values(drawn: npt.NDArray[np.int64], where: Layout) -> list[int]:
    """The classical bits of each shot as an integer, with the first bit as bit 0."""
    last = len(where.qubits) - 1
    values = np.zeros(len(drawn), dtype=object)  # there may be more than 64 classical bits
    for bit, column in enumerate(where.bits):
        if column >= 0:
            values += ((drawn >> (last - column)) & 1).astype(object) * (1 << bit)
    return [int(it) for it in values]


def _sdk_version() -> str:
    from importlib.metadata import version

    return version("amazon-braket-sdk")


@cache
def _passes(gates: tuple[str, ...]) -> PassManager:
    """To build one takes hundreds of times longer than to use it."""
    return generate_preset_pass_manager(optimization_level=0, basis_gates=[*gates, "measure"], seed_transpiler=0)
