"""Steps after the run: equal to what mthree and mitiq compute, and nearer to the exact value on a noisy device."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector
from scipy.stats import binom

from queuebit_contracts.processing import READOUT, ZNE
from queuebit_quantum import (
    Backend,
    Basis,
    MeasuredRun,
    Outcome,
    WorkItem,
    bases,
    expectation,
    measured_in,
    open_backend,
    parse,
    post_process,
    variants,
    with_options,
)
from queuebit_quantum.device_passes import fold
from queuebit_quantum.post_processing import extrapolated, merged_counts, shots_of_copy
from queuebit_quantum.readout import MAX_OUTCOMES

RECORDED: Mapping[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("recorded").joinpath("mitigation.json").read_text()
)
_MTHREE = 1e-6
"""mthree computes with floats of 32 bits."""

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q;\n'


@pytest.mark.parametrize("case", RECORDED["mthree"])
def test_corrected_shares_are_those_of_mthree(case: dict[str, Any]) -> None:
    (found,) = post_process([READOUT], [], [MeasuredRun(case["counts"], readout_errors=tuple(case["errors"]))])
    shares = {bits: it["value"] for bits, it in found["quasi"].items()}
    assert shares == pytest.approx(case["shares"], abs=_MTHREE)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-9)
    parity = math.fsum(-it if bits.count("1") % 2 else it for bits, it in shares.items())
    assert parity == pytest.approx(case["parity"], abs=_MTHREE)


@pytest.mark.parametrize("case", RECORDED["mitiq_linear"])
def test_the_value_at_zero_noise_is_that_of_mitiq(case: dict[str, Any]) -> None:
    value, _ = extrapolated([(it, 0.0) for it in case["values"]], (1, 3, 5))
    assert value == pytest.approx(case["at_zero"], abs=1e-9)


@pytest.mark.parametrize("case", RECORDED["mitiq_fold_all"])
def test_gates_are_folded_as_by_mitiq(case: dict[str, Any]) -> None:
    folded = fold(_written(case["circuit"]), case["times"], "here")
    assert folded == _written(case["folded"])


def _written(steps: list[list[Any]]) -> QuantumCircuit:
    circuit = QuantumCircuit(4)
    for name, qubits in steps:
        getattr(circuit, name)(*qubits)
    return circuit


@given(
    counts=st.dictionaries(st.integers(0, 7), st.integers(1, 10_000), min_size=1),
    errors=st.tuples(*[st.floats(0, 0.4)] * 3),
)
def test_an_expectation_value_is_divided_by_what_readout_errors_leave_of_it(
    counts: dict[int, int], errors: tuple[float, ...]
) -> None:
    found = {format(bits, "03b"): count for bits, count in counts.items()}
    observables = [{"ZZZ": 1.0}, {"IIZ": 1.0}]
    (basis,) = bases(observables)
    (step,) = post_process([READOUT], observables, [MeasuredRun(found, basis, readout_errors=errors)])
    left = [math.prod(1 - 2 * it for it in errors), 1 - 2 * errors[0]]
    for observable, share, it in zip(observables, left, step["expectations"], strict=True):
        value, error = expectation(observable, [(basis, found)])
        assert it["value"] == pytest.approx(value / share, rel=1e-9, abs=1e-12)
        assert it["stderr"] == (None if error is None else pytest.approx(error / share, rel=1e-6, abs=1e-9))


def test_without_readout_errors_the_shares_and_their_errors_are_those_of_the_counts() -> None:
    counts = {"00": 700, "11": 300}
    (found,) = post_process([READOUT], [], [MeasuredRun(counts, readout_errors=(0.0, 0.0))])
    assert found["quasi"]["00"] == {"value": pytest.approx(0.7), "stderr": pytest.approx(math.sqrt(0.21 / 1000))}


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (MeasuredRun({"1": 3}, readout_errors=(0.5,)), "readout_error"),
        (MeasuredRun({"1": 3}), "readout_error"),
        (
            MeasuredRun({format(it, "012b"): 1 for it in range(MAX_OUTCOMES + 1)}, readout_errors=(0.1,) * 12),
            "too_many_outcomes",
        ),
    ],
)
def test_a_step_that_cannot_be_done_says_why(run: MeasuredRun, code: str) -> None:
    (found,) = post_process([READOUT], [], [run])
    assert (found["reason"]["code"], found.get("quasi")) == (code, None)


ZZ: Mapping[str, float] = {"Z" * 30: 1.0}


@pytest.mark.parametrize(
    ("observable", "errors", "code"),
    [
        (ZZ, (0.49999999999999994,) * 30, "too_large"),  # a factor of 1e16 for each qubit
        ({"Z" * 30: 1e100}, (0.4999,) * 30, "too_large"),  # its square has no number
        (ZZ, (math.nan,) * 30, "readout_error"),
        (ZZ, (-0.1,) * 30, "readout_error"),
        (ZZ, (0.1,) * 29, "readout_error"),
        (ZZ, (0.1,) * 31, "readout_error"),
    ],
)
def test_a_hostile_calibration_costs_no_more_than_the_values_of_its_steps(
    observable: Mapping[str, float], errors: tuple[float, ...], code: str
) -> None:
    (basis,) = bases([observable])
    counts = {"0" * 30: 50, "0" * 29 + "1": 51}
    runs = [MeasuredRun(counts, basis, folding, errors) for folding in (1, 3, 5)]
    found = post_process([READOUT, ZNE], [observable], runs)
    assert [it["reason"]["code"] for it in found] == [code, code]
    json.dumps(found, allow_nan=False)


@given(
    st.dictionaries(st.text("01", min_size=3, max_size=3), st.integers(0, 2**53), max_size=8),
    st.lists(st.floats(), max_size=4).map(tuple),
    st.floats(-1e100, 1e100),
)
def test_steps_on_any_counts_and_calibrations_are_json(
    counts: Mapping[str, int], errors: tuple[float, ...], factor: float
) -> None:
    observable = {"ZZZ": factor, "IZZ": 1.0}
    (basis,) = bases([observable])
    runs = [MeasuredRun(counts, basis, folding, errors) for folding in (1, 3, 5)]
    json.dumps(post_process([READOUT, ZNE], [observable], runs), allow_nan=False)
    json.dumps(post_process([READOUT], [], [MeasuredRun(counts, None, 1, errors)]), allow_nan=False)


def test_the_standard_error_of_an_extrapolation_is_that_of_its_line() -> None:
    """Weights of ordinary least squares at 0 for the factors 1, 3 and 5: 13/12, 1/3 and -5/12."""
    value, error = extrapolated([(1.0, 0.1), (0.0, 0.0), (0.0, 0.2)], (1, 3, 5))
    assert value == pytest.approx(13 / 12)
    assert error == pytest.approx(math.hypot(0.1 * 13 / 12, 0.2 * 5 / 12))
    assert extrapolated([(1.0, None), (0.0, 0.0), (0.0, 0.2)], (1, 3, 5))[1] is None


@given(shots=st.integers(1, 10_000), copies=st.integers(1, 64))
def test_copies_share_the_shots_rounded_up(shots: int, copies: int) -> None:
    assert 0 <= shots_of_copy(shots, copies) * copies - shots < copies


def test_counts_of_copies_are_added() -> None:
    assert merged_counts([{"0": 3, "1": 1}, {"1": 9}]) == {"1": 10, "0": 3}


@pytest.fixture(scope="module")
def device() -> Backend:
    return open_backend("emulated-ibm-manila")


def random_source(chance: Random) -> str:
    gates = [f"ry({chance.uniform(0, math.pi):.4f}) q[{qubit}];" for qubit in range(3)]
    for first, second in [(0, 1), (1, 2)] * 3:
        gates.append(f"cx q[{first}], q[{second}]; rz({chance.uniform(0, 3):.4f}) q[{second}];")
    return HEAD + " ".join(gates)


def deviations(device: Backend, source: str, seed: int) -> list[float]:
    """How far the mean of ZZZ is from its exact value: as measured, with readout mitigation, and with both steps."""
    observable, basis = {"ZZZ": 1.0}, Basis("ZZZ", ("ZZZ",))
    circuit = parse(source, measured=False)
    exact = float(Statevector(circuit.quantum_circuit).expectation_value(_zzz()).real)
    runs = []
    for way in variants({}, [READOUT, ZNE]):
        compiled = device.compile(with_options(measured_in(circuit, basis), way), 7)
        work = WorkItem(compiled, 4_000, seed + way.folding)
        (outcome,) = device.collect(device.submit([work], f"{seed}-{way.folding}"))
        assert isinstance(outcome, Outcome)
        runs.append(MeasuredRun(outcome.counts, basis, way.folding, compiled.readout_errors))
    measured, _ = expectation(observable, [(basis, runs[0].counts)])
    steps = post_process([READOUT, ZNE], [observable], runs)
    values = [measured, *(it["expectations"][0]["value"] for it in steps)]
    return [abs(it - exact) for it in values]


def _zzz() -> Any:
    from qiskit.quantum_info import Pauli

    return Pauli("ZZZ")


def test_steps_bring_values_nearer_to_the_exact_ones(device: Backend) -> None:
    """An exact sign test over 20 random circuits with fixed seeds.

    If a step did nothing, each circuit would be nearer with probability 1/2; so many nearer ones have a probability
    below 1 in 1,000 then. The mean deviation must fall with each step too.
    """
    chance = Random(5)
    found = [deviations(device, random_source(chance), 100 * number) for number in range(20)]
    for before, after in ((0, 1), (0, 2)):
        nearer = sum(it[after] < it[before] for it in found)
        assert binom.sf(nearer - 1, len(found), 0.5) < 1e-3
    means = [fmean(it[step] for it in found) for step in range(3)]
    assert means[0] > means[1] > means[2]
