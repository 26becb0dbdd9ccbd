"""Qiskit Runtime's local mode: IBM's own `SamplerV2` on a snapshot of a device, in this process."""

from __future__ import annotations

import warnings
from dataclasses import replace

import qiskit_ibm_runtime.fake_provider as snapshots
from qiskit_ibm_runtime import SamplerV2

from queuebit_quantum import Calibration, Circuit, Compiled, InProcess, Outcome, WorkItem
from queuebit_quantum.calibration import read_calibration
from queuebit_quantum.compiling import COMPILER, CompileCache
from queuebit_quantum.device_compiler import DeviceCompiler
from queuebit_quantum.ibm_description import ibm_description
from queuebit_quantum.physical import remove_idle_qubits
from queuebit_quantum.workload import noisy_methods
from queuebit_vendor_ibm.circuits import outcome, pub

__all__ = ["LocalRuntime"]

_SEEDS = 2**31 - 1
"""The SDK takes no seed of 0 and passes others to Aer, which takes 31 bits from every caller."""


class LocalRuntime(InProcess):
    """One device of IBM, as its SDK simulates it: the noise is that of Aer's model of the whole device."""

    def __init__(self, id_: str, snapshot: str) -> None:
        super().__init__()
        self._device = getattr(snapshots, snapshot)()
        self._device.set_options(max_parallel_shots=1)  # so that a seed gives the same counts on any number of cores
        target, configuration = self._device.target, self._device.configuration()
        target.acquire_alignment = target.pulse_alignment = 1  # a simulated device has no clock
        self._calibration = read_calibration(self._device.properties().last_update_date, target)
        self.description = ibm_description(id_, target, configuration, self._calibration)
        self._compiler = DeviceCompiler(target, self._calibration, self.description)
        self._cache = CompileCache(COMPILER)

    def calibrate(self) -> Calibration:
        """Return the calibration of the snapshot, which never changes."""
        return self._calibration

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        return self._cache.get(circuit, self.description.target_digest, seed, lambda: self._compile(circuit, seed))

    def run(self, item: WorkItem) -> Outcome:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SamplerV2 is deprecated in this release
            sampler = SamplerV2(mode=self._device, options={"simulator": {"seed_simulator": item.seed % _SEEDS + 1}})
            (result,) = sampler.run([pub(item)]).result()
        found = outcome(result.data)
        if found is None:
            raise RuntimeError("SamplerV2 returned no data")
        return found

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        compiled = self._compiler.compile(circuit, seed)
        simulated, _ = remove_idle_qubits(compiled.program)
        return replace(compiled, methods=noisy_methods(simulated, dynamic=circuit.dynamic))
