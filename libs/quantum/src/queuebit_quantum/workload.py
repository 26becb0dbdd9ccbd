"""How long simulating a circuit takes with each method, so that the quickest can be taken and the hopeless refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["Method", "ideal_method", "noisy_methods", "quickest"]

_AMPLITUDE_S = 4e-9
"""One gate on one amplitude, one core (Aer 0.18, measured)."""
_GATE_S = 2e-6
"""One gate on a statevector, whatever its size (measured)."""
_TENSOR_GATE_S = 12e-6
"""One gate on a matrix product state, whatever its size (measured)."""
_TENSOR_ENTRY_S = 6e-8
"""One gate across a cut of bond dimension 1; grows with its cube (measured)."""
_MAX_DENSITY_QUBITS = 12
"""A density matrix of 12 qubits takes 256 MiB, and each further qubit four times as much."""


@dataclass(frozen=True, slots=True)
class Method:
    """One of Aer's methods and the seconds it takes for a circuit: some once, some for each shot."""

    name: str
    once_s: float
    per_shot_s: float

    def seconds(self, shots: int) -> float:
        return self.once_s + shots * self.per_shot_s


def quickest(methods: tuple[Method, ...], shots: int) -> Method:
    """Return the method to take; equals are broken by name, so that the same job always runs the same way."""
    return min(methods, key=lambda method: (method.seconds(shots), method.name))


def ideal_method(name: str, program: QuantumCircuit, *, dynamic: bool) -> Method:
    """Estimate a noiseless run, which computes one state and samples it unless measurements decide what follows."""
    if name == "statevector":
        state_s = program.size() * (_GATE_S + 2**program.num_qubits * _AMPLITUDE_S)
    else:
        state_s = _tensor_s(program)
    return Method(name, 0.0, state_s) if dynamic else Method(name, state_s, 0.0)


def noisy_methods(program: QuantumCircuit, *, dynamic: bool) -> tuple[Method, ...]:
    """Estimate the methods for a noisy circuit, good to a factor of about four.

    With noise every shot is its own trajectory, unless a density matrix holds all of them at once; it cannot when a
    measurement decides what follows. A matrix product state is small as long as few two-qubit gates cross each cut of
    the qubit line: its bond dimension at a cut is at most 2 to that number (Vidal 2003, quant-ph/0301063).
    """
    qubits: int = program.num_qubits
    gates = program.size()
    methods = [
        Method("statevector", 0.0, gates * (_GATE_S + 2**qubits * _AMPLITUDE_S)),
        Method("matrix_product_state", 0.0, _tensor_s(program)),
    ]
    if qubits <= _MAX_DENSITY_QUBITS and not dynamic:
        methods.append(Method("density_matrix", gates * 4**qubits * _AMPLITUDE_S, 0.0))
    return tuple(methods)


def _tensor_s(program: QuantumCircuit) -> float:
    qubits: int = program.num_qubits
    crossings = [0] * qubits
    seconds: float = program.size() * _TENSOR_GATE_S
    for instruction in program.data:
        places = sorted(program.find_bit(bit).index for bit in instruction.qubits)
        if len(places) < 2 or instruction.operation.name == "barrier":
            continue
        for cut in range(places[0], places[-1]):
            crossings[cut] += 1
            bond = min(crossings[cut], cut + 1, qubits - cut - 1)
            seconds += _TENSOR_GATE_S + _TENSOR_ENTRY_S * 8.0**bond
    return seconds
