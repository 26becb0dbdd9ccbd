"""Several circuits as one: the result of each is exactly its part, and their shares of the time are the whole."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit_aer import AerSimulator

from queuebit_quantum import DoesNotFit, WorkItem, ideal_distribution, open_backend, parse, total_variation
from queuebit_quantum.backends import result_keys
from queuebit_quantum.ibm import EmulatedIbm
from queuebit_quantum.layout import require_working, working
from queuebit_quantum.noise import noisy_simulator
from queuebit_quantum.packing import Part, compile_on_region, joined, split_counts, split_time_us
from queuebit_quantum.physical import remove_idle_qubits, used_gates
from queuebit_quantum.regions import choose_regions, device_of

HEADER = 'OPENQASM 2.0; include "qelib1.inc"; '
CIRCUITS = (
    HEADER + "qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;",
    HEADER + "qreg q[3]; creg a[1]; creg b[2]; ry(0.8) q[0]; cx q[0], q[1]; cx q[0], q[2]; measure q[0] -> a[0];"
    "measure q[1] -> b[1]; measure q[2] -> b[0];",
    HEADER + "qreg q[3]; creg c[3]; h q[0]; cx q[0], q[1]; cx q[1], q[2]; cx q[2], q[0]; measure q -> c;",
)

WIDTHS = st.lists(st.integers(0, 4), min_size=1, max_size=5)


@given(st.data(), WIDTHS)
def test_counts_of_each_circuit_are_those_of_its_bits(data: st.DataObject, widths: list[int]) -> None:
    most = (1 << sum(widths)) - 1
    counts = data.draw(st.dictionaries(st.integers(0, most), st.integers(1, 1000), max_size=20))
    split = split_counts(counts, widths)
    text = {format(outcome, f"0{sum(widths)}b") if sum(widths) else "": shots for outcome, shots in counts.items()}
    first = 0
    for own, width in zip(split, widths, strict=True):
        assert sum(own.values()) == sum(counts.values())
        expected: Counter[int] = Counter()
        for bits, shots in text.items():
            mine = bits[len(bits) - first - width : len(bits) - first]
            expected[int(mine, 2) if mine else 0] += shots
        assert own == expected
        first += width


TIMES = st.lists(st.integers(0, 10**12), min_size=1, max_size=10)


@given(st.integers(0, 10**12), TIMES)
def test_shares_of_the_time_are_the_whole(whole_us: int, alone_us: list[int]) -> None:
    shares = split_time_us(whole_us, alone_us)
    assert sum(shares) == whole_us
    assert all(it >= 0 for it in shares)
    if whole_us <= sum(alone_us):
        assert all(share <= alone for share, alone in zip(shares, alone_us, strict=True))
    assert sorted(shares) == [it for _, it in sorted(zip(alone_us, shares, strict=True))], "longer ones pay no less"


@pytest.mark.parametrize(
    ("whole_us", "alone_us", "shares"),
    [(10, [10, 10], (5, 5)), (11, [10, 10], (6, 5)), (100, [100, 50], (67, 33)), (7, [0, 0, 0], (3, 2, 2))],
)
def test_shares_in_examples(whole_us: int, alone_us: list[int], shares: tuple[int, ...]) -> None:
    assert split_time_us(whole_us, alone_us) == shares


def device() -> EmulatedIbm:
    found = open_backend("emulated-ibm-torino")
    assert isinstance(found, EmulatedIbm)
    return found


def parts_on(backend: EmulatedIbm) -> list[Part]:
    circuits = [parse(it) for it in CIRCUITS]
    regions = choose_regions(device_of(backend.calibrate()), [len(it.touched) for it in circuits])
    target = working(backend._target)
    return [
        compile_on_region(circuit, target, region, 1, "torino")
        for circuit, region in zip(circuits, regions, strict=True)
        if region is not None
    ]


def test_each_circuit_runs_on_its_region_only_and_on_gates_that_work() -> None:
    backend = device()
    parts = parts_on(backend)
    assert len(parts) == len(CIRCUITS)
    whole = joined(parts, backend.description.num_qubits)
    require_working(whole, working(backend._target), "torino")
    _, used = remove_idle_qubits(whole)
    assert {*used} <= {qubit for part in parts for qubit in part.region}


def test_without_noise_each_circuit_has_its_exact_distribution() -> None:
    parts = parts_on(device())
    whole, _ = remove_idle_qubits(joined(parts, 133))
    shots = 40_000
    found = AerSimulator(method="statevector", seed_simulator=5).run(whole, shots=shots).result().get_counts()
    split = split_counts({int(bits, 2): it for bits, it in found.items()}, [it.program.num_clbits for it in parts])
    for source, own in zip(CIRCUITS, split, strict=True):
        circuit = parse(source)
        assert sum(own.values()) == shots
        # 40,000 shots of at most eight outcomes: a distance of 0.02 has a chance below 1e-6
        assert total_variation(result_keys(own, circuit.registers), ideal_distribution(circuit)) < 0.02


def test_circuits_that_share_a_qubit_are_refused() -> None:
    (part, *_) = parts_on(device())
    with pytest.raises(ValueError, match="share a qubit"):
        joined([part, part], 133)


def test_with_noise_the_parts_by_themselves_have_the_distribution_of_the_joint_circuit() -> None:
    """An executor computes each part by itself, so that no process has circuits of two tenants."""
    backend, shots = device(), 20_000
    circuits = [parse(CIRCUITS[0]), parse(CIRCUITS[2])]
    regions = [it for it in backend.regions([2, 3]) if it is not None]
    compiled = [backend.compile_on(it, 1, region) for it, region in zip(circuits, regions, strict=True)]
    apart = [backend.run(WorkItem(it, shots, 7)).counts for it in compiled]
    parts = [
        compile_on_region(it, working(backend._target), at, 1, "t") for it, at in zip(circuits, regions, strict=True)
    ]
    whole, qubits = remove_idle_qubits(joined(parts, backend.description.num_qubits))
    simulator = noisy_simulator(backend._target, qubits, used_gates(whole, qubits))
    found = simulator.run(whole, shots=shots, seed_simulator=11).result().get_counts()
    split = split_counts({int(bits, 2): it for bits, it in found.items()}, [2, 3])
    for circuit, alone, own in zip(circuits, apart, split, strict=True):
        # twice 20,000 shots of at most eight outcomes: a distance of 0.03 has a chance below 1e-6
        assert total_variation(result_keys(own, circuit.registers), alone) < 0.03


def test_a_circuit_on_a_region_uses_its_qubits_only_and_says_how_it_was_compiled() -> None:
    backend = device()
    circuit = parse(CIRCUITS[1])
    (region,) = backend.regions([3])
    assert region is not None
    compiled = backend.compile_on(circuit, 1, region)
    assert {*compiled.physical_qubits} <= {*region}
    assert compiled.registers == circuit.registers
    assert compiled.target_digest == backend.description.target_digest
    assert 0.5 < compiled.esp < 1
    assert compiled.duration_s > 0


def test_a_circuit_that_names_its_qubits_cannot_be_moved_to_a_region() -> None:
    backend = device()
    named = parse('OPENQASM 3.0; include "stdgates.inc"; bit c; x $5; c = measure $5;')
    with pytest.raises(DoesNotFit, match="names its qubits"):
        backend.compile_on(named, 1, (7,))


def test_regions_leave_out_elements_that_are_not_used() -> None:
    backend = device()
    (before,) = backend.regions([2])
    assert before is not None
    try:
        backend.exclude(frozenset({(before[0],)}))
        (after,) = backend.regions([2])
        assert after is not None
        assert before[0] not in after
        backend.exclude(frozenset({(min(before), max(before))}))
        assert backend.regions([2]) != (before,)
    finally:
        backend.exclude(frozenset())
