"""What happens next to a placement, and what is said of a circuit."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from queuebit_contracts.job import Profile
from queuebit_contracts.wire import Reason
from queuebit_executor.answers import Estimate, Profiled
from queuebit_executor.figures import compilation_seed, device_us, simulation_seed, simulation_us
from queuebit_executor.policy import Begin, GiveUp, Leave, Resume, next_step, quoted
from queuebit_executor.state import Mark, Past

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("past", "step"),
    [
        pytest.param(Past(tail=4, placed=4), Begin(1, 4), id="nobody began"),
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
        pytest.param(Past(tail=9, placed=9), Leave("the job was placed anew"), id="it was placed elsewhere since"),
    ],
)
def test_next_step(past: Past, step: object) -> None:
    assert next_step(past, 4, "me") == step


def profiled(simulation_bytes: int = 64, **estimate: object) -> tuple[Estimate, Profiled]:
    found = Estimate(backend="aer", **estimate)
    profile = Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=simulation_bytes)
    return found, Profiled(profile=profile, operations=4)


def test_a_state_that_does_not_fit_into_a_child_is_refused_before_it_is_paid_for(world) -> None:
    answer = quoted(*reorder(profiled(16 << 30), world.offer("aer")), 1_000, 1536)
    assert answer.unfit is not None
    assert "aer has 1,280 MiB for a state and this one takes 16,384 MiB" in answer.unfit.text


def test_every_reason_is_told_at_once(world) -> None:
    found = profiled(16 << 30, unfit=Reason(code="does_not_fit", text="it cannot loop"))
    answer = quoted(*reorder(found, world.offer("aer")), 20_000, 1536)
    assert answer.unfit is not None
    assert answer.unfit.text.count(";") == 2


def test_a_device_is_quoted_by_its_model_and_a_simulator_by_its_work(world) -> None:
    found = profiled(duration_ns=1_000, rep_delay_ns=250_000, overhead_ns=2_000_000_000, esp_ppm=970_000)
    device = quoted(*reorder(found, world.offer("aer", "emulated")), 4_000, 1536)
    simulator = quoted(*reorder(found, world.offer("aer")), 4_000, 1536)
    assert (device.qpu_us, device.esp_ppm) == (2_000_000 + 4_000 * 251, 970_000)
    assert (simulator.qpu_us, simulator.esp_ppm) == (5_000 + 4_400, None)


def test_what_would_keep_a_backend_busy_for_days_is_refused(world) -> None:
    """No number of a quote is then too large for whoever reads it as a double."""
    slow = profiled(duration_ns=10**12)
    device = quoted(*reorder(slow, world.offer("emulated", "emulated")), 10_000, 1536)
    assert device.unfit is not None
    assert "emulated would be busy for 2,778 hours, and a job may take 24" in device.unfit.text
    assert device.qpu_us == 0


def test_why_a_circuit_was_not_compiled_keeps_its_code(world) -> None:
    found = profiled(unfit=Reason(code="profile_timeout", text="aer: it took longer"))
    answer = quoted(*reorder(found, world.offer("aer")), 1_000, 1536)
    assert answer.unfit == Reason(code="profile_timeout", text="aer: it took longer")


def reorder(found, offered):
    return found[0], offered, found[1]


def test_times_are_rounded_up_in_integers() -> None:
    assert device_us(1, 1, 0, 0) == 1
    assert device_us(1_000, 1_692, 250_000, 2_000_000_000) == 2_251_692


def test_a_dynamic_circuit_is_simulated_anew_for_each_shot() -> None:
    once = simulation_us(1_000, 100, 2, 16 << 20, dynamic=False)
    each = simulation_us(1_000, 100, 2, 16 << 20, dynamic=True)
    assert 150_000 < once < 300_000
    assert each > 900 * once


def test_seeds_fit_every_simulator() -> None:
    assert compilation_seed("sha256:" + "f" * 64) == 0xFFFFFFF
    assert 0 <= simulation_seed(2**53 - 1) < 2**32
    assert simulation_seed(7) == 7
    assert simulation_seed(2**40) != simulation_seed(2**41)
