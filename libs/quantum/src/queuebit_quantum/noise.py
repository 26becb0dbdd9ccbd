"""The noise model of a device, for the qubits and gates that a circuit uses."""

from __future__ import annotations

from typing import Any

from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from queuebit_quantum.physical import UsedGate

__all__ = ["noisy_simulator"]


def noisy_simulator(target: Target, qubits: tuple[int, ...], gates: frozenset[UsedGate]) -> AerSimulator:
    """Return a simulator of the given qubits, renumbered from 0, with noise on the given gates.

    The model is Aer's `NoiseModel.from_backend` on a target reduced to these qubits and gates. It has readout errors,
    relaxation (T1, T2) during gates and delays, and a depolarising error per gate, so that gate and relaxation together
    have the calibrated error. The model of each gate is the same as for the whole device.
    """
    model = NoiseModel.from_backend(_Device(_reduced(target, qubits, gates)))
    if not any(name == "delay" for name, _ in gates):
        _cache_serialised(model)
    return AerSimulator(noise_model=model)


def _cache_serialised(model: NoiseModel) -> None:
    """Cache the serialised model: Aer needs more time to serialise it than to simulate five qubits.

    Not for circuits with delays, because Aer adds errors for their delays in each run.
    """
    serialised = model.to_dict(serializable=True)
    model.to_dict = lambda serializable=False: serialised


def _reduced(target: Target, qubits: tuple[int, ...], gates: frozenset[UsedGate]) -> Target:
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
    """The smallest backend that `NoiseModel.from_backend` accepts."""

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
