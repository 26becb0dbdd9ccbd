"""Answers to tenants about backends and plans."""

from __future__ import annotations

from datetime import timedelta

import pytest

from queuebit_broker.answers import Answers
from queuebit_broker.profiles import Profiles
from queuebit_contracts.backend import BackendCalibrated, BackendInterrupted, Calibration, Interruption
from queuebit_contracts.query import CircuitError, Question
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import rfc3339
from queuebit_runtime.payloads import describe

from .broker_office import Office

CIRCUIT = describe(b"OPENQASM 3.0;", "text/x-openqasm")


@pytest.fixture
async def answers(office: Office) -> Answers:
    await office.open()
    profiles = Profiles(office.executors, office.world)
    return Answers(office.world, profiles, office.tariff, office.clock, max_source_bytes=1000)


async def test_backends_come_with_price_and_calibration(office: Office, answers: Answers) -> None:
    office.clock.advance(timedelta(hours=1).total_seconds())
    rows = {str(row["backend"]): row for row in (await answers.backends("acme", Question())).rows}
    assert {name: row["price"] for name, row in rows.items()} == {
        "aer": "0.01 USD a task",
        "cirq": "0.00001 USD a shot",
        "torino": "1.60 USD a second",
    }
    assert rows["torino"]["calibrated_at"] == "2026-01-01T00:00:00.000000Z"
    assert {it["interrupted_since"] for it in rows.values()} == {None}
    assert (rows["torino"]["calibration_age_s"], rows["torino"]["median_two_qubit_error_ppm"]) == (3600, 4000)
    assert rows["aer"]["calibrated_at"] is None


async def test_a_backend_that_is_out_of_service_says_since_when(office: Office, answers: Answers) -> None:
    since = office.clock.now()
    data = Interruption(backend="aer", since=since, reason=Reason(code="no_answer", text="silent"))
    await office.log.append(BackendInterrupted(source="qb/scheduler", data=data))
    await office.catch_up()
    rows = {str(row["backend"]): row["interrupted_since"] for row in (await answers.backends("acme", Question())).rows}
    assert rows == {"aer": rfc3339(since), "cirq": None, "torino": None}


async def test_a_project_sees_what_it_may_use(answers: Answers) -> None:
    rows = (await answers.backends("acme", Question(project="sim"))).rows
    assert [row["backend"] for row in rows] == ["aer", "cirq"]
    error = (await answers.backends("acme", Question(project="mian"))).error
    assert error is not None
    assert error.code == "unknown_project"


async def test_a_plan_lists_what_fits_first_and_cheapest_first(office: Office, answers: Answers) -> None:
    office.executors.unfit["aer"] = Reason(code="does_not_fit", text="aer: too deep")
    office.executors.silent = {"cirq"}
    rows = (await answers.plan("acme", Question(circuit=CIRCUIT, shots=1000))).rows
    assert [(row["backend"], row["fits"]) for row in rows] == [("torino", True), ("aer", False), ("cirq", False)]
    assert (rows[0]["cost"], rows[0]["currency"], rows[0]["qpu_us"]) == ("3.20", "USD", 2_000_000)
    assert "too deep" in str(rows[1]["reason"])
    assert "does not answer now" in str(rows[2]["reason"])


async def test_a_row_of_a_plan_separates_its_reasons(office: Office, answers: Answers) -> None:
    office.executors.profile_ = office.executors.profile_.model_copy(update={"qubits": 30, "features": ("loop",)})
    rows = {
        row["backend"]: row["reason"] for row in (await answers.plan("acme", Question(circuit=CIRCUIT, shots=9))).rows
    }
    assert rows["cirq"] == "has 20 qubits, the circuit needs 30; lacks the feature loop"


async def test_a_plan_is_made_under_the_newest_calibration(office: Office, answers: Answers) -> None:
    question = Question(circuit=CIRCUIT, shots=1000)

    async def success() -> object:
        rows = {row["backend"]: row for row in (await answers.plan("acme", question)).rows}
        return rows["torino"]["esp_ppm"]

    office.executors.esp_ppm["torino"] = 950_000
    assert await success() == 950_000
    office.executors.esp_ppm["torino"] = 700_000
    assert await success() == 950_000, "an answer is kept while its backend does not change"
    newer = Calibration(backend="torino", calibrated_at=office.clock.now(), snapshot=CIRCUIT, digest=CIRCUIT.digest)
    office.world.take(BackendCalibrated(source="qb/executor", data=newer), 1_000)
    assert await success() == 700_000


@pytest.mark.parametrize(
    ("question", "code"),
    [
        (Question(), "bad_question"),
        (Question(circuit=CIRCUIT, shots=0), "bad_shots"),
        (Question(circuit=CIRCUIT, shots=10_001), "bad_shots"),
        (Question(circuit=Payload(digest=CIRCUIT.digest, size=5000, media_type="x"), shots=1), "circuit_too_large"),
    ],
)
async def test_questions_without_an_answer_say_why(answers: Answers, question: Question, code: str) -> None:
    answer = await answers.plan("acme", question)
    assert answer.error is not None
    assert answer.error.code == code


async def test_a_plan_says_where_a_circuit_is_broken(office: Office, answers: Answers) -> None:
    office.executors.error = CircuitError(code="undefined", message="no gate foo", line=2, column=1, expected="a gate")
    answer = await answers.plan("acme", Question(circuit=CIRCUIT, shots=1))
    assert answer.error == Reason(code="undefined", text="line 2, column 1: no gate foo (expected a gate)")
