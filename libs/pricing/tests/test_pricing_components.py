"""Gates, minima, credits, rounding and free jobs: the formulas that vendors publish."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_pricing import BadPriceBook, Bounds, Charge, Price, bill, check, quote

HEAD = {
    "id": "p",
    "backend": "b",
    "valid_from": "2026-01-01T00:00:00Z",
    "source": "test",
    "as_of": "2026-01-01",
    "confidence": "low",
}
FORTE = {"per_gate_1q": "0.0001645", "per_gate_2q": "0.001121", "minimum": {"amount": "25.7899", "rule": "base"}}
QUANTINUUM = {
    "per_gate_1q": "0.0002",
    "per_gate_2q": "0.002",
    "per_measurement": "0.001",
    "minimum": {"amount": "5", "rule": "base"},
    "credits": {"unit": "HQC", "price": "120"},
}


def price(**terms: Any) -> Price:  # any value of a row
    return check({"version": "2026-11-01", "currency": "USD", "price": [{**HEAD, **terms}]}).price("p")


def bounds(shots: int = 1000, gates: tuple[int, int, int] = (10, 5, 2), qpu_us: int = 0) -> Bounds:
    one, two, measured = (count * shots for count in gates)
    return Bounds(shots=shots, qpu_us=qpu_us, qubits=2, gates_1q=one, gates_2q=two, measurements=measured)


def completed(terms: Price, limits: Bounds, state: str = "completed", **used: int) -> Charge:
    return bill(terms, limits, state, {"shots": Decimal(limits.shots), **_metrics(used)}, final=True)


def _metrics(used: Mapping[str, int]) -> dict[str, Decimal]:
    return {name.replace("_", "-"): Decimal(quantity) for name, quantity in used.items()}


def test_the_formula_of_ionq_on_azure_with_the_minimum_as_a_base() -> None:
    """m + p1 x N1q x C + p2 x N2q x C of Forte without error mitigation."""
    charge = completed(price(**FORTE), bounds())
    assert [(it.component, it.unit, it.billed, it.amount) for it in charge.lines] == [
        ("gate_1q", "Gate-Shots", Decimal(10_000), Decimal("1.645")),
        ("gate_2q", "Gate-Shots", Decimal(5_000), Decimal("5.605")),
        ("base", "Jobs", Decimal(1), Decimal("25.7899")),
    ]
    assert charge.amount == Decimal("33.0399")


@pytest.mark.parametrize(
    ("shots", "missing", "expected"), [(1000, "18.5399", "25.7899"), (10_000, "0", "72.5"), (0, "0", "0")]
)
def test_the_same_minimum_as_a_floor(shots: int, missing: str, expected: str) -> None:
    terms = price(**{**FORTE, "minimum": {"amount": "25.7899", "rule": "floor"}})
    limits = bounds(max(shots, 1))
    charge = completed(terms, limits) if shots else bill(terms, limits, "failed", {}, final=True)
    *_, top_up = charge.lines
    assert (top_up.component, top_up.billed, top_up.unit_price) == ("minimum", Decimal(missing), Decimal(1))
    assert charge.amount == Decimal(expected)


def test_the_credits_of_quantinuum() -> None:
    """5 + C x (N1q + 10 N2q + 5 Nm) / 5000 HQC."""
    charge = completed(price(**QUANTINUUM), bounds(500, (10, 5, 4)))
    virtual = [(it.component, it.credits, it.amount) for it in charge.lines]
    assert virtual == [
        ("gate_1q", Decimal(1), Decimal(120)),
        ("gate_2q", Decimal(5), Decimal(600)),
        ("measurement", Decimal(2), Decimal(240)),
        ("base", Decimal(5), Decimal(600)),
    ]
    assert (charge.amount, charge.credits) == (Decimal(1560), Decimal(13))
    floor = price(**{**QUANTINUUM, "minimum": {"amount": "20", "rule": "floor"}})
    topped_up = completed(floor, bounds(500, (10, 5, 4)))
    assert (topped_up.lines[-1].credits, topped_up.credits, topped_up.amount) == (
        Decimal(12),
        Decimal(20),
        Decimal(2400),
    )


def test_gates_of_a_stopped_run_are_those_of_its_completed_shots() -> None:
    limits = bounds(1000, (1, 3, 0))
    charge = bill(price(per_gate_1q="1", per_gate_2q="1"), limits, "cancelled", {"shots": Decimal(333)}, final=True)
    assert [it.billed for it in charge.lines] == [333, 999]
    measured = bill(
        price(per_gate_2q="1"), limits, "completed", {"shots": Decimal(9), "gates-2q": Decimal(5)}, final=True
    )
    assert measured.amount == 5
    more = bill(price(per_gate_2q="1"), limits, "completed", {"gates-2q": Decimal(10**6)}, final=True)
    assert (more.lines[0].consumed, more.amount) == (Decimal(10**6), Decimal(3000))


@pytest.mark.parametrize(
    ("rounding", "qpu_us", "seconds"),
    [
        ("up", 1_000_001, 2),
        ("nearest", 1_499_999, 1),
        ("nearest", 1_500_000, 2),
        ("down", 1_999_999, 1),
        ("down", 0, 0),
    ],
)
def test_a_duration_is_rounded_in_its_direction(rounding: str, qpu_us: int, seconds: int) -> None:
    terms = price(per_second={"amount": "1", "quantum": "1", "rounding": rounding})
    assert completed(terms, bounds(qpu_us=10**7), qpu_time=qpu_us).amount == seconds


@pytest.mark.parametrize(
    ("free_when", "state", "more", "due"),
    [
        ([], "cancelled", {}, 5),
        (["cancelled"], "cancelled", {}, 0),
        (["failed"], "cancelled", {}, 5),
        ([], "failed", {}, 5),
        (["cancelled", "failed"], "failed", {}, 0),
        (["cancelled", "failed"], "completed", {}, 5),
        ([], "completed", {"reservation": 1}, 5),
        (["reserved"], "completed", {"reservation": 1}, 0),
        (["reserved"], "completed", {"reservation": 0}, 5),
    ],
)
def test_a_price_says_when_a_run_is_free(free_when: list[str], state: str, more: dict[str, int], due: int) -> None:
    terms = price(per_second={"amount": "1"}, free_when=free_when)
    used = {"shots": Decimal(1), "qpu-time": Decimal(5_000_000), **_metrics(more)}
    charge = bill(terms, bounds(qpu_us=10**8), state, used, final=True, at_limit=True)
    assert charge.amount == due
    assert charge.lines[0].consumed == 5


@pytest.mark.parametrize(
    ("charged_when", "reason", "qpu_us", "due"),
    [
        ([], "preempted", 5_000_000, 0),
        (["preempted"], "preempted", 5_000_000, 5),
        (["preempted"], "preempted", 0, 0),
        (["preempted"], "vendor_failed", 5_000_000, 0),
        (["failed"], "vendor_failed", 5_000_000, 5),
        (["failed"], "preempted", 5_000_000, 0),
        (["failed", "preempted"], None, 5_000_000, 5),
    ],
)
def test_a_price_says_whether_runs_without_a_result_are_charged(
    charged_when: list[str], reason: str | None, qpu_us: int, due: int
) -> None:
    terms = price(per_second={"amount": "1"}, charged_when=charged_when)
    used = {"qpu-time": Decimal(qpu_us)}
    limits = bounds(qpu_us=10**8)
    assert bill(terms, limits, "failed", used, final=True, reason=reason).amount == due
    assert bill(terms, limits, "cancelled", used, final=True, reason=reason).amount == qpu_us // 10**6, "no failure"


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        ({"per_gate_1q": 0.1}, 'per_gate_1q: put the number in quotes: "0.1"'),
        ({"minimum": {"amount": "1", "rule": "least"}}, "minimum.rule"),
        ({"minimum": {"amount": "NaN", "rule": "base"}}, "'NaN' is not an amount"),
        ({"per_task": "1", "credits": {"unit": "H Q C", "price": "1"}}, 'credits.unit: write a name such as "HQC"'),
        (
            {"per_task": "0.0000001", "credits": {"unit": "HQC", "price": "0.000001"}},
            "has 13 decimal places: use at most 12",
        ),
        ({"per_task": "1", "free_when": ["completed"]}, "free_when"),
        ({"per_task": "1", "charged_when": ["cancelled"]}, "charged_when"),
        ({"per_task": "1", "free_when": ["failed"], "charged_when": ["failed"]}, "in free_when and in charged_when"),
        ({"per_task": "1", "per_session_second": "1", "per_session_idle_second": "1"}, "idle time is paid twice"),
        ({"per_second": {"amount": "1", "rounding": "even"}}, "per_second.rounding"),
    ],
)
def test_invalid_terms_are_refused_with_their_position(terms: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadPriceBook) as refused:
        price(**terms)
    assert complaint in str(refused.value)
    assert "price 1 (p)" in str(refused.value)


def test_a_vendor_bills_each_task_with_its_fee_its_base_and_its_least_time() -> None:
    limits = bounds(qpu_us=60_000_000).model_copy(update={"tasks": 4})
    fee = price(per_task="0.30", per_shot="0.001", minimum={"amount": "0.1", "rule": "base"})
    assert completed(fee, limits, tasks=3).amount == Decimal("2.2")
    assert completed(fee, limits, tasks=9).amount == quote(fee, limits).amount == Decimal("2.6")
    assert completed(fee, limits, tasks=9).lines[0].consumed == 9
    assert completed(fee, limits, tasks=0).amount == 1, "no task was billed, and the shots are"
    least = price(per_second={"amount": "1", "quantum": "0.001", "minimum": "3"})
    assert completed(least, limits, tasks=2, qpu_time=1_000).amount == 6
    assert completed(least, limits, tasks=2, qpu_time=7_000_000).amount == 7
    floor = price(per_shot="0.001", minimum={"amount": "0.6", "rule": "floor"})
    assert [completed(floor, limits, tasks=it).amount for it in (1, 2)] == [1, Decimal("1.2")]


def test_tasks_that_were_not_measured_follow_from_the_completed_shots() -> None:
    limits = bounds(100).model_copy(update={"tasks": 4})
    fee = price(per_task="1")
    for done, tasks in ((100, 4), (51, 3), (1, 1), (0, 1)):
        assert bill(fee, limits, "completed", {"shots": Decimal(done)}, final=True).amount == tasks
    assert bill(fee, limits, "cancelled", {}, final=True).amount == 0, "it never ran"


def test_a_job_is_one_task_where_its_terms_say_nothing_of_tasks() -> None:
    for measured in (0, 1, 20):
        assert completed(price(per_task="1"), bounds(), tasks=measured).amount == 1


@given(
    st.sampled_from(
        [
            {"per_task": "0.30", "per_shot": "0.00145", "minimum": {"amount": "0.01", "rule": "base"}},
            {"per_shot": "0.01", "minimum": {"amount": "3", "rule": "floor"}},
            {"per_second": {"amount": "0.00125", "quantum": "0.001", "minimum": "3", "rounding": "nearest"}},
            {"per_qubit_second": {"amount": "1", "quantum": "2", "minimum": "3", "rounding": "down"}},
        ]
    ),
    st.integers(1, 500),
    st.none() | st.integers(0, 1000),
    st.integers(1, 5000),
    st.integers(0, 10**4),
    st.integers(0, 10**8),
    st.sampled_from(["completed", "cancelled", "failed"]),
)
def test_a_bill_by_tasks_never_exceeds_its_hold(
    terms: dict[str, object], tasks: int, counted: int | None, shots: int, done: int, qpu_us: int, state: str
) -> None:
    limits = bounds(shots, qpu_us=10**7).model_copy(update={"tasks": tasks})
    used = {"shots": Decimal(done), "qpu-time": Decimal(qpu_us), "qubits": Decimal(2)}
    measured = used if counted is None else {**used, "tasks": Decimal(counted)}
    charge = bill(price(**terms), limits, state, measured, final=True, at_limit=True)
    most = quote(price(**terms), limits)
    assert charge.amount <= most.amount
    if state == "completed" and done >= shots and qpu_us >= 10**7 and (counted is None or counted >= tasks):
        assert charge.amount == most.amount


@given(
    st.sampled_from([FORTE, QUANTINUUM, {**FORTE, "minimum": {"amount": "3", "rule": "floor"}}]),
    st.tuples(*[st.integers(0, 50)] * 3),
    st.integers(1, 5000),
    st.integers(0, 10**4),
    st.sampled_from(["completed", "cancelled", "failed", "rejected"]),
    st.booleans(),
)
def test_a_bill_by_gates_never_exceeds_its_hold(
    terms: dict[str, object], gates: tuple[int, int, int], shots: int, done: int, state: str, at_limit: bool
) -> None:
    limits = bounds(shots, gates)
    most = quote(price(**terms), limits)
    charge = bill(price(**terms), limits, state, {"shots": Decimal(done)}, final=True, at_limit=at_limit)
    assert charge.amount <= most.amount
    if state == "completed" and done >= shots:
        assert charge.amount == most.amount
