"""Emulated IBM devices, built from the calibration snapshots that ship with `qiskit-ibm-runtime`."""

from __future__ import annotations

from functools import lru_cache

import qiskit_ibm_runtime.fake_provider as snapshots
from qiskit import QuantumCircuit
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager
from qiskit_aer import AerSimulator

from queuebit_planning.fidelity import esp
from queuebit_quantum.aer import COMPILER, run_on_aer
from queuebit_quantum.backends import Compiled, Description, Outcome, WorkItem, require_fit
from queuebit_quantum.calibration import Calibration, read_calibration
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.compiling import CompileCache, translate
from queuebit_quantum.in_process import InProcess
from queuebit_quantum.noise import noisy_simulator
from queuebit_quantum.physical import (
    UsedGate,
    coupling_gates,
    cut_down,
    duration_s,
    operations,
    used_gates,
    without_untouched,
)
from queuebit_quantum.placing import interactions, pinned, require_working, working
from queuebit_quantum.workload import noisy_methods

__all__ = ["EmulatedIbm"]

_OVERHEAD_S = 2.0
"""IBM's guide "Estimate job run time" puts the overhead of a job at about two seconds."""
_REP_DELAY_S = 250e-6
"""IBM's usual pause between shots, for snapshots that name none."""
_OPTIMIZATION_LEVEL = 2
"""Level 2 places circuits by calibration. Level 1 takes the first qubits in line, dead couplers included: on the
Torino snapshot a GHZ-5 then has an ESP of 0.70 instead of 0.92, and compiles only 0.8 ms faster."""


class EmulatedIbm(InProcess):
    """One device as it was calibrated on the day of its snapshot.

    Compiling sees the whole device but for gates that failed their calibration: no circuit is laid on these. Qubits
    that a program names as `$n` stay where they are. Running simulates only the qubits that the compiled circuit
    touches, with their gate errors, relaxation and readout errors: untouched ones cannot change the distribution, only
    the time it takes.
    """

    def __init__(self, id_: str, snapshot: str) -> None:
        super().__init__()
        device = getattr(snapshots, snapshot)()
        configuration = device.configuration()
        rep_delay = getattr(configuration, "default_rep_delay", None)
        self._target: Target = device.target
        self._target.acquire_alignment = self._target.pulse_alignment = 1  # an emulation has no clock to keep to
        self._cache = CompileCache(COMPILER)
        self._working = working(self._target)
        self._pass_manager = lru_cache(maxsize=8)(self._build_pass_manager)
        self._simulator = lru_cache(maxsize=64)(self._build_simulator)
        self._calibration = read_calibration(device.properties().last_update_date, self._target)
        self.description = Description(
            id=id_,
            vendor="IBM",
            kind="emulated",
            num_qubits=self._target.num_qubits,
            basis_gates=tuple(sorted(self._target.operation_names)),
            couplings=len(self._calibration.couplers),
            features=frozenset({"mid_circuit_measurement", "reset", "conditional"}),
            max_shots=int(configuration.max_shots),
            target_digest=self._calibration.digest,
            calibrated_at=self._calibration.calibrated_at,
            calibration_digest=self._calibration.digest,
            rep_delay_s=_REP_DELAY_S if rep_delay is None else float(rep_delay),
            overhead_s=_OVERHEAD_S,
        )

    def calibrate(self) -> Calibration:
        """Return the snapshot's figures; a snapshot never changes."""
        return self._calibration

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self.description, circuit)
        return self._cache.get(circuit, self.description.target_digest, seed, lambda: self._compile(circuit, seed))

    def run(self, item: WorkItem) -> Outcome:
        qubits = item.compiled.physical_qubits
        return run_on_aer(self._simulator(qubits, used_gates(item.compiled.program, qubits)), item)

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        on_device = self._laid_out(circuit, seed)
        program, qubits = cut_down(on_device)
        applied = operations(on_device)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler=COMPILER,
            seed=seed,
            two_qubit_gates=coupling_gates(on_device),
            depth=on_device.depth(),
            duration_s=duration_s(on_device, self._target),
            esp=esp(applied, self._calibration.errors),
            operations=applied,
            physical_qubits=qubits,
            rep_delay_s=self.description.rep_delay_s,
            overhead_s=self.description.overhead_s,
            program=program,
            registers=circuit.registers,
            methods=noisy_methods(program, dynamic=bool(circuit.features)),
        )

    def _laid_out(self, circuit: Circuit, seed: int) -> QuantumCircuit:
        if circuit.physical:
            return pinned(circuit, self._working, seed, self.description.id)
        program = without_untouched(circuit.quantum_circuit)
        found = [translate(self._pass_manager(seed), program, self.description.id)]
        if "conditional" in circuit.features:
            shadow = translate(self._pass_manager(seed), interactions(program), self.description.id)
            where = shadow.layout.initial_index_layout(filter_ancillas=True)
            found.append(translate(self._pass_manager_for(where, seed), program, self.description.id))
        best = max(found, key=lambda on_device: esp(operations(on_device), self._calibration.errors))
        require_working(best, self._working, self.description.id)
        return best

    def _pass_manager_for(self, layout: list[int], seed: int) -> PassManager:
        return generate_preset_pass_manager(
            _OPTIMIZATION_LEVEL, target=self._working, initial_layout=layout, seed_transpiler=seed
        )

    def _build_pass_manager(self, seed: int) -> PassManager:
        return generate_preset_pass_manager(_OPTIMIZATION_LEVEL, target=self._working, seed_transpiler=seed)

    def _build_simulator(self, qubits: tuple[int, ...], gates: frozenset[UsedGate]) -> AerSimulator:
        return noisy_simulator(self._target, qubits, gates)
