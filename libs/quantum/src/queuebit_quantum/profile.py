"""What admission and scheduling need to know of a circuit, without a quantum SDK of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from queuebit_quantum.circuits import Circuit
from queuebit_quantum.physical import without_time
from queuebit_quantum.workload import ideal_methods

__all__ = ["CLIFFORD_GATES", "Profile", "is_clifford", "profile", "simulation_bytes"]

CLIFFORD_GATES = frozenset(
    {"cx", "cy", "cz", "dcx", "ecr", "h", "id", "iswap", "s", "sdg", "swap", "sx", "sxdg", "x", "y", "z"}
)
"""Gates recognised as Clifford by name; rotations are not, whatever their angle."""
_FREE = frozenset({"barrier", "delay", "measure", "reset"})


@dataclass(frozen=True, slots=True)
class Profile:
    """Size and demands of one circuit; everything here depends on the source alone."""

    digest: str
    language: str
    qubits: int
    """That a gate, a measurement or a reset acts on; the others cost nothing."""
    clbits: int
    gates: Mapping[str, int]
    depth: int
    two_qubit_gates: int
    features: frozenset[str]
    simulation_bytes: int
    """The least memory that an exact method takes for the state."""


def profile(circuit: Circuit) -> Profile:
    """Summarise a circuit."""
    return Profile(
        digest=circuit.digest,
        language=circuit.language,
        qubits=len(circuit.touched),
        clbits=circuit.num_clbits,
        gates=dict(circuit.gates),
        depth=circuit.depth,
        two_qubit_gates=circuit.two_qubit_gates,
        features=circuit.features,
        simulation_bytes=simulation_bytes(circuit),
    )


def is_clifford(circuit: Circuit) -> bool:
    """Say whether all gates are Clifford gates by name; measurements, resets, barriers and delays are free."""
    return circuit.gates.keys() <= CLIFFORD_GATES | _FREE


def simulation_bytes(circuit: Circuit) -> int:
    """Return the least memory that one of Aer's exact methods takes for the circuit's state, in bytes.

    See `queuebit_quantum.workload`. A backend may take another method, which is quicker, or know none but a state
    vector; its own figure stands in `Compiled.methods`.
    """
    program = without_time(circuit.quantum_circuit)
    found = ideal_methods(program, clifford=is_clifford(circuit), dynamic=bool(circuit.features))
    return min(method.memory_bytes for method in found)
