"""Times are integers, rounded up, from one formula."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from queuebit_planning.timing import (
    AER,
    CIRQ,
    Method,
    Workload,
    device_us,
    ideal_methods,
    noisy_methods,
    quickest,
    statevector,
)

BELL = (("h", (0,)), ("cx", (0, 1)), ("measure", (0,)), ("measure", (1,)))


def test_device_time_has_shots_pauses_and_overhead() -> None:
    assert device_us(1, 1, 0, 0) == 1
    assert device_us(1_000, 1_692, 250_000, 2_000_000_000) == 2_251_692


@given(st.integers(1, 10**6), st.integers(0, 10**9), st.integers(0, 10**7), st.integers(0, 10**10))
def test_device_time_is_rounded_up_by_less_than_a_microsecond(shots: int, ns: int, delay: int, overhead: int) -> None:
    exact_ns = shots * (ns + delay) + overhead
    assert 0 <= 1_000 * device_us(shots, ns, delay, overhead) - exact_ns < 1_000


def test_the_quickest_method_depends_on_the_shots() -> None:
    methods = (Method("statevector", 0, 1_000, 32), Method("density_matrix", 100_000, 0, 256))
    assert quickest(methods, 10).name == "statevector"
    assert quickest(methods, 1_000).name == "density_matrix"
    assert quickest(methods, 100).name == "density_matrix", "ties: the method's name"


def test_a_bell_pair_is_sampled_from_one_state() -> None:
    (product, vector, tableau) = ideal_methods(Workload(2, 2, BELL, clifford=True))
    assert vector == Method("statevector", 5_000_000 + 4 * (15_000 + 2_020), 1_420, 64)
    assert (product.name, tableau.name, tableau.memory_bytes) == ("matrix_product_state", "stabilizer", 3)


def test_a_dynamic_circuit_is_simulated_for_each_shot() -> None:
    still, moving = (statevector(Workload(3, 3, BELL, dynamic=dynamic), AER) for dynamic in (False, True))
    assert moving.per_shot_ns > still.per_shot_ns
    assert moving.microseconds(10_000) > still.microseconds(10_000)


def test_both_simulators_share_a_formula_with_different_rates() -> None:
    assert statevector(Workload(2, 2, BELL), CIRQ) == Method("statevector", 5_000_000 + 4 * 300_020, 11_020, 96)


def test_a_small_noisy_circuit_uses_a_density_matrix() -> None:
    assert {it.name for it in noisy_methods(Workload(2, 2, BELL))} == {
        "matrix_product_state",
        "statevector",
        "density_matrix",
    }
    assert "density_matrix" not in {it.name for it in noisy_methods(Workload(2, 2, BELL, dynamic=True))}
    assert {it.name for it in noisy_methods(Workload(40, 2, BELL))} == {"matrix_product_state"}


@given(st.integers(1, 60), st.booleans(), st.booleans(), st.integers(1, 10**6))
def test_more_shots_never_take_less(qubits: int, clifford: bool, dynamic: bool, shots: int) -> None:
    steps = (*(("cx", (place, place + 1)) for place in range(qubits - 1)), ("measure", (0,)))
    for methods in (
        ideal_methods(Workload(qubits, 1, steps, clifford, dynamic)),
        noisy_methods(Workload(qubits, 1, steps, clifford, dynamic)),
    ):
        assert 0 < quickest(methods, shots).microseconds(shots) <= quickest(methods, 2 * shots).microseconds(2 * shots)
