"""What admission and scheduling need to know of a circuit, without a quantum SDK of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from queuebit_quantum.circuits import Circuit

__all__ = ["CLIFFORD_GATES", "Profile", "is_clifford", "profile", "simulation_bytes"]

CLIFFORD_GATES = frozenset(
    {"cx", "cy", "cz", "dcx", "ecr", "h", "id", "iswap", "s", "sdg", "swap", "sx", "sxdg", "x", "y", "z"}
)
"""Gates recognised as Clifford by name; rotations are not, whatever their angle."""
_FREE = frozenset({"barrier", "measure", "reset"})


@dataclass(frozen=True, slots=True)
class Profile:
    """Size and demands of one circuit; everything here depends on the source alone."""

    digest: str
    language: str
    qubits: int
    clbits: int
    gates: Mapping[str, int]
    depth: int
    two_qubit_gates: int
    features: frozenset[str]
    simulation_bytes: int


def profile(circuit: Circuit) -> Profile:
    """Summarise a circuit."""
    return Profile(
        digest=circuit.digest,
        language=circuit.language,
        qubits=circuit.num_qubits,
        clbits=circuit.num_clbits,
        gates=dict(circuit.gates),
        depth=circuit.depth,
        two_qubit_gates=circuit.two_qubit_gates,
        features=circuit.features,
        simulation_bytes=simulation_bytes(circuit),
    )


def is_clifford(circuit: Circuit) -> bool:
    """Say whether every operation is a Clifford gate, a measurement, a reset or a barrier, by name."""
    return circuit.gates.keys() <= CLIFFORD_GATES | _FREE


def simulation_bytes(circuit: Circuit) -> int:
    """Return the memory an exact simulation of the state takes, in bytes.

    A state of n qubits has 2^n complex amplitudes of two 64-bit floats: 16 * 2^n bytes. A circuit of Clifford gates
    only is simulated on a stabiliser tableau of 2n rows with 2n + 1 bits each instead: ceil(2n * (2n + 1) / 8) bytes
    (Aaronson and Gottesman 2004, "Improved simulation of stabilizer circuits", quant-ph/0406196, section III). The
    smaller applies: below seven qubits that can be the statevector even for a Clifford circuit.
    """
    n = circuit.num_qubits
    statevector = 16 << n
    if not is_clifford(circuit):
        return statevector
    return min(statevector, (2 * n * (2 * n + 1) + 7) // 8)
