"""Each gate passes, fails and says so where it cannot be checked."""

from dataclasses import replace

import pytest

from queuebit_ci.gates import distribution_check, plan_checks, run_checks, total_check
from queuebit_ci.model import Plan, Run
from queuebit_ci.policy import Gates
from queuebit_ci.significance import compare
from queuebit_kernel import Money

BEFORE = Plan("device", depth=10, two_qubit_gates=4, cost=Money.of("1.00"), esp=0.95, qpu_us=1)
COUNTS = {"00": 520, "11": 480}


def states(plan: Plan, before: Plan | None, **gates: object) -> dict[str, str]:
    checks = plan_checks(plan, before, Gates.model_validate(gates), compared=True)
    return {it.rule: it.state for it in checks}


@pytest.mark.parametrize(
    ("gates", "changed", "rule", "state"),
    [
        ({"max_cost": "1.00"}, {}, "cost", "passed"),
        ({"max_cost": "0.99"}, {}, "cost", "failed"),
        ({"max_cost": "5.00 EUR"}, {}, "cost", "failed"),
        ({"max_cost": "1.00"}, {"cost": None}, "cost", "skipped"),
        ({"min_esp": 0.95}, {}, "esp", "passed"),
        ({"min_esp": 0.951}, {}, "esp", "failed"),
        ({"min_esp": 0.5}, {"esp": None}, "esp", "skipped"),
        ({"max_depth": 10}, {}, "depth", "passed"),
        ({"max_depth": 9}, {}, "depth", "failed"),
        ({"max_two_qubit_gates": 3}, {}, "two-qubit-gates", "failed"),
        ({"max_cost_increase": "10%"}, {"cost": Money.of("1.10")}, "cost-increase", "passed"),
        ({"max_cost_increase": "10%"}, {"cost": Money.of("1.1001")}, "cost-increase", "failed"),
        ({"max_cost_increase": "0%"}, {"cost": Money.of("0.50")}, "cost-increase", "passed"),
        ({"max_cost_increase": "10%"}, {"cost": None}, "cost-increase", "skipped"),
        ({"max_depth_increase": "10%"}, {"depth": 12}, "depth-increase", "failed"),
        ({"max_two_qubit_increase": "25%"}, {"two_qubit_gates": 5}, "two-qubit-increase", "passed"),
        ({"max_esp_drop": 0.02}, {"esp": 0.94}, "esp-drop", "passed"),
        ({"max_esp_drop": 0.02}, {"esp": 0.92}, "esp-drop", "failed"),
        ({"max_esp_drop": 0.02}, {"esp": None}, "esp-drop", "skipped"),
    ],
)
def test_a_gate(gates: dict[str, object], changed: dict[str, object], rule: str, state: str) -> None:
    assert states(replace(BEFORE, **changed), BEFORE, **gates) == {rule: state}  # type: ignore[arg-type]


def test_a_new_circuit_has_no_increase() -> None:
    assert states(BEFORE, None, max_depth_increase="0%", max_esp_drop=0.0) == {
        "depth-increase": "skipped",
        "esp-drop": "skipped",
    }


def test_without_a_baseline_no_increase_is_looked_for() -> None:
    assert [*plan_checks(BEFORE, None, Gates(max_depth_increase="0%"), compared=False)] == []


def test_an_increase_from_zero_is_one() -> None:
    none = replace(BEFORE, two_qubit_gates=0)
    assert states(BEFORE, none, max_two_qubit_increase="50%") == {"two-qubit-increase": "failed"}


def test_the_total_counts_all_circuits() -> None:
    (check,) = total_check([BEFORE, BEFORE], Gates(max_total_cost="1.99"))
    assert (check.state, "2.00 USD" in check.text) == ("failed", True)
    (check,) = total_check([BEFORE, replace(BEFORE, cost=None)], Gates(max_total_cost="9"))
    assert check.state == "skipped"
    assert [*total_check([BEFORE], Gates())] == []


def run(expected: dict[str, float], backend: str = "aer") -> Run:
    return Run(backend, 1_000, 1, COUNTS, compare(COUNTS, expected), fidelity=0.97)


def test_fidelity() -> None:
    (check,) = run_checks(run({"00": 0.5, "11": 0.5}), Gates(min_fidelity=0.98))
    assert (check.rule, check.state) == ("fidelity", "failed")


def test_a_failed_distribution_states_its_numbers_and_the_rate() -> None:
    check = distribution_check(run({"00": 0.4, "11": 0.6}), True, 0.001, 3)
    assert check.state == "failed"
    for part in ("52.00%", "40.00%", "1,000 shots", "0.001 over 3 circuits", "p = "):
        assert part in check.text
    assert "tolerance" not in check.text
    noisy = distribution_check(run({"00": 0.4, "11": 0.6}, "emulated-ibm-torino"), True, 0.001, 1)
    assert "a backend with noise needs a tolerance" in noisy.text
