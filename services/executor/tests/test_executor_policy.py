"""What happens next to a placement, and what is said of a circuit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from queuebit_contracts.job import Terms
from queuebit_contracts.wire import Amount, Reason
from queuebit_executor.answers import Estimate
from queuebit_executor.policy import (
    Allowance,
    Begin,
    GiveUp,
    Leave,
    Resume,
    next_step,
    quoted,
    slots_of,
    uses_all_cores,
)
from queuebit_executor.state import Mark, Past
from queuebit_planning.seeds import compilation_seed, simulation_seed
from queuebit_planning.timing import Method

from .conftest import TARGET, World

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("past", "step"),
    [
        pytest.param(Past(tail=4, placed=4), Begin(1, 4), id="not started"),
        pytest.param(Past(tail=5, placed=4, attempt=Mark(1, MOMENT, "other")), Begin(2, 5), id="one attempt was lost"),
        pytest.param(
            Past(tail=7, placed=4, attempt=Mark(3, MOMENT, "other")),
            GiveUp(Mark(3, MOMENT, "other"), 7),
            id="three were lost",
        ),
        pytest.param(
            Past(tail=7, placed=4, attempt=Mark(3, MOMENT, "me")), Resume(Mark(3, MOMENT, "me"), 7), id="it is my own"
        ),
        pytest.param(
            Past(tail=6, placed=4, attempt=Mark(3, MOMENT, "me"), ended=True), Leave("the job has ended"), id="it ended"
        ),
        pytest.param(
            Past(tail=9, placed=4, withdrawn=9), Leave("the job was taken from this backend"), id="it waits again"
        ),
        pytest.param(Past(tail=4, placed=4, withdrawn=3), Begin(1, 4), id="it was placed again after it had waited"),
        pytest.param(Past(tail=9, placed=9), Leave("the job was placed again"), id="it was placed elsewhere since"),
    ],
)
def test_next_step(past: Past, step: object) -> None:
    assert next_step(past, 4, "me") == step


HERE = Allowance(memory_mb=1536, run_s=60)
STATE = Method("statevector", 5_000_000, 1_100, 64)


def estimate(*methods: Method, **figures: object) -> Estimate:
    return Estimate.model_validate({"backend": "aer", "methods": methods or (STATE,), **figures})


def test_a_state_that_does_not_fit_into_a_child_is_refused_before_it_is_paid_for(world: World) -> None:
    for kind in ("simulator", "emulated"):
        answer = quoted(estimate(replace(STATE, memory_bytes=16 << 30)), world.offer("aer", kind), 1_000, HERE)
        assert answer.unfit is not None
        assert answer.unfit.code == "too_much_memory"
        assert all(it in answer.unfit.text for it in ("aer", "1.25 GiB", "16.00 GiB"))


def test_memory_is_that_of_the_method_that_would_run(world: World) -> None:
    vector = Method("statevector", 10**12, 0, 16 << 30)
    tableau = Method("stabilizer", 5_000_000, 1_000, 500_000)
    assert quoted(estimate(vector, tableau), world.offer("aer"), 1_000, HERE).unfit is None


@pytest.mark.parametrize("kind", ["simulator", "emulated"])
def test_a_run_that_would_reach_its_limit_is_refused_before_it_is_paid_for(world: World, kind: str) -> None:
    slow = estimate(Method("statevector", 5_000_000, 208_795_000, 1 << 30))
    answer = quoted(slow, world.offer("aer", kind), 1_000, HERE)
    assert answer.unfit is not None
    assert answer.unfit.code == "too_long"
    assert all(it in answer.unfit.text for it in ("aer", "209 s", "60 s"))
    assert quoted(slow, world.offer("aer", kind), 1_000, Allowance(1536, 300)).unfit is None


def test_every_reason_is_reported_at_once(world: World) -> None:
    found = estimate(replace(STATE, memory_bytes=16 << 30), unfit=Reason(code="does_not_fit", text="it cannot loop"))
    answer = quoted(found, world.offer("aer"), 20_000, HERE)
    assert answer.unfit is not None
    assert answer.unfit.text.count(";") == 2


def test_a_device_is_quoted_by_its_model_and_a_simulator_by_its_work(world: World) -> None:
    found = estimate(duration_ns=1_000, rep_delay_ns=250_000, overhead_ns=2_000_000_000, esp_ppm=970_000)
    device = quoted(found, world.offer("aer", "emulated"), 4_000, HERE)
    simulator = quoted(found, world.offer("aer"), 4_000, HERE)
    assert (device.qpu_us, device.esp_ppm) == (2_000_000 + 4_000 * 251, 970_000)
    assert (simulator.qpu_us, simulator.esp_ppm) == (5_000 + 4_400, None)


def test_what_would_keep_a_backend_busy_for_days_is_refused(world: World) -> None:
    """No number of a quote is then too large for readers of doubles."""
    device = quoted(estimate(duration_ns=10**12), world.offer("emulated", "emulated"), 10_000, HERE)
    assert device.unfit is not None
    assert device.unfit.code == "too_long"
    assert all(it in device.unfit.text for it in ("emulated", "2,778", "24"))
    assert device.qpu_us == 0


def test_why_a_circuit_was_not_compiled_keeps_its_code(world: World) -> None:
    found = Estimate(backend="aer", unfit=Reason(code="profile_timeout", text="aer: it took longer"))
    answer = quoted(found, world.offer("aer"), 1_000, HERE)
    assert answer.unfit == Reason(code="profile_timeout", text="aer: it took longer")


@pytest.mark.parametrize(("qubits", "qpu_us", "alone"), [(17, 100_000, True), (16, 10**9, False), (26, 99_999, False)])
def test_a_long_simulation_with_threads_uses_all_cores(world: World, qubits: int, qpu_us: int, alone: bool) -> None:
    terms = Terms(
        project="main",
        price="free",
        price_book=TARGET,
        hold=Amount(amount="0"),
        shots=1,
        qpu_us=qpu_us,
        qubits=qubits,
    )
    job = world.placed(qpu_us=qpu_us).data
    assert uses_all_cores(job.model_copy(update={"terms": terms})) is alone
    assert uses_all_cores(job) is False


@pytest.mark.parametrize(
    ("kind", "remote", "configured", "slots"),
    [
        ("simulator", False, None, 8),
        ("simulator", False, 3, 3),
        ("emulated", False, 3, 1),
        ("qpu", True, None, 1),
        ("qpu", True, 3, 3),
    ],
)
def test_a_simulator_has_a_slot_for_each_core(
    world: World, kind: str, remote: bool, configured: int | None, slots: int
) -> None:
    offer = world.offer("a", kind).model_copy(update={"remote": remote})
    assert slots_of(offer, configured, 8) == slots


def test_seeds_fit_every_simulator() -> None:
    assert compilation_seed("sha256:" + "f" * 64) == 0xFFFFFFF
    assert 0 <= simulation_seed(2**53 - 1) < 2**32
    assert simulation_seed(7) == 7
    assert simulation_seed(2**40) != simulation_seed(2**41)
