"""The figures of the comparison of estimated success with simulated fidelity."""

from __future__ import annotations

import pytest
from scipy.stats import linregress
from tests.bench.fidelity import Pair, compared, determination, table

from queuebit_quantum import open_backend, parse
from queuebit_quantum.ibm import EmulatedIbm

PAIRS = [
    Pair(f"c{number}", "perth", esp, fidelity, outcomes)
    for number, (esp, fidelity, outcomes) in enumerate(
        [(0.9, 0.92, 1.0), (0.5, 0.6, 2.0), (0.7, 0.65, 1.0), (0.2, 0.5, 8.0), (0.4, 0.9, 16.0), (0.8, 0.95, 4.0)]
    )
]


def test_the_figures_are_those_of_an_independent_program() -> None:
    rows = {it.split(" | ")[0].strip("| "): it.strip("| ").split(" | ") for it in table(PAIRS).splitlines()[2:]}
    assert {name: int(row[1]) for name, row in rows.items()} == {
        "perth": 6,
        "all": 6,
        "… with one or two outcomes": 3,
        "… with more outcomes": 3,
    }
    line = linregress([it.esp for it in PAIRS], [it.fidelity for it in PAIRS])
    assert float(rows["all"][6]) == pytest.approx(line.rvalue**2, abs=0.0006)
    assert float(rows["all"][4]) == pytest.approx((0.02 + 0.1 + 0.05 + 0.3 + 0.5 + 0.15) / 6, abs=0.0006)


def test_a_prediction_that_is_worse_than_the_mean_has_a_negative_r2() -> None:
    assert determination([0.1, 0.2], [0.1, 0.2]) == 1
    assert determination([0.15, 0.15], [0.1, 0.2]) == pytest.approx(0)
    assert determination([0.2, 0.1], [0.1, 0.2]) == pytest.approx(-3)


def test_a_circuit_without_a_superposition_succeeds_as_often_as_estimated() -> None:
    """With one outcome, the fidelity is the share of shots with it; errors that do not change it make it larger."""
    device = open_backend("emulated-ibm-manila")
    assert isinstance(device, EmulatedIbm)
    source = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; x q[0]; x q[0]; cx q[0], q[1]; measure q -> c;'
    found = compared(device, "nothing", parse(source))
    assert found is not None
    assert found.outcomes == pytest.approx(1)
    assert found.fidelity == pytest.approx(found.esp, abs=0.04)


def test_a_circuit_that_does_not_fit_is_left_out() -> None:
    device = open_backend("emulated-ibm-manila")
    assert isinstance(device, EmulatedIbm)
    wide = parse('OPENQASM 2.0; include "qelib1.inc"; qreg q[6]; creg c[6]; h q; measure q -> c;')
    assert compared(device, "wide", wide) is None
