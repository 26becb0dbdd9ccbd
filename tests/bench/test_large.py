"""Both sides of the comparison with Aer alone take the same circuits."""

from __future__ import annotations

from qiskit import qasm2
from tests.bench.large import LAYERS, random_circuit

from queuebit_quantum import parse


def test_a_random_circuit_is_the_same_for_both_sides_and_new_for_each_seed() -> None:
    source = random_circuit(7, LAYERS, 1)
    theirs, ours = qasm2.loads(source), parse(source).quantum_circuit
    assert dict(theirs.count_ops()) == dict(ours.count_ops()) == {"u3": 21, "cx": 9, "measure": 7}
    assert random_circuit(7, LAYERS, 1) == source != random_circuit(7, LAYERS, 2)
