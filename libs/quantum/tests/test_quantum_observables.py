"""Expectation values: exact values equal Qiskit's, and estimates from counts are within their standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp, Statevector

from queuebit_quantum import (
    Basis,
    CircuitError,
    InProcess,
    WorkItem,
    bases,
    expectation,
    measured_in,
    open_backend,
    parse,
    shares,
)

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
STATE = HEAD + "qubit[3] q; ry(0.7) q[0]; cx q[0], q[1]; rz(0.4) q[1]; rx(1.1) q[2]; cx q[1], q[2]; s q[0]; h q[1];"
SUMS: list[dict[str, float]] = [
    {"ZZI": 1.0},
    {"XYZ": 0.5, "ZIX": -2.0, "IIY": 0.25},
    {"III": 3.0, "IZZ": 1.0, "ZZI": 1.0, "XXX": -0.5, "YIY": 0.75},
]
SHOTS = 20_000
SIGMAS = 4.5
"""A correct estimate deviates more with a probability below 10^-5; seeds are fixed, so results are repeatable."""


def exact(observable: Mapping[str, float]) -> float:
    state = Statevector(parse(STATE, measured=False).quantum_circuit)
    return float(state.expectation_value(SparsePauliOp.from_list([*observable.items()])).real)


def probabilities(basis: Basis) -> dict[str, int]:
    """Exact outcome probabilities of a basis as counts of 10^12 shots."""
    program = measured_in(parse(STATE, measured=False), basis).quantum_circuit
    state = Statevector(program.remove_final_measurements(inplace=False))
    found = state.probabilities([*basis.qubits])
    width = len(basis.qubits)
    return {format(it, f"0{width}b"): round(p * 10**12) for it, p in enumerate(found) if p > 1e-12}


@pytest.mark.parametrize("observable", SUMS)
def test_rotations_and_signs_are_exact(observable: dict[str, float]) -> None:
    measured = [(basis, probabilities(basis)) for basis in bases([observable])]
    value, _ = expectation(observable, measured)
    assert value == pytest.approx(exact(observable), abs=1e-9)


def test_counts_agree_with_exact_values_and_with_qiskits_estimator() -> None:
    circuit, aer = parse(STATE, measured=False), open_backend("aer")
    assert isinstance(aer, InProcess)
    groups = bases(SUMS)
    measured = []
    for seed, basis in enumerate(groups):
        compiled = aer.compile(measured_in(circuit, basis), 1)
        measured.append((basis, aer.run(WorkItem(compiled, SHOTS, seed)).counts))
    operators = [SparsePauliOp.from_list([*it.items()]) for it in SUMS]
    theirs = StatevectorEstimator().run([(circuit.quantum_circuit, operators)]).result()[0].data.evs
    for observable, evs in zip(SUMS, theirs, strict=True):
        value, stderr = expectation(observable, measured)
        assert stderr is not None
        assert 0 < stderr < 4 / math.sqrt(SHOTS)
        assert abs(value - exact(observable)) < SIGMAS * stderr
        assert abs(value - float(evs)) < SIGMAS * stderr


def test_the_standard_error_is_the_spread_of_repeated_runs() -> None:
    """Over 200 runs the standard deviation is known to within 5 % (one sigma: 1 / sqrt(2 * 199)); four sigmas pass."""
    observable, aer = {"ZZI": 1.0, "IIZ": 0.5, "XII": 0.7}, open_backend("aer")
    assert isinstance(aer, InProcess)
    circuit, groups = parse(STATE, measured=False), bases([observable])
    programs = [(basis, aer.compile(measured_in(circuit, basis), 1)) for basis in groups]
    found = [
        expectation(observable, [(basis, aer.run(WorkItem(program, 100, seed)).counts) for basis, program in programs])
        for seed in range(200)
    ]
    spread = float(np.std([value for value, _ in found], ddof=1))
    assert spread == pytest.approx(np.mean([stderr for _, stderr in found if stderr is not None]), rel=0.2)


def test_terms_that_commute_qubit_wise_share_a_basis() -> None:
    groups = bases([{"ZZI": 1.0, "IZZ": 1.0, "ZIZ": 1.0}, {"XXX": 0.5, "IXI": 0.1}])
    assert [(it.paulis, sorted(it.terms)) for it in groups] == [
        ("ZZZ", ["IZZ", "ZIZ", "ZZI"]),
        ("XXX", ["IXI", "XXX"]),
    ]
    assert bases([{"II": 1.0}]) == ()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("IXYZ", min_size=4, max_size=4), min_size=1, max_size=12, unique=True))
def test_every_term_has_exactly_one_basis_that_measures_it(terms: list[str]) -> None:
    groups = bases([dict.fromkeys(terms, 1.0)])
    assert sorted(term for group in groups for term in group.terms) == sorted(it for it in terms if set(it) != {"I"})
    for group in groups:
        for term in group.terms:
            assert all(a in ("I", b) for a, b in zip(term, group.paulis, strict=True))


def test_final_measurements_are_replaced_and_others_refused() -> None:
    ended = parse(HEAD + "qubit[2] q; bit[2] c; h q[0]; c = measure q;")
    found = measured_in(ended, Basis("XI", ("XI",)))
    assert (found.registers, found.gates["measure"]) == ((1,), 1)
    with pytest.raises(CircuitError, match="3 letters, and the circuit has 2 qubits"):
        measured_in(ended, Basis("XII", ("XII",)))
    dynamic = parse(HEAD + "qubit[2] q; bit[2] c; c[0] = measure q[0]; if (c[0]) { x q[1]; } c[1] = measure q[1];")
    with pytest.raises(CircuitError, match="has conditional, and observables need") as refusal:
        measured_in(dynamic, Basis("ZZ", ("ZZ",)))
    assert refusal.value.code == "observable"


def test_one_shot_has_no_standard_error_and_identities_need_none() -> None:
    basis = Basis("Z", ("Z",))
    assert expectation({"Z": 1.0}, [(basis, {"1": 1})]) == (-1.0, None)
    assert expectation({"I": 2.5}, []) == (2.5, 0.0)
    value, error = expectation({"Z": 0.5, "I": 1.0}, [(basis, {"0": 3, "1": 1})])
    assert (value, error) == pytest.approx((1.25, 0.25))


def test_shares_have_the_error_of_a_proportion() -> None:
    found = {outcome: (share, error) for outcome, share, error in shares({"0": 75, "1": 25})}
    assert {outcome: share for outcome, (share, _) in found.items()} == {"0": 0.75, "1": 0.25}
    assert [error for _, error in found.values()] == pytest.approx([math.sqrt(0.75 * 0.25 / 100)] * 2)
