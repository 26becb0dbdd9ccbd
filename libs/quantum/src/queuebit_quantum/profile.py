"""The profile of a circuit, for admission and scheduling, which have no quantum SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from queuebit_quantum.canonical import canonical_digest
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.physical import remove_delays
from queuebit_quantum.workload import ideal_methods

__all__ = ["CLIFFORD_GATES", "Profile", "is_clifford", "profile", "simulation_bytes"]

CLIFFORD_GATES = frozenset(
    {"cx", "cy", "cz", "dcx", "ecr", "h", "id", "iswap", "s", "sdg", "swap", "sx", "sxdg", "x", "y", "z"}
)
"""Gates that count as Clifford, by name. Rotations do not count, at any angle."""
_FREE = frozenset({"barrier", "delay", "measure", "reset"})


@dataclass(frozen=True, slots=True)
class Profile:
    """Size and features of one circuit. Depends only on the source."""

    digest: str
    language: str
    qubits: int
    """Qubits that a gate, a measurement or a reset acts on; idle qubits cost nothing."""
    clbits: int
    gates: Mapping[str, int]
    depth: int
    two_qubit_gates: int
    features: frozenset[str]
    canonical: str | None
    """As `canonical_digest` computes it."""
    simulation_bytes: int
    """The smallest memory, in bytes, that an exact method needs for the state."""


def profile(circuit: Circuit) -> Profile:
    """Return the profile of a circuit."""
    return Profile(
        digest=circuit.digest,
        language=circuit.language,
        qubits=len(circuit.touched),
        clbits=circuit.num_clbits,
        gates=dict(circuit.gates),
        depth=circuit.depth,
        two_qubit_gates=circuit.two_qubit_gates,
        features=circuit.needs,
        canonical=canonical_digest(circuit.quantum_circuit),
        simulation_bytes=simulation_bytes(circuit),
    )


def is_clifford(circuit: Circuit) -> bool:
    """Return whether all gates are Clifford gates by name; measurements, resets, barriers and delays are allowed."""
    return circuit.gates.keys() <= CLIFFORD_GATES | _FREE


def simulation_bytes(circuit: Circuit) -> int:
    """Return the smallest memory in bytes that one of Aer's exact methods needs for the state of the circuit.

    See `queuebit_quantum.workload`. A backend may use a faster method, or have only a state vector; `Compiled.methods`
    has the memory of each method of that backend.
    """
    program = remove_delays(circuit.quantum_circuit)
    found = ideal_methods(program, clifford=is_clifford(circuit), dynamic=circuit.dynamic)
    return min(method.memory_bytes for method in found)
