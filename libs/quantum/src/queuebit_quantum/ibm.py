"""Emulated IBM devices, from the calibration snapshots that ship with `qiskit-ibm-runtime`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

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
from queuebit_quantum.errors import NotReachable
from queuebit_quantum.in_process import InProcess
from queuebit_quantum.layout import compile_on_named_qubits, interaction_circuit, require_working, working
from queuebit_quantum.noise import noisy_simulator
from queuebit_quantum.physical import (
    UsedGate,
    coupling_gates,
    duration_s,
    operations,
    remove_idle_qubits,
    remove_unused_qubits,
    used_gates,
)
from queuebit_quantum.workload import noisy_methods

__all__ = ["EmulatedIbm"]

_OVERHEAD_S = 2.0
"""About two seconds per job, from IBM's guide "Estimate job run time"."""
_REP_DELAY_S = 250e-6
"""IBM's default pause between shots, for snapshots without one."""
_OPTIMIZATION_LEVEL = 2
"""Level 2 chooses qubits by calibration. Level 1 takes the first qubits of a line, even with failed couplers: on the
Torino snapshot the ESP of a GHZ-5 circuit is then 0.70 instead of 0.92, and it compiles only 0.8 ms faster."""


class EmulatedIbm(InProcess):
    """One device with the calibration of its snapshot.

    The compiler uses the whole device, except gates that failed their calibration. Qubits that a program names as `$n`
    are not moved. A run simulates only the qubits that the compiled circuit uses, with their gate errors, relaxation
    and readout errors: the other qubits do not change the distribution.
    """

    def __init__(self, id_: str, snapshot: str) -> None:
        super().__init__()
        self._id = id_
        self._snapshot = snapshot
        self._version = self._file_version()
        self._read()

    def _read(self) -> None:
        """Read the snapshot; what was compiled or built from another one is not used any more."""
        device = getattr(snapshots, self._snapshot)()
        configuration = device.configuration()
        rep_delay = getattr(configuration, "default_rep_delay", None)
        self._target: Target = device.target
        self._target.acquire_alignment = self._target.pulse_alignment = 1  # an emulated device has no clock
        self._cache = CompileCache(COMPILER)
        self._working = working(self._target)
        self._pass_manager = lru_cache(maxsize=8)(self._build_pass_manager)
        self._simulator = lru_cache(maxsize=64)(self._build_simulator)
        self._calibration = read_calibration(device.properties().last_update_date, self._target)
        self.description = Description(
            id=self._id,
            vendor="IBM",
            kind="emulated",
            num_qubits=self._target.num_qubits,
            basis_gates=tuple(sorted(self._target.operation_names)),
            couplings=len(self._calibration.couplers),
            features=frozenset({"mid_circuit_measurement", "reset", "conditional", "verbatim"}),
            max_shots=int(configuration.max_shots),
            target_digest=self._calibration.digest,
            calibrated_at=self._calibration.calibrated_at,
            calibration_digest=self._calibration.digest,
            rep_delay_s=_REP_DELAY_S if rep_delay is None else float(rep_delay),
            overhead_s=_OVERHEAD_S,
        )

    def calibrate(self) -> Calibration:
        """Return the calibration of the snapshot; read it again if its file changed, as by `FakeBackendV2.refresh`.

        Raises:
            NotReachable: the file cannot be read now, such as while it is being written.
        """
        if (version := self._file_version()) != self._version:
            try:
                self._read()
            except (OSError, ValueError) as error:
                raise NotReachable(f"the snapshot of {self._id} cannot be read: {error}") from error
            self._version = version
        return self._calibration

    def _file_version(self) -> int:
        snapshot = getattr(snapshots, self._snapshot)
        return Path(snapshot.dirname, snapshot.props_filename).stat().st_mtime_ns

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self.description, circuit)
        return self._cache.get(circuit, self.description.target_digest, seed, lambda: self._compile(circuit, seed))

    def run(self, item: WorkItem) -> Outcome:
        qubits = item.compiled.physical_qubits
        return run_on_aer(self._simulator(qubits, used_gates(item.compiled.program, qubits)), item)

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        on_device = self._laid_out(circuit, seed)
        program, qubits = remove_idle_qubits(on_device)
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
            methods=noisy_methods(program, dynamic=circuit.dynamic),
        )

    def _laid_out(self, circuit: Circuit, seed: int) -> QuantumCircuit:
        if circuit.physical:
            return compile_on_named_qubits(circuit, self._working, seed, self.description.id)
        program = remove_unused_qubits(circuit.quantum_circuit)
        found = [translate(self._pass_manager(seed), program, self.description.id)]
        if "conditional" in circuit.features:
            interaction = translate(self._pass_manager(seed), interaction_circuit(program), self.description.id)
            where = interaction.layout.initial_index_layout(filter_ancillas=True)
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
