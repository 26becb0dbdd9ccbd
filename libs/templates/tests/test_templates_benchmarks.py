"""Clifford gates, randomised benchmarking and mirror circuits, compared with Qiskit's operators."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Clifford, Operator, StabilizerState
from qiskit.quantum_info import Pauli as QiskitPauli

from queuebit_quantum import parse
from queuebit_templates import Item, Measured, Program
from queuebit_templates.benchmarking import _decay
from queuebit_templates.cliffords import cliffords
from queuebit_templates.paulis import Gate, Pauli, conjugated, inverse

from .runs import driven, exact, mixed, program_of

NAMES = ("h", "s", "sdg", "x", "y", "z", "cx")


def circuit_of(gates: list[Gate], qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    for name, places in gates:
        getattr(circuit, name)(*places)
    return circuit


def label(pauli: Pauli, qubits: int) -> str:
    letters = {(0, 0): "I", (1, 0): "X", (0, 1): "Z", (1, 1): "Y"}
    text = "".join(letters[pauli.x >> it & 1, pauli.z >> it & 1] for it in reversed(range(qubits)))
    return f"-{text}" if pauli.negative else text


@pytest.mark.parametrize("seed", range(40))
def test_a_pauli_string_moves_through_gates_as_in_qiskit(seed: int) -> None:
    draw = Random(seed)
    names = [draw.choice(NAMES) for _ in range(12)]
    gates = [Gate(it, tuple(draw.sample(range(3), 2 if it == "cx" else 1))) for it in names]
    pauli = Pauli(draw.getrandbits(3), draw.getrandbits(3))
    found = conjugated(pauli, gates)
    wanted = QiskitPauli(label(pauli, 3)).evolve(Clifford(circuit_of(gates, 3)), frame="s")
    assert QiskitPauli(label(found, 3)) == wanted
    assert conjugated(found, inverse(gates)) == pauli


@pytest.mark.parametrize(("qubits", "size"), [(1, 24), (2, 11_520)])
def test_the_group_is_whole_and_each_circuit_is_undone_by_one_element(qubits: int, size: int) -> None:
    group, draw = cliffords(qubits), Random(3)
    assert len(group.elements) == size
    for _ in range(20):
        gates = [gate for _ in range(4) for gate in group.drawn(draw)]
        undone = Operator(circuit_of([*gates, *group.undo(gates)], qubits))
        assert undone.equiv(Operator(QuantumCircuit(qubits)))


def test_elements_of_two_qubits_have_as_few_cx_gates_as_they_need() -> None:
    """576 need none, 5,184 one, 5,184 two and 576 three: 1.5 in the mean (Corcoles et al. 2013, arXiv:1210.7011)."""
    counts = [sum(gate.name == "cx" for gate in it) for it in cliffords(2).elements]
    assert [counts.count(it) for it in range(4)] == [576, 5184, 5184, 576]


@pytest.mark.parametrize("n", [1, 2])
def test_an_ideal_device_has_no_decay(n: int) -> None:
    reading, (program,) = driven("randomised-benchmarking", exact, n=n, lengths=[1, 3, 9], samples=3)
    assert reading.values["error_per_clifford"] == pytest.approx(0.0, abs=1e-9)
    rows = reading.values["survival"]
    assert isinstance(rows, list)
    assert [it["survival"] for it in rows] == [pytest.approx(1.0)] * 3
    assert len(program.items) == 9


@pytest.mark.parametrize("n", [1, 2])
def test_depolarising_noise_is_found_as_it_was_put_in(n: int) -> None:
    """Each Clifford gate keeps the state with probability 0.99, and else mixes it completely."""
    lengths, kept = [1, 5, 20, 60], 0.99
    exponents = iter([it for it in lengths for _ in range(2)])

    def run(program: Program, item: Item) -> Measured:
        return mixed(kept ** next(exponents))(program, item)

    reading, _ = driven("randomised-benchmarking", run, n=n, lengths=lengths, samples=2)
    size = 2**n
    assert reading.values["error_per_clifford"] == pytest.approx((1 - kept) * (size - 1) / size, rel=1e-4)


def test_errors_of_preparation_do_not_change_the_decay() -> None:
    lengths = (1, 10, 50, 100)
    assert _decay(lengths, [0.5 + 0.3 * 0.97**it for it in lengths], 0.5) == pytest.approx(0.97, abs=1e-6)


def test_compilers_may_not_join_the_gates() -> None:
    for name in ("randomised-benchmarking", "mirror"):
        for item in program_of(name).items:
            lines = [it for it in item.source.splitlines() if it.endswith(";")]
            assert sum(it == "barrier q;" for it in lines) > 1
        circuit = parse(program_of(name).items[-1].source).quantum_circuit
        assert "barrier" in circuit.count_ops()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_mirror_circuit_has_one_outcome_which_is_known(n: int) -> None:
    reading, (program,) = driven("mirror", exact, n=n, depths=[1, 4], samples=4, two_qubit_share=0.8)
    assert reading.values["success"] == pytest.approx(1.0)
    assert reading.values["polarisation"] == pytest.approx(1.0)
    outcomes = [next(iter(exact(program, it).counts)) for it in program.items]
    assert n < 5 or len({*outcomes}) > 2, "the outcome is not always the same"


def test_a_wide_mirror_circuit_has_one_outcome_too() -> None:
    from queuebit_templates.mirrors import _circuits, mirror

    given = mirror.parameters(n=40, depths=(6,), samples=2)
    for layers, target in _circuits(given):
        state = StabilizerState(circuit_of([gate for layer in layers for gate in layer], 40))
        assert state.probabilities_dict_from_bitstring(target) == {target: 1.0}


def test_polarisation_is_zero_for_pure_noise_and_falls_with_it() -> None:
    found = [
        float(str(driven("mirror", mixed(it), n=3, depths=[2], samples=2)[0].values["polarisation"]))
        for it in (1.0, 0.6, 0.0)
    ]
    assert found == [pytest.approx(it, abs=1e-6) for it in (1.0, 0.6, 0.0)]
    assert all(one > other for one, other in pairwise(found))
