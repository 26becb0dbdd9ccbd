"""The operating curve of drift, on few histories with fixed seeds: its laws; docs/drift.md has its figures."""

from __future__ import annotations

from math import isclose
from random import Random
from typing import Any

import pytest
from qiskit.quantum_info import Statevector
from tests.bench.anomaly_kernel import METHODS, compared, kernel
from tests.bench.drift import WEEK, perth_alarms, perth_delays
from tests.bench.operating import DETECTORS, detected, fallen, history, points

from queuebit_quantum import parse
from queuebit_templates import Template, find, validated


def test_the_default_setting_has_no_false_alarm_in_seven_days() -> None:
    assert [seed for seed in range(100) if detected([*history(Random(seed))]) is not None] == []


@pytest.mark.parametrize("share", [0.90, 0.85])
def test_the_default_setting_finds_a_lower_share_within_a_day(share: float) -> None:
    """72 jobs, after a share of 0.95, whatever the overdispersion."""
    found = [detected([*fallen(Random(seed), share)]) for seed in range(30)]
    assert [it for it in found if it is None or not 0 < it <= 72] == []


@pytest.mark.parametrize("name", [*DETECTORS])
def test_a_higher_threshold_has_fewer_false_alarms_and_a_longer_delay(name: str) -> None:
    curve = points(name, 6, 3, (2.0,))
    alarms = [it.false_alarms for it in curve]
    delays = [middle for it in curve for _, middle, _, looked in it.delays if looked == 3 and middle is not None]
    assert alarms == sorted(alarms, reverse=True)
    assert delays == sorted(delays)
    assert delays


def test_a_doubled_error_is_found_within_a_week_of_real_calibrations() -> None:
    found = perth_delays(3.0)
    assert all(it is not None and it <= WEEK for it in found)
    doubled = perth_delays(2.0)
    assert sum(it is not None and it <= WEEK for it in doubled) / len(doubled) >= 0.8


def test_the_known_faults_of_perth_are_found() -> None:
    """The coupler 3-5 was dead in March 2023, and the readout of qubit 1 got four times worse."""
    rows = "\n".join(perth_alarms())
    assert "| `two_qubit_error` | q3-q5 | 2023-03-1" in rows
    assert "| `readout_error` | q1 | 2023-03-2" in rows


def test_the_exact_kernel_is_what_the_templates_circuit_measures() -> None:
    """Beside Qiskit: the circuit of the template, as the platform reads it."""
    template: Template[Any] = find("anomaly-kernel")  # of its own parameters
    points = [(0.7, 0.3), (1.1, 0.2), (0.4, 0.9)]
    program = template.first(validated(template, {"reference": points, "points": [(0.1, 1.3)]}))
    assert len(program.items) == 3 + 3
    for item in program.items:
        values = item.parameters
        circuit = parse(item.source, parameters=dict(values), measured=False).quantum_circuit.copy()
        circuit.remove_final_measurements()
        share = Statevector(circuit).probabilities()[0]
        exact = kernel((values["a0"], values["a1"]), (values["b0"], values["b1"]))
        assert isclose(share, exact, abs_tol=1e-9)


def test_the_quantum_kernel_is_compared_with_classical_scores_on_the_same_windows() -> None:
    found = compared(8)
    assert found.keys() == METHODS.keys()
    assert all(0.5 < it <= 1 for it in found.values()), "each is better than chance"
    assert found["quantum kernel"] <= found["mean of the window"] + 0.05, "docs/drift.md says so: change it if not"
