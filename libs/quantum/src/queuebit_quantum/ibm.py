"""Emulated IBM devices, from the calibration snapshots that ship with `qiskit-ibm-runtime`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import qiskit_ibm_runtime.fake_provider as snapshots
from qiskit import QuantumCircuit
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator

from queuebit_quantum.aer import run_on_aer
from queuebit_quantum.backends import Compiled, Elements, Outcome, WorkItem
from queuebit_quantum.calibration import Calibration, read_calibration
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.compiling import COMPILER, CompileCache, TranspileCache
from queuebit_quantum.device_compiler import DeviceCompiler
from queuebit_quantum.earlier_calibration import set_calibration
from queuebit_quantum.errors import NotReachable
from queuebit_quantum.exclusion import without_elements
from queuebit_quantum.ibm_description import ibm_description
from queuebit_quantum.in_process import InProcess
from queuebit_quantum.noise import noisy_simulator
from queuebit_quantum.physical import UsedGate, remove_idle_qubits, used_gates
from queuebit_quantum.regions import Region, choose_regions, device_of
from queuebit_quantum.workload import noisy_methods

__all__ = ["EmulatedIbm"]

_EARLIER = 2
"""How many earlier calibrations of a device are kept in memory."""


class EmulatedIbm(InProcess):
    """One device with the calibration of its snapshot.

    Circuits are compiled as `DeviceCompiler` says. A run simulates only the qubits that the compiled circuit uses, with
    their gate errors, relaxation and readout errors: the other qubits do not change the distribution.
    """

    def __init__(self, id_: str, snapshot: str) -> None:
        super().__init__()
        self._id = id_
        self._snapshot = snapshot
        self._version = self._file_version()
        self._earlier: dict[str, EmulatedIbm | None] = {}
        """The device under earlier calibrations, by their digests: the newest ones that were asked for."""
        self._transpiled = TranspileCache(COMPILER)
        self.without: Elements = frozenset()
        """Qubits and couplers that circuits are not compiled for; see `exclude`."""
        self._read(None)

    def exclude(self, without: Elements) -> None:
        """Compile without these qubits and couplers from now on, and with all others."""
        if without != self.without:
            self.without = without
            self._prepare()

    def _read(self, before: Calibration | None) -> None:
        """Read the snapshot; what was compiled or built from another one is not used any more.

        Circuits that were transpiled are kept: their qubits are chosen again.
        """
        device = getattr(snapshots, self._snapshot)()
        self._configuration, target = device.configuration(), device.target
        target.acquire_alignment = target.pulse_alignment = 1  # an emulated device has no clock
        self._take(target, read_calibration(device.properties().last_update_date, target, before))

    def _take(self, target: Target, calibration: Calibration) -> None:
        """Use a target that has this calibration."""
        self._target: Target = target
        self._calibration = calibration
        self._simulator = lru_cache(maxsize=64)(self._build_simulator)
        self._as_calibrated = ibm_description(self._id, target, self._configuration, calibration)
        self._cache = CompileCache(COMPILER)
        self._prepare()

    def _prepare(self) -> None:
        """Compile for the present calibration and elements from now on."""
        self.description = without_elements(self._as_calibrated, self.without)
        self._compiler = DeviceCompiler(
            self._target, self._calibration, self.description, self._transpiled, self.without
        )

    def calibrate(self) -> Calibration:
        """Return the calibration of the snapshot; read it again if its file changed, as by `FakeBackendV2.refresh`.

        Raises:
            NotReachable: the file cannot be read now, such as while it is being written, or is quarantined.
        """
        if (version := self._file_version()) != self._version:
            try:
                self._read(self._calibration)
            except (OSError, ValueError) as error:
                raise NotReachable(f"the snapshot of {self._id} cannot be read: {error}") from error
            self._version = version
        return self._calibration

    def with_calibration(self, snapshot: Mapping[str, Any]) -> EmulatedIbm | None:
        """As `TakesCalibration.with_calibration`, without elements that are excluded now."""
        digest = str(snapshot.get("digest"))
        if digest == self._calibration.digest and not self.without:
            return self
        if digest not in self._earlier:
            device = EmulatedIbm(self._id, self._snapshot)
            target = device._target
            calibration = set_calibration(target, snapshot)
            if calibration is not None:
                device._take(target, calibration)
            if len(self._earlier) >= _EARLIER:
                self._earlier.clear()
            self._earlier[digest] = device if calibration is not None else None
        return self._earlier[digest]

    def _file_version(self) -> int:
        snapshot = getattr(snapshots, self._snapshot)
        return Path(snapshot.dirname, snapshot.props_filename).stat().st_mtime_ns

    def warm_up(self) -> None:
        """Run a gate with its noise, without Qiskit's compiler: that starts threads, which no fork would have."""
        program = QuantumCircuit(1, 1)
        program.sx(0)
        program.measure(0, 0)
        methods = noisy_methods(program, dynamic=False)
        compiled = Compiled("", "", COMPILER, 0, 0, 2, program, (1,), methods, (0,))
        simulator = self._build_simulator((0,), used_gates(program, (0,)))
        run_on_aer(simulator, WorkItem(compiled, 1, seed=0))

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        return self._cache.get(circuit, self.description.target_digest, seed, lambda: self._compile(circuit, seed))

    def regions(self, sizes: Sequence[int]) -> tuple[Region | None, ...]:
        """As `SharesDevice.regions`, by the calibration in force, without the elements that are not used."""
        return choose_regions(device_of(self._calibration, self.without), sizes)

    def compile_on(self, circuit: Circuit, seed: int, region: Region) -> Compiled:
        """As `SharesDevice.compile_on`."""
        return self._compile(circuit, seed, region)

    def run(self, item: WorkItem) -> Outcome:
        qubits = item.compiled.physical_qubits
        return run_on_aer(self._simulator(qubits, used_gates(item.compiled.program, qubits)), item)

    def _compile(self, circuit: Circuit, seed: int, region: Region | None = None) -> Compiled:
        compiled = self._compiler.compile(circuit, seed, region)
        program, _ = remove_idle_qubits(compiled.program)
        return replace(compiled, program=program, methods=noisy_methods(program, dynamic=circuit.dynamic))

    def _build_simulator(self, qubits: tuple[int, ...], gates: frozenset[UsedGate]) -> AerSimulator:
        return noisy_simulator(self._target, qubits, gates)
