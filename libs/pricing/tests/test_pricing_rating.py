"""Charges and quotes: exact, itemised, and never above the quote."""

import math
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from queuebit_kernel import Money
from queuebit_pricing import Bounds, Outcome, Price, Usage, plain, quote, rate

CONTEXT = {
    "id": "p",
    "backend": "b",
    "valid_from": "2026-01-01T00:00:00Z",
    "source": "test",
    "as_of": "2026-01-01",
    "confidence": "low",
    "currency": "USD",
    "book": "2026-11-01",
    "book_digest": "sha256:0",
}


def price(**terms: Any) -> Price:  # any value of a row
    return Price.model_validate({**CONTEXT, **terms})


def used(shots: int = 0, qpu_us: int = 0, qubits: int = 0, tasks: int = 1, requested: int | None = None) -> Usage:
    return Usage(
        tasks=tasks,
        shots_requested=shots if requested is None else requested,
        shots_completed=shots,
        qpu_us=qpu_us,
        qubits=qubits,
    )


def _text(places: int, most: int) -> st.SearchStrategy[str]:
    return st.integers(0, most * 10**places).map(lambda units: format(Decimal(units).scaleb(-places), "f"))


AMOUNTS = _text(12, 999)
COARSE = _text(6, 999)  # so that an amount in credits times their price has 12 places
COUNTED = ("task", "shot", "second", "qubit_second", "gate_1q", "gate_2q", "measurement")
WEIGHTS = st.fixed_dictionaries(dict.fromkeys(COUNTED, AMOUNTS))
MINIMA = st.fixed_dictionaries({"amount": COARSE, "rule": st.sampled_from(["base", "floor"])})


def _prices(amounts: st.SearchStrategy[str], **other: st.SearchStrategy[Any]) -> st.SearchStrategy[Price]:
    durations = st.fixed_dictionaries({
        "amount": amounts,
        "quantum": st.sampled_from(["0.000001", "0.001", "0.7", "1", "3600"]),
        "minimum": _text(6, 60),
        "rounding": st.sampled_from(["up", "nearest", "down"]),
    })  # fmt: skip
    return st.builds(
        price,
        per_task=amounts,
        per_shot=amounts | st.none(),
        per_second=durations | st.none(),
        per_qubit_second=durations | st.none(),
        per_gate_1q=amounts | st.none(),
        per_gate_2q=amounts | st.none(),
        per_measurement=amounts | st.none(),
        minimum=MINIMA | st.none(),
        jbu=WEIGHTS,
        **other,
    )


PRICES = _prices(AMOUNTS) | _prices(COARSE, credits=st.fixed_dictionaries({"unit": st.just("HQC"), "price": COARSE}))
COUNTS = st.integers(0, 10**6)
USAGES = st.builds(
    Usage,
    tasks=st.integers(0, 50),
    shots_requested=COUNTS,
    shots_completed=COUNTS,
    qpu_us=st.integers(0, 10**12),
    qubits=st.integers(0, 5000),
    gates_1q=COUNTS,
    gates_2q=COUNTS,
    measurements=COUNTS,
)
BOUNDS = st.builds(
    Bounds,
    tasks=st.integers(1, 50),
    shots=st.integers(1, 10**6),
    qpu_us=st.integers(0, 10**12),
    qubits=st.integers(0, 5000),
    gates_1q=COUNTS,
    gates_2q=COUNTS,
    measurements=COUNTS,
)
OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(["completed", "stopped", "failed", "cancelled", "rejected"])


@pytest.mark.parametrize(
    ("device", "task", "shot", "shots", "expected"),
    [
        ("IonQ Forte-1", "0.30", "0.08", 100, "8.30"),
        ("IonQ Aria", "0.30", "0.03", 1_000, "30.30"),
        ("IQM Garnet", "0.30", "0.00145", 1_000, "1.75"),
        ("IQM Emerald", "0.30", "0.00160", 1_000, "1.90"),
        ("QuEra Aquila", "0.30", "0.01", 100, "1.30"),
        ("Rigetti Ankaa-3", "0.30", "0.00090", 1_000, "1.20"),
        ("Rigetti Cepheus-1-108Q", "0.30", "0.000425", 10_000, "4.55"),
        ("Rigetti Cepheus-1-108Q, one shot", "0.30", "0.000425", 1, "0.300425"),
        ("AQT IBEX-Q1", "0.30", "0.0235", 1_000, "23.80"),
        ("AQT on Scaleway, EUR", "0.30", "0.021", 1_000, "21.30"),
    ],
)
def test_published_task_and_shot_prices_of_vendors(
    device: str, task: str, shot: str, shots: int, expected: str
) -> None:
    assert rate(price(per_task=task, per_shot=shot), used(shots)).amount == Decimal(expected), device


@pytest.mark.parametrize(
    ("device", "terms", "qpu_us", "expected"),
    [
        ("SV1, below its 3 s", {"amount": "0.00125", "quantum": "0.001", "minimum": "3"}, 1_200_000, "0.00375"),
        ("SV1, one minute", {"amount": "0.00125", "quantum": "0.001", "minimum": "3"}, 60_000_000, "0.075"),
        ("IBM pay-as-you-go, one minute", {"amount": "1.60"}, 60_000_000, "96"),
        ("Rigetti on Azure, 0.02 per 10 ms", {"amount": "2", "quantum": "0.01"}, 10_001, "0.04"),
        ("whole hours", {"amount": "2", "quantum": "3600"}, 1, "7200"),
    ],
)
def test_published_time_prices_of_vendors(device: str, terms: dict[str, str], qpu_us: int, expected: str) -> None:
    assert rate(price(per_second=terms), used(qpu_us=qpu_us)).amount == Decimal(expected), device


def test_each_component_is_a_line() -> None:
    charge = rate(
        price(
            per_task="1",
            per_shot="0.5",
            per_second={"amount": "2", "quantum": "1"},
            per_qubit_second={"amount": "0.1"},
            jbu={"task": "1", "shot": "0.001", "second": "10", "qubit_second": "100"},
        ),
        used(shots=4, qpu_us=1_500_000, qubits=3),
    )
    assert [
        (line.component, line.unit, str(line.consumed), str(line.billed), line.amount) for line in charge.lines
    ] == [
        ("task", "Tasks", "1", "1", Decimal("1")),
        ("shot", "Shots", "4", "4", Decimal("2")),
        ("second", "Seconds", "1.500000", "2.000000", Decimal("4")),
        ("qubit_second", "Qubit-Seconds", "4.500000", "4.500000", Decimal("0.45")),
    ]
    assert charge.money == Money.of("7.45")
    assert charge.jbu == Decimal("1") + Decimal("0.004") + 20 + 450


def test_more_shots_than_requested_are_listed_but_not_billed() -> None:
    (line,) = rate(price(per_shot="1"), used(shots=1024, requested=1000)).lines
    assert line.consumed == 1024
    assert line.billed == 1000


def test_a_partial_run_is_billed_for_its_completed_shots() -> None:
    assert rate(price(per_shot="1"), used(shots=10, requested=1000)).amount == 10


def test_usage_beyond_the_bounds_is_listed_but_not_billed() -> None:
    bounds = Bounds(shots=100, qpu_us=1_000_000, qubits=5)
    (line,) = rate(price(per_second={"amount": "2"}), used(100, qpu_us=5_000_000), bounds=bounds).lines
    assert line.consumed == 5
    assert line.billed == 1
    assert line.amount == 2


def test_a_minimum_is_billed_if_a_task_ran() -> None:
    terms = price(per_second={"amount": "1", "minimum": "3"})
    assert rate(terms, used()).amount == 3
    assert rate(terms, used(tasks=0)).amount == 0


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "rejected"])
def test_jobs_that_failed_or_were_not_run_are_free(outcome: Outcome) -> None:
    free = rate(price(per_shot="1", jbu={"shot": "1"}), used(shots=5), outcome)
    assert free.amount == free.jbu == free.lines[0].billed == 0
    assert free.lines[0].consumed == 5


def test_a_run_that_was_stopped_at_its_limit_is_charged_for_its_time() -> None:
    terms = price(per_second={"amount": "2"}, per_shot="1")
    assert rate(terms, used(shots=0, qpu_us=20_000_000), "stopped").amount == 40


@given(PRICES, USAGES)
def test_a_charge_equals_the_same_sum_in_fractions(terms: Price, usage: Usage) -> None:
    def due(component: Any, micros: int) -> Fraction:  # a Duration or None
        if component is None:
            return Fraction(0)
        floor = Fraction(component.minimum) * usage.tasks
        steps = max(Fraction(micros, 10**6), floor) / Fraction(component.quantum)
        half = Fraction(1, 2)
        whole = {"up": math.ceil(steps), "down": math.floor(steps), "nearest": math.floor(steps + half)}
        return whole[component.rounding] * Fraction(component.quantum) * Fraction(component.amount)

    expected = (
        Fraction(terms.per_task or 0) * usage.tasks
        + Fraction(terms.per_shot or 0) * min(usage.shots_completed, usage.shots_requested)
        + due(terms.per_second, usage.qpu_us)
        + due(terms.per_qubit_second, usage.qpu_us * usage.qubits)
        + Fraction(terms.per_gate_1q or 0) * usage.gates_1q
        + Fraction(terms.per_gate_2q or 0) * usage.gates_2q
        + Fraction(terms.per_measurement or 0) * usage.measurements
    )
    if terms.minimum is not None:
        least = Fraction(terms.minimum.amount) * usage.tasks
        expected = expected + least if terms.minimum.rule == "base" else max(expected, least)
    charge = rate(terms, usage)
    if terms.credits is None:
        assert all(line.credits is None for line in charge.lines)
        assert Fraction(charge.amount) == expected
    else:
        assert sum(Fraction(line.credits or 0) for line in charge.lines) == expected
        assert Fraction(charge.amount) == expected * Fraction(terms.credits.price)


@given(PRICES, USAGES, BOUNDS, OUTCOMES)
def test_a_charge_never_exceeds_its_quote(terms: Price, usage: Usage, bounds: Bounds, outcome: Outcome) -> None:
    offered, charged = quote(terms, bounds), rate(terms, usage, outcome, bounds)
    assert charged.amount <= offered.amount
    assert charged.jbu <= offered.jbu
    for line, most in zip(charged.lines, offered.lines, strict=True):
        assert line.billed <= most.billed or line.component == "minimum"  # what is missing to the floor


@given(PRICES, BOUNDS)
def test_a_job_that_reaches_its_bounds_costs_its_quote(terms: Price, bounds: Bounds) -> None:
    assert rate(terms, bounds.exhausted(), bounds=bounds).lines == quote(terms, bounds).lines


@given(PRICES, USAGES, st.sampled_from([*Usage.model_fields]), COUNTS)
def test_more_usage_never_costs_less(terms: Price, usage: Usage, what: str, more: int) -> None:
    larger = usage.model_copy(update={what: getattr(usage, what) + more})
    assert rate(terms, larger).amount >= rate(terms, usage).amount
    assert rate(terms, larger).jbu >= rate(terms, usage).jbu


@given(PRICES, USAGES, BOUNDS, OUTCOMES)
def test_lines_multiply_and_add_up_exactly(terms: Price, usage: Usage, bounds: Bounds, outcome: Outcome) -> None:
    for statement in (rate(terms, usage, outcome), rate(terms, usage, outcome, bounds), quote(terms, bounds)):
        for line in statement.lines:
            assert Fraction(line.billed) * Fraction(line.unit_price) == Fraction(line.amount)
            assert Fraction(plain(line.amount)) == Fraction(line.amount)
            assert len(plain(line.amount).partition(".")[2]) <= 18
            assert "E" not in plain(line.billed) + plain(line.amount)
        assert sum(Fraction(line.amount) for line in statement.lines) == Fraction(statement.amount)


def test_the_largest_price_times_the_largest_usage_is_still_exact() -> None:
    most = "999999999.999999999999"
    terms = price(per_shot=most, per_qubit_second={"amount": most})
    charge = rate(terms, used(shots=10**15, qpu_us=10**15, qubits=10**15))
    assert Fraction(charge.amount) == Fraction(most) * 10**15 + Fraction(most) * 10**24


def test_the_decimal_settings_of_the_caller_change_nothing() -> None:
    terms, usage = price(per_second={"amount": "1.234567890123"}), used(qpu_us=9_876_543)
    with localcontext(Context(prec=3)):
        charge = rate(terms, usage)
    assert charge == rate(terms, usage)
    assert plain(charge.amount) == "12.193262853219084789"


@pytest.mark.parametrize("wrong", [{"qpu_us": 1.5}, {"qpu_us": 1.0}, {"qubits": -1}, {"shots_completed": True}])
def test_usage_is_in_integers(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Usage.model_validate({**used().model_dump(), **wrong})


@given(st.integers(0, 10**9), st.sampled_from([1, 1_000, 10_000, 1_000_000]))
def test_durations_are_rounded_up_by_less_than_one_increment(qpu_us: int, step_us: int) -> None:
    quantum = Decimal(step_us).scaleb(-6)
    (line,) = rate(price(per_second={"amount": "1", "quantum": str(quantum)}), used(qpu_us=qpu_us)).lines
    assert line.billed == (line.consumed / quantum).to_integral_value(ROUND_CEILING) * quantum
    assert 0 <= line.billed - line.consumed < quantum
