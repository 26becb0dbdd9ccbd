"""The ideal simulators: exact distributions, Qiskit's bit order, and the same counts for the same seed."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qasm2
from qiskit_aer import AerSimulator

from queuebit_quantum import (
    Backend,
    DoesNotFit,
    Failed,
    Outcome,
    WorkItem,
    hellinger_fidelity,
    ideal_distribution,
    open_backend,
    parse,
    warm_up,
)

from .simulators import simulator

HEADER = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
SHOTS = 20_000
CLOSE = 0.99
"""With correct sampling, 20,000 shots over at most 32 outcomes have a mean fidelity above 1 - 32 / (4 * 20,000) =
0.9996; with a wrong bit order or gate it is far below 0.99."""
GATES = (
    *((name, 1, 0) for name in ("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "sxdg", "id")),
    *((name, 1, 1) for name in ("rx", "ry", "rz", "p", "u1")),
    ("u2", 1, 2),
    ("u3", 1, 3),
    *((name, 2, 0) for name in ("cx", "cy", "cz", "ch", "swap", "csx")),
    *((name, 2, 1) for name in ("cp", "crx", "cry", "crz", "rxx", "rzz")),
    ("cu3", 2, 3),
    ("ccx", 3, 0),
    ("cswap", 3, 0),
    ("c3x", 4, 0),
)


def _random_source(seed: int) -> str:
    """Return a random circuit on two quantum registers, measured into registers of other sizes in random order."""
    rng = random.Random(seed)
    qubits = ["a[0]", "a[1]", "b[0]", "b[1]", "b[2]"]
    clbits = ["m[0]", "n[0]", "n[1]", "n[2]", "o[0]"]
    lines = ["qreg a[2]; qreg b[3]; creg m[1]; creg n[3]; creg o[2];"]
    for _ in range(rng.randint(5, 25)):
        name, width, parameters = rng.choice(GATES)
        angles = ",".join(f"{rng.uniform(-4, 4):.6f}" for _ in range(parameters))
        lines.append(f"{name}{f'({angles})' if parameters else ''} {','.join(rng.sample(qubits, width))};")
    pairs = zip(rng.sample(qubits, 4), rng.sample(clbits, 4), strict=True)
    return HEADER + "\n".join([*lines, *(f"measure {qubit} -> {clbit};" for qubit, clbit in pairs)])


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize("id_", ["aer", "cirq"])
def test_random_circuits_follow_the_exact_distribution(id_: str, seed: int) -> None:
    backend = simulator(id_)
    circuit = parse(_random_source(seed))
    counts = backend.run(WorkItem(backend.compile(circuit, 1), SHOTS, seed % 1000)).counts
    assert hellinger_fidelity(counts, ideal_distribution(circuit)) > CLOSE


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_bit_strings_equal_those_of_qiskit(seed: int) -> None:
    source = _random_source(seed)
    program = QuantumCircuit.from_qasm_str(source).decompose(reps=2)
    theirs = AerSimulator().run(program, shots=SHOTS, seed_simulator=1).result().get_counts()
    assert hellinger_fidelity(ideal_distribution(parse(source)), theirs) > CLOSE


@pytest.mark.parametrize("id_", ["aer", "cirq", "emulated-ibm-manila"])
def test_registers_are_written_last_first_with_spaces(id_: str) -> None:
    circuit = parse(
        HEADER + "qreg q[3]; creg low[1]; creg mid[2]; creg high[2]; x q[0]; x q[2];"
        "measure q[0] -> low[0]; measure q[1] -> mid[0]; measure q[2] -> mid[1];"
    )
    backend = simulator(id_)
    counts = backend.run(WorkItem(backend.compile(circuit, 1), 200, 1)).counts
    assert next(iter(counts)) == "00 10 1"
    assert sum(counts.values()) == 200


@pytest.mark.parametrize("id_", ["aer", "cirq", "emulated-ibm-perth"])
def test_the_same_seed_gives_the_same_counts(id_: str) -> None:
    backend = simulator(id_)
    compiled = backend.compile(parse(HEADER + "qreg q[4]; creg c[4]; h q; measure q -> c;"), 7)
    first, again, other = (backend.run(WorkItem(compiled, 500, seed)).counts for seed in (11, 11, 12))
    assert first == again
    assert list(first) == list(again)
    assert first != other


@pytest.mark.parametrize("id_", ["aer", "cirq"])
def test_a_later_measurement_overwrites_the_bit(id_: str) -> None:
    backend = simulator(id_)
    circuit = parse(HEADER + "qreg q[1]; creg c[1]; x q; measure q -> c; reset q; measure q -> c;")
    assert backend.run(WorkItem(backend.compile(circuit, 1), 50, 1)).counts == {"0": 50}


def test_aer_runs_control_flow_that_depends_on_measurements() -> None:
    circuit = parse(
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[1] a; bit[1] b;'
        "h q[0]; a[0] = measure q[0]; if (a[0]) { x q[1]; } b[0] = measure q[1];"
    )
    backend = simulator("aer")
    assert backend.run(WorkItem(backend.compile(circuit, 1), 500, 1)).counts.keys() == {"0 0", "1 1"}


@pytest.mark.parametrize(
    ("qubits", "gate", "method"),
    [
        (5, "x", "statevector"),
        (40, "x", "stabilizer"),
        (40, "t", "matrix_product_state"),
        (200, "t", "matrix_product_state"),
    ],
)
def test_aer_takes_a_method_that_fits(qubits: int, gate: str, method: str) -> None:
    chain = "".join(f"cx q[{i}], q[{i + 1}];" for i in range(qubits - 1))
    circuit = parse(HEADER + f"qreg q[{qubits}]; creg c[{qubits}]; {gate} q[0]; h q[0]; {chain} measure q -> c;")
    backend = simulator("aer")
    compiled = backend.compile(circuit, 1)
    assert [candidate.name for candidate in compiled.methods] == [method]
    assert backend.run(WorkItem(compiled, 100, 1)).counts.keys() == {"0" * qubits, "1" * qubits}


def test_a_large_clifford_circuit_runs_on_a_tableau() -> None:
    rng = random.Random(1)
    steps = "".join("s q[{}]; h q[{}]; cx q[{}], q[{}];".format(*rng.sample(range(1_000), 4)) for _ in range(1_000))
    circuit = parse(HEADER + f"qreg q[1000]; creg c[2]; h q; {steps} measure q[0] -> c[0]; measure q[9] -> c[1];")
    backend = simulator("aer")
    compiled = backend.compile(circuit, 1)
    assert compiled.method(20).name == "stabilizer"
    assert compiled.method(20).memory_bytes < 1 << 20
    assert sum(backend.run(WorkItem(compiled, 20, 1)).counts.values()) == 20


def test_a_dynamic_clifford_circuit_runs_on_a_tableau_if_that_is_faster() -> None:
    """On a state vector, each shot takes as long as a whole run of a circuit that is not dynamic."""
    circuit = parse(HEADER + "qreg q[17]; creg c[17]; h q; measure q[0] -> c[0]; if (c == 1) x q[1]; measure q -> c;")
    compiled = open_backend("aer").compile(circuit, 1)
    assert compiled.method(4_096).name == "stabilizer"
    assert compiled.method(4_096).microseconds(4_096) < 5_000_000


@pytest.mark.parametrize("id_", ["aer", "cirq", "emulated-ibm-manila"])
def test_idle_qubits_cost_nothing(id_: str) -> None:
    circuit = parse(HEADER + "qreg q[28]; creg c[1]; x q[3]; t q[3]; barrier q; measure q[3] -> c[0];")
    backend = simulator(id_)
    compiled = backend.compile(circuit, 1)
    assert compiled.method(100).memory_bytes < 1_000
    assert backend.run(WorkItem(compiled, 100, 1)).counts["1"] > 85


def test_idle_qubits_are_removed_from_blocks_too() -> None:
    circuit = parse(
        'OPENQASM 3.0; include "stdgates.inc"; qubit[40] q; bit[2] c; x q[7]; c[0] = measure q[7];'
        "if (c[0]) { barrier q; x q[30]; } c[1] = measure q[30];"
    )
    assert circuit.touched == (7, 30)
    backend = simulator("aer")
    assert backend.run(WorkItem(backend.compile(circuit, 1), 50, 1)).counts == {"11": 50}


@pytest.mark.parametrize("id_", ["aer", "cirq"])
def test_an_ideal_simulator_accepts_delays(id_: str) -> None:
    circuit = parse(
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; x q[0]; delay[100ns] q[0]; delay[16dt] q[1];'
        "c = measure q;"
    )
    backend = simulator(id_)
    assert backend.run(WorkItem(backend.compile(circuit, 1), 50, 1)).counts == {"01": 50}


def test_a_circuit_that_no_method_can_simulate_does_not_fit() -> None:
    pairs = "".join(
        f"cx q[{i}], q[{(7 * i + 1) % 40}]; t q[{i}];" for _ in range(5) for i in range(40) if (6 * i + 1) % 40
    )
    circuit = parse(HEADER + f"qreg q[40]; creg c[40]; h q; {pairs} measure q -> c;")
    with pytest.raises(DoesNotFit, match="no method simulates it within a day: its 40 qubits"):
        open_backend("aer").compile(circuit, 1)


@pytest.mark.parametrize("id_", ["aer", "cirq", "emulated-ibm-manila"])
def test_a_simulator_that_is_warm_keeps_nothing(id_: str) -> None:
    """The circuit that it runs belongs to no submission, and changes no seeded result."""
    circuit = parse(HEADER + "qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;")
    cold, warm = open_backend(id_), open_backend(id_)
    warm_up(warm)
    assert warm.find("") is None
    assert warm.compile(circuit, 1).program == cold.compile(circuit, 1).program
    ran = [it.collect(it.submit([WorkItem(it.compile(circuit, 1), 1_000, 7)], "t")) for it in (cold, warm)]
    first, second = (found.counts for (found,) in ran if isinstance(found, Outcome))
    assert first == second


def test_simulators_use_no_device_time() -> None:
    backend = open_backend("aer")
    compiled = backend.compile(parse(HEADER + "qreg q[1]; creg c[1]; h q; measure q -> c;"), 1)
    assert (compiled.esp, compiled.duration_s, compiled.qpu_us(1_000)) == (1.0, 0.0, 0)


def test_the_error_lists_every_reason() -> None:
    circuit = parse(HEADER + "qreg q[30]; creg c[1]; h q; measure q[0] -> c[0]; if (c == 1) x q[1];")
    with pytest.raises(
        DoesNotFit, match=r"cirq: it has 24 qubits, the circuit needs 30; it lacks the feature conditional"
    ):
        open_backend("cirq").compile(circuit, 1)


@pytest.mark.parametrize("shots", [0, -1, 10**12])
@pytest.mark.parametrize("id_", ["aer", "cirq", "emulated-ibm-manila"])
def test_numbers_of_shots_out_of_range_are_refused(id_: str, shots: int) -> None:
    backend: Backend = open_backend(id_)
    compiled = backend.compile(parse(HEADER + "qreg q[1]; creg c[1]; measure q -> c;"), 1)
    (failed,) = backend.collect(backend.submit([WorkItem(compiled, shots, 1)], "absurd"))
    assert isinstance(failed, Failed)
    assert failed.code == "does_not_fit"
    assert "it takes at " in failed.text


@pytest.mark.parametrize("bits", [3, 63, 64, 70, 300])
def test_a_register_equals_only_numbers_that_it_has_bits_for(bits: int) -> None:
    """Qiskit compares the lowest bits of a larger number; registers of many bits have long numbers."""
    steps = f"qreg q[{bits}]; qreg r[1]; creg c[{bits}]; creg d[1]; x q[{bits - 1}]; measure q -> c;"
    highest, aer = 1 << bits - 1, simulator("aer")
    for value in (highest, highest + 1, 1 << bits, (1 << bits) + highest):
        circuit = parse(HEADER + f"{steps} if (c == {value}) x r[0]; measure r -> d;")
        (found,) = aer.run(WorkItem(aer.compile(circuit, 1), 10, 1)).counts
        assert found[0] == ("1" if value == highest else "0"), value


def test_programs_that_qiskit_writes_are_accepted() -> None:
    program = QuantumCircuit(5, 5)
    program.h(0)
    program.mcx([0, 1, 2, 3], 4)
    program.ecr(0, 1)
    program.rzx(0.3, 1, 2)
    program.measure(range(5), range(5))
    assert parse(qasm2.dumps(program)).num_qubits == 5


@pytest.mark.parametrize("id_", ["aer", "cirq", "emulated-ibm-torino"])
def test_the_memory_of_a_run_adds_up_to_its_counts(id_: str) -> None:
    source = HEADER + "qreg q[2]; creg a[1]; creg b[2]; h q[0]; cx q[0],q[1]; measure q[0]->a[0]; measure q[1]->b[1];"
    backend = open_backend(id_)
    compiled = backend.compile(parse(source), 1)
    with_memory, without = backend.collect(
        backend.submit([WorkItem(compiled, 200, 7, memory=True), WorkItem(compiled, 200, 7)], "memory")
    )
    assert not isinstance(with_memory, Failed)
    assert not isinstance(without, Failed)
    assert with_memory.memory is not None
    assert Counter(with_memory.memory) == with_memory.counts == without.counts
    assert without.memory is None
