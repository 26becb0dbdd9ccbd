"""The eligibility check: all reasons, each with what to do next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.backend import Registration
from queuebit_planning.eligibility import Capacity, Demand, explain, objections, why_not
from queuebit_planning.limits import MAX_BUSY_US, run_limit_s, state_bytes

SIMULATOR = Capacity(
    backend="aer",
    max_shots=10_000,
    qubits=25,
    features=frozenset({"reset"}),
    memory_bytes=8 << 30,
    run_us=60_000_000,
)
SMALL = Demand(shots=1_000, qubits=2, memory_bytes=64, run_us=5_000, busy_us=5_000)


def test_a_job_that_fits_has_no_objections() -> None:
    assert objections(SMALL, SIMULATOR) == ()


@pytest.mark.parametrize(
    ("demand", "code", "text"),
    [
        (replace(SMALL, shots=0), "bad_shots", "takes at least 1 shot, not 0"),
        (replace(SMALL, shots=10_001), "bad_shots", "takes at most 10,000 shots, not 10,001"),
        (replace(SMALL, qubits=26), "too_many_qubits", "has 25 qubits, the circuit needs 26"),
        (replace(SMALL, features=frozenset({"reset", "loop"})), "unsupported_feature", "lacks the feature loop"),
        (replace(SMALL, memory_bytes=(8 << 30) + 1), "too_much_memory", "has 8.00 GiB of memory for a state, "),
        (replace(SMALL, run_us=208_800_000), "too_long", "would compute for up to 209 s, and a run may take 60 s"),
        (
            replace(SMALL, busy_us=MAX_BUSY_US + 1),
            "too_long",
            "would be busy for up to 25 hours, and a job may take 24",
        ),
    ],
)
def test_each_limit_has_a_code_and_a_sentence(demand: Demand, code: str, text: str) -> None:
    (found,) = objections(demand, SIMULATOR)
    assert (found.code, found.backend) == (code, "aer")
    assert found.text.startswith(text)


def test_a_small_lack_of_memory_is_visible_in_the_text() -> None:
    (found,) = objections(replace(SMALL, memory_bytes=(8 << 30) + 1), SIMULATOR)
    assert found.text.endswith("has 8.00 GiB of memory for a state, the simulation needs 8.01 GiB")


def test_a_number_too_large_for_a_float_is_explained() -> None:
    found = objections(replace(SMALL, memory_bytes=16 << 4_000), SIMULATOR)
    assert [it.code for it in found] == ["too_much_memory"]


def test_a_missing_limit_causes_no_objection() -> None:
    anything = Demand(shots=10, qubits=4_000, features=frozenset({"loop"}), memory_bytes=1 << 80, run_us=10**15)
    assert objections(anything, Capacity(backend="device", max_shots=10)) == ()


def test_objections_with_one_code_become_one_sentence_with_what_to_do() -> None:
    other = replace(SIMULATOR, backend="cirq", qubits=20)
    demand = replace(SMALL, qubits=26, shots=20_000)
    found = [*objections(demand, other), *objections(demand, SIMULATOR)]
    shots, qubits = explain(found)
    assert (shots.code, qubits.code) == ("bad_shots", "too_many_qubits")
    assert qubits.text == (
        "aer has 25 qubits, the circuit needs 26; cirq has 20 qubits, the circuit needs 26: "
        "use fewer qubits or a larger backend"
    )


def test_a_row_of_a_plan_has_each_objection_once_and_no_advice_to_take_another_backend() -> None:
    demand = replace(SMALL, qubits=26, shots=20_000, features=frozenset({"loop", "timing"}))
    assert why_not(objections(demand, SIMULATOR)) == (
        "takes at most 10,000 shots, not 20,000: ask for fewer shots; "
        "has 25 qubits, the circuit needs 26; lacks the features loop, timing"
    )


def test_a_capacity_is_read_from_a_registration() -> None:
    registration = Registration(
        backend="aer", stack="aer", vendor="x", kind="simulator", qubits=5, max_shots=7, memory_bytes=9, features=("a",)
    )
    found = Capacity.of(registration)
    assert found == Capacity(backend="aer", max_shots=7, qubits=5, features=frozenset({"a"}), memory_bytes=9)


numbers = st.integers(min_value=0, max_value=2**60)
demands = st.builds(
    Demand,
    shots=numbers,
    qubits=numbers,
    features=st.frozensets(st.sampled_from("abc")),
    memory_bytes=numbers,
    run_us=numbers,
    busy_us=numbers,
)


@given(
    demand=demands,
    more=demands,
    capacity=st.builds(
        Capacity,
        backend=st.just("b"),
        max_shots=numbers,
        qubits=st.none() | numbers,
        features=st.none() | st.frozensets(st.sampled_from("abc")),
        memory_bytes=st.none() | numbers,
        run_us=st.none() | numbers,
    ),
)
def test_a_larger_demand_keeps_all_objections(demand: Demand, more: Demand, capacity: Capacity) -> None:
    larger = Demand(
        shots=max(demand.shots, more.shots) if demand.shots else 0,
        qubits=max(demand.qubits, more.qubits),
        features=demand.features | more.features,
        memory_bytes=max(demand.memory_bytes, more.memory_bytes),
        run_us=max(demand.run_us, more.run_us),
        busy_us=max(demand.busy_us, more.busy_us),
    )
    codes = {it.code for it in objections(larger, capacity)}
    assert {it.code for it in objections(demand, capacity)} <= codes


@pytest.mark.parametrize(
    ("kind", "budget_us", "limit_s"),
    [
        pytest.param("simulator", 5_000, 10, id="a minimum, because starting takes its time"),
        pytest.param("simulator", 5_000_000, 20, id="four times what the hold pays for"),
        pytest.param("simulator", 50_000_000, 60, id="never more than any run may take"),
        pytest.param("emulated", 2_000_000, 60, id="a device's hold does not pay for its emulation"),
    ],
)
def test_the_time_limit_of_a_run_follows_from_its_hold(kind: str, budget_us: int, limit_s: float) -> None:
    assert run_limit_s(kind, budget_us, 60) == limit_s


def test_a_state_may_use_the_memory_of_a_child_beyond_the_reserve() -> None:
    assert state_bytes(1_536) == 1_280 << 20
    assert state_bytes(100) == 0
