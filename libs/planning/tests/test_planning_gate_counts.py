"""Gates of a compiled circuit by class."""

from queuebit_planning.fidelity import Operation
from queuebit_planning.gate_counts import count_gates


def test_gates_are_counted_by_class() -> None:
    operations = [
        Operation("sx", (4,), 3),
        Operation("cz", (4, 7), 2),
        Operation("reset", (7,), 1),
        Operation("measure", (4,), 1),
        Operation("measure", (7,), 2),
    ]
    assert count_gates(operations) == (3, 2, 4 + 2), "each used qubit is prepared once"


def test_a_gate_on_many_qubits_counts_as_azure_counts_it() -> None:
    assert count_gates([Operation("ccx", (0, 1, 2), 1)]).gates_2q == 6
    assert count_gates([Operation("mcx", (0, 1, 2, 3, 4), 2)]).gates_2q == 2 * 18
    assert count_gates([]) == (0, 0, 0)
