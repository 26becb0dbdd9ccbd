"""Qiskit Runtime's local mode as an engine, compared with the emulated devices and with `EstimatorV2`."""

from __future__ import annotations

import math
import warnings

import pytest
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager
from qiskit_ibm_runtime import EstimatorV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from queuebit_kernel import event_id
from queuebit_quantum import (
    Backend,
    Outcome,
    WorkItem,
    bases,
    expectation,
    ideal_distribution,
    measured_in,
    parse,
    total_variation,
)
from queuebit_quantum.ibm import EmulatedIbm
from queuebit_testing.backend_laws import BackendLaws, collected
from queuebit_vendor_ibm import local
from queuebit_vendor_ibm.local import LocalRuntime

_HEAD = 'OPENQASM 2.0; include "qelib1.inc"; '
_STEPS = "h q[0]; cx q[0], q[1]; ry(0.7) q[1]; cx q[1], q[2]; rx(1.1) q[2]; cx q[2], q[3]; h q[3]; cx q[3], q[2]; "
_MIXED = _HEAD + "qreg q[4]; creg c[4]; " + _STEPS * 3 + "measure q -> c;"
_SHOTS = 20_000


@pytest.fixture(scope="module")
def manila() -> LocalRuntime:
    return LocalRuntime("fake-manila", "FakeManilaV2")


class TestLocalRuntime(BackendLaws):
    """A snapshot of five qubits."""

    @pytest.fixture
    def backend(self, manila: LocalRuntime) -> Backend:
        return manila


def _counts(backend: Backend, source: str, seed: int, shots: int = _SHOTS, *, memory: bool = False) -> Outcome:
    item = WorkItem(backend.compile(parse(source), 1), shots, seed, memory=memory)
    (outcome,) = collected(backend, backend.submit([item], event_id()))
    assert isinstance(outcome, Outcome)
    return outcome


def test_two_snapshots_are_offered() -> None:
    assert local.offers == ("fake-manila", "fake-torino")


def test_the_noise_is_that_of_the_emulated_device(manila: LocalRuntime) -> None:
    """Both from one calibration, by two programs. The bound on two samples is that of McDiarmid, one case in a million:
    the mean of the total variation is at most sqrt(cells / (2 n)), and it exceeds the mean by t with exp(-n t²)."""
    ours = _counts(EmulatedIbm("emulated-ibm-manila", "FakeManilaV2"), _MIXED, 1).counts
    theirs = _counts(manila, _MIXED, 2).counts
    bound = math.sqrt(16 / (2 * _SHOTS)) + math.sqrt(math.log(1e6) / _SHOTS)
    assert total_variation(ours, theirs) < bound
    assert total_variation(theirs, ideal_distribution(parse(_MIXED))) > 1.5 * bound, "the device has noise"


def test_a_seed_gives_the_same_counts(manila: LocalRuntime) -> None:
    first, again, other = (_counts(manila, _MIXED, seed, 500) for seed in (3, 3, 4))
    assert first.counts == again.counts
    assert first.counts != other.counts
    assert _counts(manila, _MIXED, 0, 500).counts == _counts(manila, _MIXED, 0, 500).counts


def test_each_shot_is_returned_where_it_is_wanted(manila: LocalRuntime) -> None:
    outcome = _counts(manila, _MIXED, 5, 200, memory=True)
    assert outcome.memory is not None
    assert {it: outcome.memory.count(it) for it in outcome.counts} == outcome.counts


def test_a_condition_on_a_measured_bit_runs(manila: LocalRuntime) -> None:
    source = _HEAD + "qreg q[2]; creg a[1]; creg b[1]; x q[0]; measure q[0] -> a[0]; if (a == 1) x q[1]; "
    outcome = _counts(manila, source + "measure q[1] -> b[0];", 1, 1_000)
    assert outcome.counts["1 1"] > 800


def test_expectation_values_agree_with_estimator_v2(manila: LocalRuntime) -> None:
    """Ours follow from counts in bases; IBM's come from `EstimatorV2` in local mode. Both have a standard error of at
    most 0.01, and the noise of the chosen qubits differs by less than 0.05."""
    source = _HEAD + "qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; ry(0.4) q[1]; measure q -> c;"
    circuit = parse(source)
    for terms in ({"ZZ": 1.0}, {"XX": 0.5, "ZI": 0.25}):
        measured = [(basis, _outcome_in(manila, measured_in(circuit, basis)).counts) for basis in bases([terms])]
        value, _ = expectation(terms, measured)
        assert abs(value - _estimated(circuit.quantum_circuit, terms)) < 0.05 + 4 * 0.015


def _outcome_in(backend: Backend, circuit: object) -> Outcome:
    item = WorkItem(backend.compile(circuit, 1), 10_000, 1)  # type: ignore[arg-type]
    (outcome,) = collected(backend, backend.submit([item], event_id()))
    assert isinstance(outcome, Outcome)
    return outcome


def _estimated(circuit: object, terms: dict[str, float]) -> float:
    from qiskit.quantum_info import SparsePauliOp

    device = FakeManilaV2()
    bare = circuit.remove_final_measurements(inplace=False)  # type: ignore[attr-defined]
    compiled = generate_preset_pass_manager(2, target=device.target, seed_transpiler=1).run(bare)
    observable = SparsePauliOp.from_list(list(terms.items())).apply_layout(compiled.layout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = EstimatorV2(mode=device, options={"simulator": {"seed_simulator": 7}})
        (result,) = estimator.run([(compiled, observable)], precision=0.01).result()
    return float(result.data.evs)
