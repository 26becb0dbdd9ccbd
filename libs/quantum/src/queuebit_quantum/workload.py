"""What simulating a circuit takes with each method, so that the quickest can be taken and the hopeless refused.

Times are estimated from above, because a plan that says "fits" must hold on a busy machine too. The constants were
measured with Aer 0.18 and Cirq 1.7 on one shared core, and rounded up. Whole numbers only, so that a quote, a hold and
a run agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from queuebit_quantum.physical import gate_steps, used_gates
from queuebit_quantum.tensors import Tensors

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["Method", "cirq_method", "ideal_methods", "noisy_methods", "quickest"]

_RUN_NS = 5_000_000
"""A simulation, however small."""
_OPERATION_NS = 15_000
"""Handing one operation over to Aer, once a run."""
_NOISE_NS = 10_000_000
"""Modelling the noise of one operation of a device, once a run."""
_GATE_NS = 2_000
"""One gate, whatever the size of the state."""
_AMPLITUDE_NS = 5
"""One gate on one amplitude."""
_NOISE_GATES = 2
"""Gates that one noisy gate counts for."""
_CIRQ_GATE_NS = 300_000
"""One gate in Cirq, whatever the size of the state."""
_DRAW_NS = 1_000
"""Drawing one shot."""
_CIRQ_DRAW_NS = 5_000
_TRAJECTORY_NS = 50_000
"""Beginning anew, where each shot is simulated on its own."""
_AMPLITUDE_BYTES = 16
_MAX_STATE_QUBITS = 30
"""A state vector of 30 qubits takes 16 GiB, and each further qubit twice as much."""
_MAX_DENSITY_QUBITS = 12
"""A density matrix of 12 qubits takes 256 MiB, and each further qubit four times as much."""


@dataclass(frozen=True, slots=True)
class Method:
    """One way to simulate a circuit, and what it takes: some time once, some for each shot."""

    name: str
    once_ns: int
    per_shot_ns: int
    memory_bytes: int
    """Of the state."""

    def microseconds(self, shots: int) -> int:
        """Return the time of a run, rounded up."""
        return -(-(self.once_ns + shots * self.per_shot_ns) // 1_000)


def quickest(methods: tuple[Method, ...], shots: int) -> Method:
    """Return the method to take; equals are broken by name, so that the same job always runs the same way."""
    return min(methods, key=lambda method: (method.microseconds(shots), method.name))


def ideal_methods(program: QuantumCircuit, *, clifford: bool, dynamic: bool) -> tuple[Method, ...]:
    """Estimate Aer's exact methods, which compute one state and sample it unless measurements decide what follows.

    A state of n qubits has 2^n complex amplitudes of 16 bytes; the state of a circuit of Clifford gates is a tableau
    of 2n rows with 2n + 1 bits each, on which a measurement takes time of order n^2 (Aaronson and Gottesman 2004,
    "Improved simulation of stabilizer circuits", quant-ph/0406196, section III).
    """
    n = program.num_qubits
    steps = list(gate_steps(program, range(n)))
    operations, measured = len(steps), sum(operation.name == "measure" for operation, _ in steps)
    begin_ns, draw_ns = _begin_ns(operations), _DRAW_NS + 200 * n + 10 * program.num_clbits
    tensors = Tensors.of(steps, n)
    found = [("matrix_product_state", tensors.gates_ns, tensors.draw_ns + draw_ns, tensors.memory_bytes)]
    if n <= _MAX_STATE_QUBITS:
        found.append(("statevector", operations * (_GATE_NS + (_AMPLITUDE_NS << n)), draw_ns, _AMPLITUDE_BYTES << n))
    if clifford:
        each_ns = n * n + measured * (2 * _DRAW_NS + n * n // 2) + draw_ns
        found.append(("stabilizer", operations * _GATE_NS, each_ns, (2 * n * (2 * n + 1) + 7) // 8))
    if dynamic:
        return tuple(Method(name, begin_ns, _TRAJECTORY_NS + state + each, size) for name, state, each, size in found)
    return tuple(Method(name, begin_ns + state, each, size) for name, state, each, size in found)


def cirq_method(program: QuantumCircuit, *, dynamic: bool) -> Method:
    """Estimate Cirq's state vector: 8 bytes an amplitude, of which it holds the state, its successor and a copy."""
    n = program.num_qubits
    operations = sum(1 for _ in gate_steps(program, range(n)))
    state_ns = operations * (_CIRQ_GATE_NS + (_AMPLITUDE_NS << n))
    draw_ns = _CIRQ_DRAW_NS + 3_000 * n + 10 * program.num_clbits
    once_ns, each_ns = (_RUN_NS, state_ns + draw_ns) if dynamic else (_RUN_NS + state_ns, draw_ns)
    return Method("statevector", once_ns, each_ns, 24 << n)


def noisy_methods(program: QuantumCircuit, *, dynamic: bool) -> tuple[Method, ...]:
    """Estimate the methods for a noisy circuit.

    With noise every shot is its own trajectory, unless a density matrix holds all of them at once; it cannot when a
    measurement decides what follows.
    """
    n = program.num_qubits
    steps = list(gate_steps(program, range(n)))
    operations = len(steps)
    noise_ns = len(used_gates(program, range(n))) * _NOISE_NS
    begin_ns, draw_ns = _begin_ns(operations) + noise_ns, _TRAJECTORY_NS + 10 * program.num_clbits
    tensors = Tensors.of(steps, n)
    each_ns = _NOISE_GATES * tensors.gates_ns + tensors.draw_ns + draw_ns
    methods = [Method("matrix_product_state", begin_ns, each_ns, tensors.memory_bytes)]
    gates = _NOISE_GATES * operations
    if n <= _MAX_STATE_QUBITS:
        each_ns = gates * (_GATE_NS + (_AMPLITUDE_NS << n)) + draw_ns
        methods.append(Method("statevector", begin_ns, each_ns, _AMPLITUDE_BYTES << n))
    if n <= _MAX_DENSITY_QUBITS and not dynamic:
        once_ns = begin_ns + gates * (_GATE_NS + (_AMPLITUDE_NS << 2 * n))
        draw_ns = _DRAW_NS + 200 * n + 10 * program.num_clbits
        methods.append(Method("density_matrix", once_ns, draw_ns, _AMPLITUDE_BYTES << 2 * n))
    return tuple(methods)


def _begin_ns(operations: int) -> int:
    return _RUN_NS + operations * _OPERATION_NS
