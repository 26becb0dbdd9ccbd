"""Compiles circuits for a device that Qiskit knows a target of, with the calibration of that target."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from qiskit import QuantumCircuit
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager

from queuebit_planning.fidelity import esp
from queuebit_quantum.backends import Compiled, Description, Elements, require_fit
from queuebit_quantum.calibration import Calibration
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.compile_options import CompileOptions
from queuebit_quantum.compiling import COMPILER, TranspileCache, translate
from queuebit_quantum.device_passes import apply_options, measured_errors, require_plain
from queuebit_quantum.errors import DoesNotFit
from queuebit_quantum.layout import (
    OPTIMIZATION_LEVEL,
    compile_on_named_qubits,
    interaction_circuit,
    require_working,
    working,
)
from queuebit_quantum.packing import compile_on_region, joined
from queuebit_quantum.physical import coupling_gates, duration_s, operations, remove_unused_qubits, touched
from queuebit_quantum.regions import Region
from queuebit_quantum.relayout import Relayout, shape_digest, uncalibrated

__all__ = ["DeviceCompiler"]


class DeviceCompiler:
    """Compiles for one calibration of one device, in two steps.

    A circuit is transpiled for the shape of the device: its gates and couplings, without those that failed their
    calibration. Then it moves to the qubits with the lowest errors. So what it compiles to depends on the circuit, the
    calibration and the seed only, and a new calibration needs the second step alone, unless the shape has changed.

    Qubits that a program names as `$n` are not moved. The compiled program is a circuit on all qubits of the device.

    Args:
        target: with the errors of the calibration.
        calibration: as `read_calibration` reads it from the target.
        description: of the device.
        transpiled: what was transpiled for earlier calibrations of this device, to be kept for later ones.
        without: elements that are not used, although they may work.
    """

    def __init__(
        self,
        target: Target,
        calibration: Calibration,
        description: Description,
        transpiled: TranspileCache | None = None,
        without: Elements = frozenset(),
    ) -> None:
        self._target = target
        self._calibration = calibration
        self._description = description
        self._transpiled = transpiled or TranspileCache(COMPILER)
        self._working = working(target, without)
        self._shape = shape_digest(self._working)
        self._two_way = uncalibrated(self._working, two_way=True)
        self._relayout = Relayout(self._working, description.id)
        self._newest_key: tuple[str, int] | None = None
        self._newest = QuantumCircuit()
        self._pass_manager = lru_cache(maxsize=8)(self._build_pass_manager)

    def compile(self, circuit: Circuit, seed: int, region: Region | None = None) -> Compiled:
        """Compile a circuit, as `Backend.compile`. The result has no methods, and is not kept: see `CompileCache`.

        Args:
            circuit: what to compile.
            seed: of the compiler.
            region: the only qubits that it may use; None: all.
        """
        require_fit(self._description, circuit)
        options = circuit.options or CompileOptions()
        require_plain(circuit, options, self._description.id)
        laid_out = self._known_layout(circuit, seed) if region is None else self._on_region(circuit, seed, region)
        on_device = apply_options(laid_out, self._working, options, seed, self._description.id)
        applied = operations(on_device)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self._description.target_digest,
            compiler=COMPILER,
            seed=seed,
            two_qubit_gates=coupling_gates(on_device),
            depth=on_device.depth(),
            duration_s=duration_s(on_device, self._target),
            esp=esp(applied, self._calibration.errors),
            operations=applied,
            physical_qubits=touched(on_device),
            rep_delay_s=self._description.rep_delay_s,
            overhead_s=self._description.overhead_s,
            program=on_device,
            registers=circuit.registers,
            readout_errors=measured_errors(on_device, self._calibration) if options.readout_errors else (),
            options=_applied(options, seed),
        )

    def _known_layout(self, circuit: Circuit, seed: int) -> QuantumCircuit:
        """The circuit on the device; that of the newest circuit with options is kept for its copies and foldings."""
        if not circuit.seed_digest:
            return self._laid_out(circuit, seed)
        if self._newest_key != (circuit.seed_digest, seed):
            self._newest = self._laid_out(replace(circuit, digest=circuit.seed_digest), seed)
            self._newest_key = circuit.seed_digest, seed
        return self._newest

    def _on_region(self, circuit: Circuit, seed: int, region: Region) -> QuantumCircuit:
        if circuit.physical:
            raise DoesNotFit(f"{self._description.id}: the circuit names its qubits, so it cannot be on others")
        part = compile_on_region(circuit, self._working, region, seed, self._description.id)
        on_device = joined([part], self._target.num_qubits)
        require_working(on_device, self._working, self._description.id)
        return on_device

    def _laid_out(self, circuit: Circuit, seed: int) -> QuantumCircuit:
        found = self._transpiled.get(circuit, self._shape, seed, lambda: self._transpile(circuit, seed))
        if not circuit.physical:
            found = tuple(map(self._relayout.moved, found))
        best = max(found, key=lambda on_device: esp(operations(on_device), self._calibration.errors))
        require_working(best, self._working, self._description.id)
        return best

    def _transpile(self, circuit: Circuit, seed: int) -> tuple[QuantumCircuit, ...]:
        """The circuit in gates of the device, on any of its qubits: usually one, for a dynamic circuit two."""
        backend, level = self._description.id, OPTIMIZATION_LEVEL
        if circuit.options is not None and circuit.options.optimization_level is not None:
            level = circuit.options.optimization_level
        if circuit.physical:
            known = uncalibrated(self._working, two_way=False)
            return (compile_on_named_qubits(circuit, known, seed, backend, level),)
        program = remove_unused_qubits(circuit.quantum_circuit)
        plain = translate(self._pass_manager(level, seed), program, backend)
        if "conditional" not in circuit.features:
            return (plain,)
        interaction = translate(self._pass_manager(level, seed), interaction_circuit(program), backend)
        where = interaction.layout.initial_index_layout(filter_ancillas=True)
        return plain, translate(self._pass_manager_for(where, level, seed), program, backend)

    def _pass_manager_for(self, layout: list[int], level: int, seed: int) -> PassManager:
        return generate_preset_pass_manager(level, target=self._two_way, initial_layout=layout, seed_transpiler=seed)

    def _build_pass_manager(self, level: int, seed: int) -> PassManager:
        return generate_preset_pass_manager(level, target=self._two_way, seed_transpiler=seed)


def _applied(options: CompileOptions, seed: int) -> dict[str, Any]:  # plain JSON
    """The options as results name them."""
    named = {name: value for name, value in options.as_json().items() if name != "readout_errors"}
    return named if options.twirling is None else {**named, "twirling_seed": options.twirling_seed(seed)}
