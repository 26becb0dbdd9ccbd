"""Noise of a device, modelled for the few qubits and gates that a circuit uses."""

from __future__ import annotations

from typing import Any

from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from queuebit_quantum.physical import UsedGate

__all__ = ["noisy_simulator"]


def noisy_simulator(target: Target, qubits: tuple[int, ...], gates: frozenset[UsedGate]) -> AerSimulator:
    """Return a simulator of the given qubits, renumbered from 0, on which the given gates are noisy.

    The model is Aer's `NoiseModel.from_backend` on a target cut down to them: depolarising error that brings each
    gate to its calibrated error together with the relaxation (T1, T2) over its duration, relaxation during delays,
    and readout errors. Cutting down keeps each remaining gate's model as it is in the whole device's.
    """
    model = NoiseModel.from_backend(_Device(_cut_down(target, qubits, gates)))
    if not any(name == "delay" for name, _ in gates):
        _write_out_once(model)
    return AerSimulator(noise_model=model)


def _write_out_once(model: NoiseModel) -> None:
    """Keep the form Aer writes a model out in, which takes it longer than simulating five qubits.

    Not for circuits with delays: to those Aer adds errors of their own for each run.
    """
    written = model.to_dict(serializable=True)
    model.to_dict = lambda serializable=False: written


def _cut_down(target: Target, qubits: tuple[int, ...], gates: frozenset[UsedGate]) -> Target:
    place = {qubit: index for index, qubit in enumerate(qubits)}
    small = Target(
        num_qubits=len(qubits), dt=target.dt, qubit_properties=[target.qubit_properties[qubit] for qubit in qubits]
    )
    for name in sorted({name for name, _ in gates}):
        used = sorted(on for gate, on in gates if gate == name)
        properties = {tuple(place[qubit] for qubit in on): target[name].get(on) for on in used}
        small.add_instruction(target.operation_from_name(name), properties, name=name)
    return small


class _Device(BackendV2):  # type: ignore[misc]  # Qiskit ships no types
    """Just enough of a backend for `NoiseModel.from_backend`, which takes nothing less."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target

    @property
    def target(self) -> Target:
        return self._target

    @property
    def max_circuits(self) -> None:
        return None

    @classmethod
    def _default_options(cls) -> Options:
        return Options()

    def run(self, run_input: Any, **options: Any) -> Any:  # the base class's signature
        raise NotImplementedError("this backend only describes noise")
