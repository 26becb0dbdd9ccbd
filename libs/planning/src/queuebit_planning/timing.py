"""Forecasts the time of a job: device time from gate durations, simulation time from the operations of the method.

All times are integers and rounded up, so that a quote, a hold and a run agree. Times of simulations are upper bounds,
because a plan must also hold on a busy machine. The rates were measured with Aer 0.18 and Cirq 1.7 on one shared core,
and rounded up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from queuebit_planning.tensors import Step, Tensors

__all__ = [
    "AER",
    "CIRQ",
    "Method",
    "Rates",
    "Workload",
    "device_us",
    "ideal_methods",
    "noisy_methods",
    "quickest",
    "statevector",
]

_MAX_STATE_QUBITS: Final = 30
"""A state vector of 30 qubits needs 16 GiB; each further qubit doubles it."""
_MAX_DENSITY_QUBITS: Final = 12
"""A density matrix of 12 qubits needs 256 MiB; each further qubit multiplies it by four."""
_NOISE_NS: Final = 10_000_000
"""Time to build the noise model of one device operation, once per run."""
_NOISE_GATES: Final = 2
"""The number of gates that a noisy gate counts as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Times and sizes of one simulator, in nanoseconds and bytes."""

    run_ns: int = 5_000_000
    """Fixed time of a simulation."""
    operation_ns: int
    """Time to load one operation, once per run."""
    gate_ns: int
    """Time of one gate for any size of the state."""
    amplitude_ns: int = 5
    """Time of one gate per amplitude."""
    draw_ns: int
    """Time to sample one shot; `draw_qubit_ns` and `draw_clbit_ns` are added per qubit and classical bit."""
    draw_qubit_ns: int
    draw_clbit_ns: int = 10
    trajectory_ns: int
    """Time to start each shot if every shot is simulated separately."""
    amplitude_bytes: int


AER: Final = Rates(
    operation_ns=15_000,
    gate_ns=2_000,
    draw_ns=1_000,
    draw_qubit_ns=200,
    trajectory_ns=50_000,
    amplitude_bytes=16,
)

CIRQ: Final = Rates(
    operation_ns=0,
    gate_ns=300_000,
    draw_ns=5_000,
    draw_qubit_ns=3_000,
    trajectory_ns=0,
    amplitude_bytes=24,  # 8 bytes per amplitude, for the state, the next state and a copy
)


@dataclass(frozen=True, slots=True)
class Workload:
    """The operations of a circuit that determine the time of its simulation."""

    qubits: int
    clbits: int
    steps: Sequence[Step]
    """All operations, also inside blocks."""
    clifford: bool = False
    """Whether all gates are Clifford gates."""
    dynamic: bool = False
    """Whether operations depend on measurements; then every shot is simulated separately."""

    def draw_ns(self, rates: Rates) -> int:
        """Return the time to sample one shot from a state, in nanoseconds."""
        return rates.draw_ns + rates.draw_qubit_ns * self.qubits + rates.draw_clbit_ns * self.clbits


@dataclass(frozen=True, slots=True)
class Method:
    """One way to simulate a circuit, with its time (once, and per shot) in nanoseconds and its memory."""

    name: str
    once_ns: int
    per_shot_ns: int
    memory_bytes: int
    """Memory of the state."""

    def microseconds(self, shots: int) -> int:
        """Return the time of a run in microseconds, rounded up."""
        return -(-(self.once_ns + shots * self.per_shot_ns) // 1_000)


def device_us(shots: int, duration_ns: int, rep_delay_ns: int, overhead_ns: int) -> int:
    """Return the time that a job occupies a device, in microseconds, rounded up.

    This is shots * (duration + repetition delay) + overhead, as in IBM's guide "Estimate job run time". The guide gives
    about 2 s for the overhead.
    """
    return -(-(shots * (duration_ns + rep_delay_ns) + overhead_ns) // 1_000)


def quickest(methods: Sequence[Method], shots: int) -> Method:
    """Return the fastest method. Ties are broken by name, so that the same job always runs with the same method."""
    return min(methods, key=lambda method: (method.microseconds(shots), method.name))


def statevector(work: Workload, rates: Rates) -> Method:
    """Estimate the simulation of an ideal circuit with a vector of 2^n complex amplitudes."""
    n, operations = work.qubits, len(work.steps)
    state_ns = operations * (rates.gate_ns + (rates.amplitude_ns << n))
    return _method("statevector", work, rates, (state_ns, work.draw_ns(rates), rates.amplitude_bytes << n))


def ideal_methods(work: Workload) -> tuple[Method, ...]:
    """Estimate Aer's exact methods. They compute one state and sample it; for dynamic circuits, one state per shot.

    The state of a Clifford circuit is a tableau of 2n rows with 2n + 1 bits each; a measurement takes O(n^2) time
    (Aaronson and Gottesman 2004, "Improved simulation of stabilizer circuits", quant-ph/0406196, section III).
    """
    n = work.qubits
    tensors = Tensors.of(work.steps, n)
    product = (tensors.gates_ns, tensors.draw_ns + work.draw_ns(AER), tensors.memory_bytes)
    methods = [_method("matrix_product_state", work, AER, product)]
    if n <= _MAX_STATE_QUBITS:
        methods.append(statevector(work, AER))
    if work.clifford:
        measured = sum(name == "measure" for name, _ in work.steps)
        each_ns = n * n + measured * (2 * AER.draw_ns + n * n // 2) + work.draw_ns(AER)
        tableau = (len(work.steps) * AER.gate_ns, each_ns, (2 * n * (2 * n + 1) + 7) // 8)
        methods.append(_method("stabilizer", work, AER, tableau))
    return tuple(methods)


def noisy_methods(work: Workload) -> tuple[Method, ...]:
    """Estimate Aer's methods for a circuit with noise.

    With noise, every shot is a separate trajectory, or a density matrix holds the average over all. A density matrix
    cannot simulate operations that depend on measurements.
    """
    n, gates = work.qubits, _NOISE_GATES * len(work.steps)
    modelled = len({step for step in work.steps if step[0] != "barrier"})
    begin_ns = AER.run_ns + len(work.steps) * AER.operation_ns + modelled * _NOISE_NS
    draw_ns = AER.trajectory_ns + AER.draw_clbit_ns * work.clbits
    tensors = Tensors.of(work.steps, n)
    each_ns = _NOISE_GATES * tensors.gates_ns + tensors.draw_ns + draw_ns
    methods = [Method("matrix_product_state", begin_ns, each_ns, tensors.memory_bytes)]
    if n <= _MAX_STATE_QUBITS:
        each_ns = gates * (AER.gate_ns + (AER.amplitude_ns << n)) + draw_ns
        methods.append(Method("statevector", begin_ns, each_ns, AER.amplitude_bytes << n))
    if n <= _MAX_DENSITY_QUBITS and not work.dynamic:
        once_ns = begin_ns + gates * (AER.gate_ns + (AER.amplitude_ns << 2 * n))
        methods.append(Method("density_matrix", once_ns, work.draw_ns(AER), AER.amplitude_bytes << 2 * n))
    return tuple(methods)


def _method(name: str, work: Workload, rates: Rates, takes: tuple[int, int, int]) -> Method:
    """Return a method that computes the state once and samples it, or once per shot if the circuit is dynamic.

    Args:
        name: the name of the method.
        work: the circuit.
        rates: the rates of the simulator.
        takes: time to compute the state and to sample one shot, in nanoseconds, and the bytes of the state.
    """
    state_ns, draw_ns, size = takes
    begin_ns = rates.run_ns + len(work.steps) * rates.operation_ns
    if work.dynamic:
        return Method(name, begin_ns, rates.trajectory_ns + state_ns + draw_ns, size)
    return Method(name, begin_ns + state_ns, draw_ns, size)
