"""Profiles, and measures of quality."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import hellinger_fidelity as qiskit_fidelity

from queuebit_quantum import (
    CircuitError,
    DoesNotFit,
    hellinger_fidelity,
    ideal_distribution,
    parse,
    profile,
    simulation_bytes,
    total_variation,
)

HEADER = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
DISTRIBUTIONS = st.dictionaries(st.sampled_from(["00", "01", "10", "11"]), st.integers(1, 1_000), min_size=1)


def test_a_profile_has_the_properties_of_the_circuit() -> None:
    circuit = parse(HEADER + "qreg q[3]; creg c[2]; h q; cx q[0], q[1]; measure q[0] -> c[0];")
    summary = profile(circuit)
    assert (summary.digest, summary.language) == (circuit.digest, "openqasm2")
    assert (summary.qubits, summary.clbits, summary.depth, summary.two_qubit_gates) == (3, 2, 3, 1)
    assert summary.gates == {"h": 3, "cx": 1, "measure": 1}
    assert summary.features == frozenset()


def test_circuits_profiles_and_errors_can_be_pickled() -> None:
    circuit = parse(HEADER + "qreg q[2]; creg c[1]; h q; measure q[0] -> c[0];")
    assert pickle.loads(pickle.dumps(circuit)) == circuit
    assert pickle.loads(pickle.dumps(profile(circuit))) == profile(circuit)
    fault = CircuitError("wrong", 3, 4, "right", "syntax")
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.code, again.line) == (str(fault), "syntax", 3)


@pytest.mark.parametrize(
    ("body", "measured", "size"),
    [
        pytest.param("qreg q[2]; h q; t q[0];", 1, 64, id="state vector"),
        pytest.param("qreg q[1000]; h q;", 1, 1_000 * 32, id="product state"),
        pytest.param("qreg q[40]; h q; t q; cx q[0], q[39];", 1, 40 * 128, id="one pair, apart"),
        pytest.param("qreg q[28]; x q[3]; t q[3]; barrier q;", 3, 16 << 1, id="untouched qubits take none"),
    ],
)
def test_memory_is_that_of_the_smallest_exact_method(body: str, measured: int, size: int) -> None:
    assert simulation_bytes(parse(HEADER + body + f"creg c[1]; measure q[{measured}] -> c[0];")) == size


def test_an_entangled_clifford_circuit_needs_the_memory_of_a_tableau() -> None:
    pairs = "".join(f"cx q[{i}], q[{(7 * i + 1) % 100}];" for _ in range(30) for i in range(100) if 6 * i % 100 != 99)
    circuit = parse(HEADER + f"qreg q[100]; creg c[100]; h q; {pairs} measure q -> c;")
    assert simulation_bytes(circuit) == -(-200 * 201 // 8)


@given(DISTRIBUTIONS, DISTRIBUTIONS)
def test_fidelity_equals_that_of_qiskit(first: dict[str, int], second: dict[str, int]) -> None:
    fidelity = hellinger_fidelity(first, second)
    assert fidelity == pytest.approx(qiskit_fidelity(first, second))
    assert 0 <= fidelity <= 1
    assert fidelity == pytest.approx(hellinger_fidelity(second, first))


@given(DISTRIBUTIONS, DISTRIBUTIONS)
def test_total_variation_bounds(first: dict[str, int], second: dict[str, int]) -> None:
    distance = total_variation(first, second)
    assert 0 <= distance <= 1
    overlap = hellinger_fidelity(first, second) ** 0.5
    assert 1 - overlap <= distance + 1e-9, "H^2 <= TV"
    assert distance <= (max(0.0, 1 - overlap**2)) ** 0.5 + 1e-9, "TV <= sqrt(1 - BC^2)"


def test_equal_and_disjoint_distributions() -> None:
    assert hellinger_fidelity({"0": 5, "1": 5}, {"0": 0.5, "1": 0.5}) == pytest.approx(1)
    assert hellinger_fidelity({"0": 1}, {"1": 1}) == 0
    assert total_variation({"0": 1}, {"1": 1}) == 1
    with pytest.raises(ValueError, match="at least one outcome"):
        hellinger_fidelity({}, {"0": 1})


def test_the_ideal_distribution_follows_the_measurements() -> None:
    circuit = parse(
        HEADER + "qreg q[3]; creg a[1]; creg b[2]; x q[2]; h q[0]; cx q[0], q[1];"
        "measure q[2] -> b[0]; measure q[0] -> b[1]; measure q[1] -> a[0];"
    )
    assert ideal_distribution(circuit) == pytest.approx({"01 0": 0.5, "11 1": 0.5})


@pytest.mark.parametrize("body", ["qreg q[21]; h q; measure q[0] -> c[0];", "qreg q[1]; reset q; measure q -> c;"])
def test_large_or_dynamic_circuits_have_no_ideal_distribution(body: str) -> None:
    with pytest.raises(DoesNotFit):
        ideal_distribution(parse(HEADER + "creg c[1];" + body))
