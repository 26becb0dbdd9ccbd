"""Bills and settlements: exact, bounded by the hold, and zero where nothing ran."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_contracts.job import (
    Candidate,
    Credits,
    Fallback,
    FallbackTerms,
    GateShots,
    JobCorrected,
    Measure,
    Terms,
)
from queuebit_contracts.usage import measures_of, usage_of
from queuebit_contracts.wire import Amount
from queuebit_kernel import Settle
from queuebit_metering.errors import Overcharged, PriceLost, Unbillable
from queuebit_metering.policy import adjustments, bill, correct, settle
from queuebit_metering.state import Job, evolve, job_of
from queuebit_pricing import parse
from queuebit_testing.build import submitted

from .conftest import Life


def test_a_completed_job_pays_each_component_of_its_price(life: Life) -> None:
    job = job_of([life.submitted(), life.accepted(), life.placed()])
    metered = bill(job, life.completed(shots=1000, qpu_us=1500, qubits=2), life.book)
    assert metered.charge.model_dump(mode="json", exclude_none=True) == {
        "amount": "0.002023",
        "currency": "USD",
        "jbu": "1.0023",
        "lines": [
            _line("task", "Tasks", "1", "1", "0.001", "0.001"),
            _line("shot", "Shots", "1000", "1000", "0.000001", "0.001"),
            _line("second", "Seconds", "0.0015", "0.002", "0.01", "0.00002"),
            _line("qubit_second", "Qubit-Seconds", "0.003", "0.003", "0.001", "0.000003"),
        ],
    }
    assert (metered.state, metered.backend, metered.project) == ("completed", "aer", "main")
    assert metered.price_book == life.book.digest


BY_GATES = """
version = "2026-11-01"
currency = "USD"
[[price]]
id = "aer-1"
backend = "aer"
valid_from = 2026-01-01T00:00:00Z
source = "test"
as_of = 2026-01-01
confidence = "high"
per_gate_2q = "0.002"
minimum = { amount = "5", rule = "base" }
credits = { unit = "HQC", price = "120" }
"""


def test_a_price_by_the_gate_bills_the_gates_of_its_terms_and_names_the_credits(life: Life) -> None:
    book = parse(BY_GATES)
    gates = GateShots(gates_1q=9, gates_2q=2000, measurements=9)
    candidate = Candidate(backend="aer", price="aer-1", hold="1080.00", qpu_us=1500, gate_shots=gates)
    accepted = life.accepted(candidates=(candidate,), hold=Amount(amount="1080.00"))
    job = job_of([life.submitted(), accepted, life.placed()])
    charge = bill(job, life.completed(shots=1000, qpu_us=1500, qubits=2), book).charge
    assert charge.amount == "1080.00"
    assert [(it.component, it.billed, it.amount, it.credits) for it in charge.lines] == [
        ("gate_2q", "2000", "480", Credits(unit="HQC", amount="4")),
        ("base", "1", "600", Credits(unit="HQC", amount="5")),
    ]
    partial = bill(job, life.completed(shots=500, qpu_us=1500, qubits=2), book).charge
    assert partial.lines[0].billed == "1000"


def test_the_tasks_that_a_vendor_counted_are_billed_up_to_those_of_the_terms(life: Life) -> None:
    book = parse(BY_GATES.replace("per_gate_2q", "per_task").replace('minimum = { amount = "5", rule = "base" }', ""))
    candidate = Candidate(backend="aer", price="aer-1", hold="0.96", qpu_us=1500, tasks=4)
    accepted = life.accepted(candidates=(candidate,), hold=Amount(amount="0.96"))
    job = job_of([life.submitted(), accepted, life.placed()])
    ended = life.completed(shots=1000, qpu_us=1500, qubits=2)
    for counted, billed in ((3, "3"), (9, "4")):
        tasks = Measure(metric="tasks", quantity=str(counted), unit="task")
        usage = usage_of(*measures_of(ended.data.usage), tasks)
        charge = bill(
            job, ended.model_copy(update={"data": ended.data.model_copy(update={"usage": usage})}), book
        ).charge
        assert [(it.component, it.consumed, it.billed) for it in charge.lines] == [("task", str(counted), billed)]


def _line(component: str, unit: str, consumed: str, billed: str, unit_price: str, amount: str) -> dict[str, str]:
    return {
        "price": "aer-1",
        "component": component,
        "unit": unit,
        "consumed": consumed,
        "billed": billed,
        "unit_price": unit_price,
        "amount": amount,
    }


@pytest.mark.parametrize(
    ("history", "end", "amount", "backend", "hold"),
    [
        pytest.param("submitted", "rejected", "0.00", None, False, id="rejected"),
        pytest.param("submitted", "cancelled", "0.00", None, False, id="cancelled before it was accepted"),
        pytest.param("submitted accepted", "cancelled", "0.00", None, True, id="cancelled before it was placed"),
        pytest.param("submitted accepted", "expired", "0.00", None, True, id="expired before it was placed"),
        pytest.param("submitted accepted placed", "expired", "0.00", "aer", True, id="expired before it ran"),
        pytest.param("submitted accepted placed", "cancelled", "0.00", "aer", True, id="cancelled before it ran"),
        pytest.param("submitted accepted placed", "failed", "0.00", "aer", True, id="failed"),
        pytest.param("submitted accepted placed", "completed", "0.002023", "aer", True, id="completed"),
    ],
)
def test_every_end_has_a_bill(life: Life, history: str, end: str, amount: str, backend: str | None, hold: bool) -> None:
    job = job_of(getattr(life, name)() for name in history.split())
    metered = bill(job, getattr(life, end)(), life.book)
    assert (metered.charge.amount, metered.backend, metered.hold is not None) == (amount, backend, hold)
    assert metered.charge.currency == "USD"
    assert (settle(Job(metered=metered)) is not None) == hold


def test_what_a_failed_job_consumed_is_reported_and_not_billed(life: Life) -> None:
    job = job_of([life.submitted(), life.accepted(), life.placed("device-1")])
    metered = bill(job, life.failed("device-1", qpu_us=1_500_000), life.book)
    (line,) = metered.charge.lines
    assert (line.consumed, line.billed, metered.charge.amount) == ("1.5", "0", "0.00")
    assert metered.usage.qpu_us == 1_500_000


CHARGED_WHEN_PREEMPTED = 'minimum = "1" }\n', 'minimum = "1" }\ncharged_when = ["preempted"]\n'


@pytest.mark.parametrize(
    ("rule", "used", "seconds"),
    [
        pytest.param("", {"qpu_us": 1_500_000}, "0", id="free"),
        pytest.param("preempted", {"qpu_us": 1_500_000}, "1.5", id="charged for what it used"),
        pytest.param("preempted", {"qpu_us": 1_000}, "1.000", id="and for the least time of its price"),
        pytest.param("preempted", {}, "0", id="before it started it used nothing"),
    ],
)
def test_a_preempted_job_is_billed_by_the_rule_of_its_price(
    life: Life, book_text: str, rule: str, used: dict[str, int], seconds: str
) -> None:
    life.book = parse(book_text.replace(*CHARGED_WHEN_PREEMPTED) if rule else book_text)
    history = [life.submitted(), life.accepted(), life.placed("device-1")]
    ended = life.preempted("device-1", qubits=2, **used)
    metered = bill(job_of(history), ended, life.book)
    (line,) = metered.charge.lines
    assert (Decimal(line.billed), metered.state) == (Decimal(seconds), "failed")
    settlement = settle(Job(metered=metered))
    assert settlement is not None
    assert Decimal(settlement.released.amount) == life.hold.amount - Decimal(metered.charge.amount)
    other = bill(job_of(history), life.failed("device-1", qubits=2, **used), life.book)
    assert Decimal(other.charge.amount) == 0, "another failure is free"


def test_usage_of_a_preempted_job_that_comes_later_is_billed_by_the_same_rule(life: Life, book_text: str) -> None:
    life.book = parse(book_text.replace(*CHARGED_WHEN_PREEMPTED))
    ended = life.preempted("device-1")
    job = job_of([life.accepted(), life.placed("device-1"), ended, life.metered(ended)])
    job = evolve(job, life.reported(1, backend="device-1", shots=0, qpu_us=1_500_000))
    correction = correct(job, life.book)
    assert correction is not None
    assert (correction.charge.lines[0].billed, correction.delta.amount) == ("1.5", "2.40")


def test_a_partial_result_pays_for_what_was_completed_and_the_rest_is_released(life: Life) -> None:
    job = job_of([life.accepted(), life.placed()])
    metered = bill(job, life.completed(shots=400, qpu_us=600), life.book)
    billed = {it.component: it.billed for it in metered.charge.lines}
    assert billed == {"task": "1", "shot": "400", "second": "0.001", "qubit_second": "0.002"}
    settlement = settle(Job(metered=metered))
    assert settlement is not None
    assert Decimal(settlement.released.amount) == life.hold.amount - Decimal(metered.charge.amount) > 0


def test_a_fallback_is_billed_by_the_price_of_the_backend_that_ran(life: Life) -> None:
    accepted = life.accepted()
    own, stand_in = accepted.data.candidates
    terms = FallbackTerms(after_s=30, candidates=(stand_in,))
    accepted = life.accepted(candidates=(own,), fallback=terms)
    label = Fallback(instead_of=("aer",), since=accepted.time)
    placed = life.placed(stand_in.backend)
    placed = placed.model_copy(update={"data": placed.data.model_copy(update={"fallback": label})})
    metered = bill(job_of([accepted, placed]), life.completed(stand_in.backend, qpu_us=1_500_000), life.book)
    assert [(it.price, it.component, it.billed) for it in metered.charge.lines] == [("device-1", "second", "1.5")]
    assert (metered.fallback, metered.charge.amount) == (label, "2.40")
    assert Decimal(metered.charge.amount) <= life.hold.amount


def test_a_run_that_timed_out_is_billed_for_its_time_up_to_its_hold(life: Life) -> None:
    job = job_of([life.submitted(), life.accepted(), life.placed("device-1")])
    metered = bill(job, life.failed("device-1", qpu_us=60_000_000, qubits=2, at_limit=True), life.book)
    assert metered.state == "failed"
    assert metered.hold is not None
    assert 0 < Decimal(metered.charge.amount) <= Decimal(metered.hold.amount)
    briefly = bill(job, life.failed("device-1", qpu_us=1_500_000, qubits=2, at_limit=True), life.book)
    (line,) = briefly.charge.lines
    assert (line.consumed, line.billed) == ("1.5", "1.5")


def test_a_bill_over_usage_that_may_change_charges_nothing_and_keeps_the_hold(life: Life) -> None:
    metered = bill(job_of([life.accepted()]), life.completed(final=False), life.book)
    assert (metered.final, metered.charge.amount) == (False, "0.00")
    assert settle(Job(metered=metered)) is None


def test_one_measure_that_may_change_is_enough(life: Life) -> None:
    late = usage_of(
        Measure(metric="shots", quantity="1000", unit="shot"),
        Measure(metric="qpu-time", quantity="1500", unit="microsecond", final=False),
    )
    ended = life.completed()
    ended = ended.model_copy(update={"data": ended.data.model_copy(update={"usage": late})})
    metered = bill(job_of([life.accepted()]), ended, life.book)
    assert (metered.final, metered.charge.amount, metered.usage) == (False, "0.00", late)


def test_a_cancelled_run_whose_executor_reports_is_billed_later(life: Life) -> None:
    history = [life.submitted(), life.accepted(), life.placed(), life.started(reports_usage=True)]
    metered = bill(job_of(history), life.cancelled(), life.book)
    assert (metered.final, metered.charge.amount) == (False, "0.00")
    assert bill(job_of([*history[:-1], life.started()]), life.cancelled(), life.book).final is None


def test_the_terms_in_the_end_of_a_job_make_the_same_bill_as_its_acceptance(life: Life) -> None:
    ended = life.completed()
    terms = Terms(
        project="main", price="aer-1", price_book=life.book.digest, hold=Amount(amount=life.hold.text()),
        shots=life.shots, qpu_us=life.qpu_us, qubits=life.qubits,
    )  # fmt: skip
    carried = ended.model_copy(update={"data": ended.data.model_copy(update={"terms": terms})})
    assert bill(job_of([carried]), carried, life.book) == bill(job_of([life.accepted()]), ended, life.book)


@pytest.mark.parametrize(
    ("reports", "amounts", "deltas"),
    [
        pytest.param([(1, 1500, True)], ["0.002023"], ["0.002023"], id="final at last"),
        pytest.param([(1, 700, False), (2, 1500, True)], ["0.00", "0.002023"], ["0.00", "0.002023"], id="in two steps"),
        pytest.param(
            [(1, 9000, True), (2, 1500, True)], ["0.002108", "0.002023"], ["0.002108", "-0.000085"], id="less"
        ),
        pytest.param([(2, 1500, True), (1, 9000, True)], ["0.002023"], ["0.002023"], id="an older one comes later"),
        pytest.param([(1, 1500, True), (2, 9000, False)], ["0.002023"], ["0.002023"], id="not final after final"),
        pytest.param([(1, 1500, True), (2, 1500, True)], ["0.002023"], ["0.002023"], id="the same again"),
    ],
)
def test_reports_correct_the_bill(
    life: Life, reports: list[tuple[int, int, bool]], amounts: list[str], deltas: list[str]
) -> None:
    ended = life.completed(final=False)
    job = evolve(job_of([life.accepted(), life.placed(), ended]), life.metered(ended))
    for revision, qpu_us, final in reports:
        job = evolve(job, life.reported(revision, qpu_us=qpu_us, final=final))
        if (correction := correct(job, life.book)) is not None:
            job = evolve(job, JobCorrected(source="qb/metering", data=correction))
    assert [it.charge.amount for it in job.corrections] == amounts
    assert [it.delta.amount for it in job.corrections] == deltas
    assert [it.revision for it in job.corrections] == [*range(1, len(amounts) + 1)]
    settlement = settle(job)
    assert settlement is not None
    assert settlement.settled.amount == amounts[-1]


def test_a_correction_after_the_settlement_goes_to_the_account(life: Life) -> None:
    ended = life.completed(qpu_us=9000)
    job = evolve(job_of([life.accepted(budgets=("tenant",)), life.placed(), ended]), life.metered(ended))
    settled = settle(job)
    assert settled is not None
    job = evolve(job, life.reported(1, qpu_us=1500))
    correction = correct(job, life.book)
    assert correction is not None
    job = evolve(job, JobCorrected(source="qb/metering", data=correction))
    (adjustment,) = adjustments(job, settled)
    assert (adjustment.delta.amount, adjustment.revision, adjustment.budgets) == ("-0.000085", 1, ("tenant",))
    late = settle(job)
    assert late is not None
    assert list(adjustments(job, late)) == [], "what was settled later includes the correction"


@pytest.mark.parametrize("qpu_us", [10**12, 10**18 - 1], ids=["much", "the most that a measure can say"])
def test_a_report_above_the_hold_is_cut_to_what_the_hold_pays_for(life: Life, qpu_us: int) -> None:
    ended = life.completed(final=False)
    job = evolve(job_of([life.accepted(), life.placed(), ended]), life.metered(ended))
    correction = correct(evolve(job, life.reported(1, qpu_us=qpu_us, shots=10**9)), life.book)
    assert correction is not None
    assert 0 < Decimal(correction.charge.amount) <= life.holds["aer"].amount


def test_a_report_by_an_altered_price_is_refused_and_the_next_one_is_not_stuck(life: Life, book_text: str) -> None:
    ended = life.completed(final=False)
    job = evolve(job_of([life.accepted(), life.placed(), ended]), life.metered(ended))
    job = evolve(job, life.reported(1))
    with pytest.raises(Overcharged, match="the price was altered"):
        correct(job, parse(book_text.replace('per_task = "0.001"', 'per_task = "100"')))
    assert correct(evolve(job, life.reported(2)), life.book) is not None


def test_a_price_that_left_the_book_is_asked_back(life: Life, book_text: str) -> None:
    book = parse(book_text.replace('"aer-1"', '"aer-2"'))
    with pytest.raises(PriceLost, match=r"price 'aer-1', quoted to job j1.*put the old row back") as lost:
        bill(job_of([life.accepted()]), life.completed(), book)
    assert lost.value.settle is Settle.DEAD_LETTER


def test_a_charge_above_the_hold_is_refused(life: Life, book_text: str) -> None:
    book = parse(book_text.replace('per_task = "0.001"', 'per_task = "100"'))
    with pytest.raises(Overcharged, match="the price was altered"):
        bill(job_of([life.accepted()]), life.completed(), book)


def test_a_hold_in_another_currency_is_refused(life: Life) -> None:
    hold = Amount(amount="100", currency="EUR")
    with pytest.raises(Overcharged):
        bill(job_of([life.accepted(hold=hold)]), life.completed(), life.book)


def test_a_job_that_ran_where_it_might_not_is_not_billed(life: Life) -> None:
    with pytest.raises(Unbillable, match="ran on cirq, which was not among its candidates"):
        bill(job_of([life.accepted()]), life.completed("cirq"), life.book)


def test_submitting_an_accepted_job_again_does_not_move_its_bill_to_another_account(life: Life) -> None:
    again = submitted(job="j1", project="rich")
    metered = bill(job_of([life.accepted(), life.placed(), again]), life.completed(), life.book)
    settlement = settle(Job(metered=metered))
    assert settlement is not None
    assert settlement.account == "main"


QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""The same cases in every run; a busy machine may be slow."""

COUNTS = st.integers(0, 10**9)


@QUICK
@given(
    life=st.builds(Life, shots=st.integers(1, 10**6), qpu_us=COUNTS, qubits=st.integers(0, 200)),
    used=st.fixed_dictionaries({"shots": COUNTS, "qpu_us": COUNTS, "qubits": st.integers(0, 200)}),
    backend=st.sampled_from(["aer", "device-1"]),
    end=st.sampled_from(["completed", "failed", "cancelled"]),
)
def test_a_hold_is_settled_and_released_to_the_last_place(
    life: Life, used: dict[str, int], backend: str, end: str
) -> None:
    job = job_of([life.submitted(), life.accepted(), life.placed(backend)])
    ended = life.cancelled() if end == "cancelled" else getattr(life, end)(backend, **used)
    metered = bill(job, ended, life.book)
    settlement = settle(Job(metered=metered))
    assert settlement is not None
    held, settled, released = (Decimal(it.amount) for it in (settlement.held, settlement.settled, settlement.released))
    assert held == settled + released == life.hold.amount
    assert 0 <= settled <= life.holds[backend].amount
    assert settled == Decimal(metered.charge.amount) == sum(Decimal(line.amount) for line in metered.charge.lines)
    assert settlement.account == "main"
