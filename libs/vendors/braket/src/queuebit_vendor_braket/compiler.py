"""Compiles circuits for devices of Amazon Braket.

A device with known native gates gets its program compiled here, on qubits chosen by its calibration, in a verbatim box:
the service runs it as it is. Any other device gets gates that it accepts, and the service compiles them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

import qiskit
from qiskit import QuantumCircuit
from qiskit.transpiler import PassManager, QubitProperties, Target
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager

from queuebit_planning.fidelity import count_operations, esp
from queuebit_planning.timing import Rates, statevector
from queuebit_quantum import Calibration, Circuit, Compiled, Description, DoesNotFit, require_fit
from queuebit_quantum.backends import Elements
from queuebit_quantum.compiling import CompileCache, translate
from queuebit_quantum.layout import compile_on_named_qubits, require_working, working
from queuebit_quantum.physical import (
    coupling_gates,
    duration_s,
    gate_steps,
    remove_delays,
    remove_idle_qubits,
    remove_unused_qubits,
)
from queuebit_quantum.workload import workload
from queuebit_vendor_braket.capabilities import Capabilities
from queuebit_vendor_braket.programs import write

__all__ = ["Compiler"]

_COMPILER: Final = f"qiskit {qiskit.__version__}"
_OPTIMIZATION_LEVEL: Final = 2
"""Chooses qubits by calibration, as for the emulated devices of IBM."""
_REMOTE: Final = Rates(
    run_ns=3_000_000_000,
    operation_ns=1_000_000,
    gate_ns=1_000_000,
    amplitude_ns=1,
    draw_ns=1_000,
    draw_qubit_ns=200,
    trajectory_ns=0,
    amplitude_bytes=0,
)
"""A guess: Amazon bills at least three seconds of its simulators' time, and publishes no rates."""


class Compiler:
    """Compiles for one device as of one calibration."""

    def __init__(
        self,
        about: Description,
        able: Capabilities,
        calibration: Calibration | None,
        without: Elements = frozenset(),
    ) -> None:
        self._about = about
        self._able = able
        self._calibration = calibration
        self._cache = CompileCache(_COMPILER)
        self._passes = lru_cache(maxsize=8)(self._build)
        self._numbered = None if able.target is None else working(able.target, without)
        self._dense = None if self._numbered is None else _dense(self._numbered, able.labels)

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        """As `Backend.compile`."""
        require_fit(self._about, circuit)
        return self._cache.get(circuit, self._about.target_digest, seed, lambda: self._compile(circuit, seed))

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        if self._dense is None or self._numbered is None:
            return self._simulated(circuit, seed)
        if "delay" in circuit.gates:
            raise DoesNotFit(f"{self._about.id}: Amazon Braket takes no delays: leave them out")
        if circuit.physical and not self._able.verbatim:
            raise DoesNotFit(
                f"{self._about.id}: it places qubits itself: declare qubits instead of ${circuit.physical[0]}"
            )
        if circuit.physical:
            self._require_numbers(circuit)
            found = compile_on_named_qubits(circuit, self._numbered, seed, self._about.id)
            target, labels = self._numbered, tuple(range(self._numbered.num_qubits))
        else:
            found = translate(self._passes(seed), remove_unused_qubits(circuit.quantum_circuit), self._about.id)
            target, labels = self._dense, self._able.labels
            require_working(found, target, self._about.id)
        return self._compiled(circuit, seed, found, target, labels)

    def _compiled(
        self, circuit: Circuit, seed: int, found: QuantumCircuit, target: Target, labels: tuple[int, ...]
    ) -> Compiled:
        bare, used = remove_idle_qubits(found)
        on = tuple(labels[it] for it in used)
        names = on if self._able.verbatim else tuple(range(len(on)))
        applied = count_operations((it.name, at) for it, at in gate_steps(found, labels))
        errors = self._calibration.errors if self._calibration else {}
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self._about.target_digest,
            compiler=_COMPILER,
            seed=seed,
            two_qubit_gates=coupling_gates(found),
            depth=found.depth(),
            program=write(bare, names, circuit.registers, self._able, physical=self._able.verbatim),
            registers=circuit.registers,
            physical_qubits=on,
            duration_s=duration_s(found, target),
            esp=esp(applied, errors),
            operations=applied,
            rep_delay_s=self._about.rep_delay_s,
            overhead_s=self._about.overhead_s,
        )

    def _simulated(self, circuit: Circuit, seed: int) -> Compiled:
        found = translate(self._passes(0), remove_delays(circuit.quantum_circuit), self._about.id)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self._about.target_digest,
            compiler=_COMPILER,
            seed=seed,
            two_qubit_gates=coupling_gates(found),
            depth=found.depth(),
            program=write(found, tuple(range(found.num_qubits)), circuit.registers, self._able, physical=False),
            registers=circuit.registers,
            physical_qubits=circuit.touched,
            methods=(replace(statevector(workload(found, dynamic=False), _REMOTE), memory_bytes=0),),
        )

    def _require_numbers(self, circuit: Circuit) -> None:
        unknown = [it for it in circuit.physical if it not in self._able.labels]
        if unknown:
            names = ", ".join(f"${it}" for it in unknown)
            first, last = self._able.labels[0], self._able.labels[-1]
            raise DoesNotFit(
                f"{self._about.id}: it has no qubit {names}: use ${first} to ${last}, or declare qubits, and the "
                "compiler chooses"
            )

    def _build(self, seed: int) -> PassManager:
        if self._dense is None:
            basis = [*self._able.gates, "measure"]
            return generate_preset_pass_manager(optimization_level=0, basis_gates=basis, seed_transpiler=0)
        return generate_preset_pass_manager(_OPTIMIZATION_LEVEL, target=self._dense, seed_transpiler=seed)


def _dense(target: Target, labels: tuple[int, ...]) -> Target:
    """The device with its qubits numbered from 0: the compiler would place a circuit on a number that has no qubit."""
    place = {label: number for number, label in enumerate(labels)}
    qubits: list[QubitProperties] = [target.qubit_properties[it] for it in labels]
    dense = Target(num_qubits=len(labels), qubit_properties=qubits)
    for name in target.operation_names:
        on = {tuple(place[it] for it in at): properties for at, properties in target[name].items()}
        dense.add_instruction(target.operation_from_name(name), on, name=name)
    return dense
