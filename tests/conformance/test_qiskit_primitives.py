"""The Qiskit adapter beside Qiskit's exact primitives: the same pubs give the same shapes, registers and distributions.

Shots are seeded. Shares are compared within five standard deviations of a binomial share, expectation values within
five of their own standard errors: a right adapter fails one of ten million such comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives import BackendSamplerV2, StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import Pauli, SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from queuebit import Credential, InvalidInput
from queuebit_contracts.program import MAX_CIRCUITS
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money
from queuebit_qiskit import (
    Batch,
    CircuitJob,
    EstimatorV2,
    JobFailure,
    JobRefused,
    PrimitiveJob,
    QueuebitService,
    SamplerV2,
)
from queuebit_qiskit.circuits import source_of
from queuebit_quantum import parse
from queuebit_quantum.ibm import EmulatedIbm
from queuebit_testing.local_platform import LocalPlatform, local_credential

SHOTS = 4_000
SIGMAS = 5


@pytest.fixture(scope="module")
def ann() -> Credential:
    return local_credential()


@pytest.fixture(scope="module")
def platform() -> LocalPlatform:
    return LocalPlatform()


@pytest.fixture(scope="module")
def service(ann: Credential, platform: LocalPlatform) -> Iterator[QueuebitService]:
    with QueuebitService(ann, transport=platform) as service:
        yield service


@pytest.fixture(scope="module")
def device(ann: Credential) -> Iterator[QueuebitService]:
    with QueuebitService(ann, transport=LocalPlatform(EmulatedIbm("manila", "FakeManilaV2"))) as service:
        yield service


def sampler(service: QueuebitService) -> SamplerV2:
    return SamplerV2(service.backend("aer"), {"default_shots": SHOTS, "seed": 7})


def estimator(service: QueuebitService) -> EstimatorV2:
    return EstimatorV2(service.backend("aer"), {"seed": 7})


def asymmetric() -> QuantumCircuit:
    """Three qubits with different outcomes in two registers whose bits are crossed."""
    theta, phi = Parameter("θ"), Parameter("φ angle")
    circuit = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "alpha"), ClassicalRegister(9, "beta"))
    circuit.ry(theta, 0)
    circuit.cx(0, 2)
    circuit.u(phi, 0.3, theta / 2, 1)
    circuit.x(2)
    circuit.measure([0, 1, 2], [1, 0, 10])
    return circuit


def random_circuit(seed: int) -> QuantumCircuit:
    random = np.random.default_rng(seed)
    angles = ParameterVector("t", 4)
    circuit = QuantumCircuit(3)
    for angle in angles:
        first, second = random.permutation(3)[:2].tolist()
        getattr(circuit, random.choice(["rx", "ry", "rz"]))(angle + float(random.uniform()), first)
        circuit.u(*random.uniform(0, 3, 3).tolist(), second)
        getattr(circuit, random.choice(["cx", "cz", "swap", "iswap"]))(first, second)
    return circuit


def assert_same_shares(ours: Any, exact: Any, shots: int) -> None:
    """Compare bit arrays, of which the exact one has many shots too."""
    assert (ours.shape, ours.num_bits) == (exact.shape, exact.num_bits)
    for place in np.ndindex(ours.shape):
        counts, wanted = ours.get_int_counts(place), exact.get_int_counts(place)
        total = exact.num_shots
        for outcome in counts.keys() | wanted.keys():
            share = wanted.get(outcome, 0) / total
            spread = math.sqrt(max(share * (1 - share), 1 / shots) * (1 / shots + 1 / total))
            assert abs(counts.get(outcome, 0) / shots - share) <= SIGMAS * spread


@pytest.mark.parametrize("shape", [(), (3,), (2, 1, 2)])
def test_samples_have_the_registers_shapes_and_joint_distribution(
    service: QueuebitService, shape: tuple[int, ...]
) -> None:
    values = np.random.default_rng(1).uniform(0, 3, (*shape, 2))
    pub = (asymmetric(), values)
    (ours,) = sampler(service).run([pub]).result()
    (exact,) = StatevectorSampler(seed=1).run([pub], shots=40_000).result()
    assert [*ours.data] == ["alpha", "beta"]
    assert ours.data.shape == shape
    assert_same_shares(ours.join_data(), exact.join_data(), SHOTS)
    assert_same_shares(ours.data.beta, exact.data.beta, SHOTS)
    assert ours.metadata["shot_order"] == "not recorded"


def test_one_call_is_one_job_with_the_shots_of_each_pub(service: QueuebitService, platform: LocalPlatform) -> None:
    bell = QuantumCircuit(2, name="bell", metadata={"why": "test"})
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    before = len(platform.submissions)
    job = sampler(service).run([(bell, None, 100), bell, (asymmetric(), np.zeros((2, 2)), 9)], shots=50)
    result = job.result()
    assert len(platform.submissions) == before + 1
    assert [result[0].data.meas.num_shots, result[1].data.meas.num_shots, result[2].data.alpha.num_shots] == [
        100,
        50,
        9,
    ]
    assert result[0].metadata["circuit_metadata"] == {"why": "test"}
    assert (platform.submissions[-1].data.label, platform.submissions[-1].data.shots) == ("bell", 100)


def test_a_context_tags_its_jobs_and_takes_none_after_its_end(
    service: QueuebitService, platform: LocalPlatform
) -> None:
    with Batch(service.backend("aer")) as batch:
        inside = SamplerV2(options={"tags": ["mine"]})
        inside.run([(asymmetric(), [0, 0])])
    assert platform.submissions[-1].data.tags == ("mine", batch.session_id)
    with pytest.raises(InvalidInput, match=f"{batch.session_id} is closed: open a new Batch"):
        inside.run([(asymmetric(), [0, 0])])
    sampler(service).run([(asymmetric(), [0, 0])])
    assert platform.submissions[-1].data.tags is None


@pytest.mark.parametrize(
    ("values", "observables"),
    [
        ((), "ZZI"),
        ((2,), [["XYZ"], [{"ZII": 0.5, "IXI": -2.0, "III": 3.0}], ["III"]]),
        ((3, 1), ["IZY", SparsePauliOp(["XXI", "ZZZ"], [1, 0.25]), Pauli("-IIZ"), "IYX"]),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_estimates_broadcast_and_agree_within_their_errors(
    service: QueuebitService, seed: int, values: tuple[int, ...], observables: Any
) -> None:
    pub = (random_circuit(seed), observables, np.random.default_rng(seed).uniform(0, 3, (*values, 4)))
    (ours,) = estimator(service).run([pub], precision=0.02).result()
    (exact,) = StatevectorEstimator().run([pub]).result()
    assert ours.data.evs.shape == exact.data.evs.shape == ours.data.stds.shape
    assert np.all(np.abs(ours.data.evs - exact.data.evs) <= SIGMAS * ours.data.stds + 1e-9)
    assert np.all(ours.data.stds <= 0.02 * 3)
    assert ours.metadata["shots"] == 2_500


def test_a_circuit_with_more_parameters_than_an_item_has_is_sent_with_their_values(
    service: QueuebitService, platform: LocalPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_qiskit.circuits.MOST_INPUTS", 1)
    values = [[0.0, np.pi], [np.pi, np.pi], [0.0, np.pi]]
    (sampled,) = sampler(service).run([(asymmetric(), values)]).result()
    assert platform.submissions[-1].data.circuit.inline is not None
    assert "input float" not in platform.submissions[-1].data.circuit.inline
    (exact,) = StatevectorSampler(seed=1).run([(asymmetric(), values)], shots=40_000).result()
    assert_same_shares(sampled.join_data(), exact.join_data(), SHOTS)
    pub = (random_circuit(1), [["ZZI"], ["III"]], np.arange(8).reshape(2, 4))
    (ours,), (wanted,) = estimator(service).run([pub]).result(), StatevectorEstimator().run([pub]).result()
    assert np.all(np.abs(ours.data.evs - wanted.data.evs) <= SIGMAS * ours.data.stds + 1e-9)


def test_projectors_are_observables(service: QueuebitService) -> None:
    """Qiskit's exact estimator does not take them, its observables do."""
    circuit = QuantumCircuit(3)
    circuit.x(0)
    circuit.h(1)
    (ours,) = estimator(service).run([(circuit, ["0+1", "1+1", {"0-1": 2, "III": 1}])]).result()
    assert ours.data.evs.tolist() == pytest.approx([1, 0, 1])


def test_an_isa_circuit_keeps_its_qubits_and_its_observables(service: QueuebitService) -> None:
    circuit, values = random_circuit(3), np.random.default_rng(3).uniform(0, 3, (2, 4))
    isa = generate_preset_pass_manager(1, FakeManilaV2(), initial_layout=[4, 2, 3], seed_transpiler=1).run(circuit)
    observables = [SparsePauliOp(["ZIX", "YZI", "IIZ"], [1, 0.5, 2]), SparsePauliOp("III", [4])]
    mapped = [it.apply_layout(isa.layout) for it in observables]
    (ours,) = estimator(service).run([(isa, [[it] for it in mapped], values)], precision=0.02).result()
    (exact,) = StatevectorEstimator().run([(circuit, [[it] for it in observables], values)]).result()
    assert np.all(np.abs(ours.data.evs - exact.data.evs) <= SIGMAS * ours.data.stds + 1e-9)
    idle = SparsePauliOp(["ZIIII", "IIIIX", "IIIIZ"], [1, 5, 0.25])
    alone = QuantumCircuit(5)
    alone.x(4)
    (ours,) = estimator(service).run([(generate_preset_pass_manager(0, FakeManilaV2()).run(alone), idle)]).result()
    assert ours.data.evs == pytest.approx(-1 + 0.25), "X of an idle qubit is 0, and Z is 1"


def test_a_new_process_finds_a_job_by_its_id(
    ann: Credential, service: QueuebitService, platform: LocalPlatform
) -> None:
    values = np.random.default_rng(5).uniform(0, 3, (2, 3, 2))
    sampled = sampler(service).run([(asymmetric(), values)])
    estimated = estimator(service).run([(random_circuit(1), [["ZZI"], ["III"]], np.zeros((5, 4)))])
    with QueuebitService(ann, transport=platform) as other:
        again = other.job(sampled.job_id())
        assert isinstance(again, PrimitiveJob)
        assert again.done()
        ours, theirs = sampled.result()[0], again.result()[0]
        assert ours.data.alpha == theirs.data.alpha
        assert ours.data.beta == theirs.data.beta
        found = other.job(estimated.job_id()).result()[0]
        assert np.array_equal(found.data.evs, estimated.result()[0].data.evs)
        assert found.metadata == estimated.result()[0].metadata


def test_circuits_that_run_one_by_one_have_qiskits_result(service: QueuebitService) -> None:
    backend, circuit = service.backend("aer"), asymmetric().assign_parameters([0.0, math.pi])
    job = backend.run([circuit, circuit], shots=20, memory=True, seed_simulator=3)
    result = job.result()
    assert result.get_counts(0) == {"100000000 01": 20}
    assert result.get_memory(1) == ["100000000 01"] * 20
    assert (result.success, result.job_id) == (True, job.job_id())
    assert isinstance(service.job(job.job_id()), CircuitJob)
    (generic,) = BackendSamplerV2(backend=backend).run([circuit], shots=20).result()
    assert generic.data.alpha.get_counts() == {"01": 20}


def test_a_refused_job_has_every_reason_as_an_error_of_either_kind(ann: Credential) -> None:
    reasons = [Reason(code="bad_shots", text="too many shots"), Reason(code="no_money", text="too little money")]
    with QueuebitService(ann, transport=LocalPlatform(refuse=reasons)) as service:
        job = sampler(service).run([(asymmetric(), [0, 0])])
        with pytest.raises(JobRefused) as refused:
            job.result()
        assert [it.code for it in refused.value.reasons] == ["bad_shots", "no_money"]
        assert str(refused.value) == f"job {job.job_id()} was rejected: too many shots; too little money"
        assert job.error_message() == "too many shots; too little money"
        assert (job.done(), job.in_final_state(), job.status().name) == (False, True, "ERROR")
        assert job.charge() == Money.zero()


def test_a_run_without_a_result_is_named_and_the_others_are_kept(service: QueuebitService) -> None:
    theta = Parameter("t")
    circuit = QuantumCircuit(1)
    circuit.rx(1 / theta, 0)
    circuit.measure_all()
    job = sampler(service).run([(circuit, [[1.0], [0.0]])])
    with pytest.raises(JobFailure, match="1 of 2 runs have no result; the first is run 1: "):
        job.result()
    assert [it.state for it in job.items()] == ["completed", "failed"]


def test_the_target_is_that_of_the_device(device: QueuebitService) -> None:
    backend, wanted = device.backend("manila"), FakeManilaV2().target
    for name in ("sx", "cx", "measure", "rz", "x", "id", "reset"):
        for qubits, properties in wanted[name].items():
            assert backend.target[name][qubits].error == (properties.error or None)
            assert backend.target[name][qubits].duration == properties.duration
    assert backend.target["cx"].keys() == wanted["cx"].keys(), "both directions"
    assert (backend.num_qubits, backend.dt) == (5, wanted.dt)
    assert backend.qubit_properties(3).t1 == wanted.qubit_properties[3].t1
    assert {"delay", "if_else"} <= {*backend.operation_names}
    assert backend.calibration == EmulatedIbm("manila", "FakeManilaV2").calibrate().digest
    assert backend.max_circuits == MAX_CIRCUITS
    backend.refresh()
    assert backend.target["cx"].keys() == wanted["cx"].keys()


def test_a_circuit_that_is_compiled_for_the_target_runs_on_these_qubits(device: QueuebitService) -> None:
    backend = device.backend("manila")
    ghz = QuantumCircuit(3)
    ghz.h(0)
    ghz.cx(0, 1)
    ghz.cx(1, 2)
    ghz.measure_all()
    isa = generate_preset_pass_manager(2, backend, initial_layout=[2, 3, 4], seed_transpiler=1).run(ghz)
    job = SamplerV2(backend).run([isa], shots=1000)
    counts = job.result()[0].data.meas.get_counts()
    assert counts["000"] + counts["111"] > 800, "readout errors of 3 % a qubit leave nine of ten"
    assert job.calibration == backend.calibration
    (item,) = job.items()
    assert item.state == "completed"


def folded() -> QuantumCircuit:
    """The identity, from gates that a compiler would remove."""
    circuit = QuantumCircuit(2)
    for _ in range(5):
        circuit.h(0)
        circuit.cx(0, 1)
        circuit.cx(0, 1)
        circuit.h(0)
    return circuit


def test_a_circuit_that_is_not_compiled_runs_gate_by_gate_on_its_qubits(device: QueuebitService) -> None:
    backend, emulated = device.backend("manila"), EmulatedIbm("manila", "FakeManilaV2")
    isa = generate_preset_pass_manager(0, backend, initial_layout=[4, 3], seed_transpiler=1).run(folded())
    isa.measure_active()
    kept, compiled = (
        emulated.compile(parse(source_of(isa, measured=True, native=native).text), 1)
        for native in (backend.native("none"), backend.native("auto"))
    )
    gates = {it.gate: sum(other.times for other in kept.operations if other.gate == it.gate) for it in kept.operations}
    assert gates == {name: count for name, count in isa.count_ops().items() if name != "barrier"}
    assert {4, 3} <= {*kept.physical_qubits}
    assert compiled.two_qubit_gates == 0


def test_folded_gates_are_noisier_only_where_they_are_kept(device: QueuebitService) -> None:
    backend = device.backend("manila")
    isa = generate_preset_pass_manager(0, backend, seed_transpiler=1).run(folded())
    observable = SparsePauliOp("ZZ").apply_layout(isa.layout)
    kept, compiled = (
        float(EstimatorV2(backend, {"compile": mode, "seed": 1}).run([(isa, observable)]).result()[0].data.evs)
        for mode in ("none", "auto")
    )
    assert kept < compiled - 0.05, (
        "ten couplings with an error of about 1 % cost about 0.1, with a standard error of 0.01"
    )
    with pytest.raises(InvalidInput, match="needs a circuit for the qubits of its backend"):
        EstimatorV2(backend, {"compile": "none"}).run([(folded(), "ZZ")])
    with pytest.raises(InvalidInput, match="give 'auto' or 'none'"):
        EstimatorV2(backend, {"compile": "no"}).run([(isa, observable)])
    isa.h(0)
    with pytest.raises(InvalidInput, match="the backend has no `h` on qubit 0: transpile"):
        SamplerV2(backend, {"compile": "none"}).run([isa.measure_all(inplace=False)])


def test_conditions_are_kept_too(service: QueuebitService, device: QueuebitService) -> None:
    circuit = QuantumCircuit(1, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.x(0)
    circuit.measure(0, 1)
    backend = device.backend("manila")
    isa = generate_preset_pass_manager(0, backend, initial_layout=[2]).run(circuit)
    counts = backend.run(isa, shots=200, compile="none", rep_delay=None, job_tags=["two words"]).result().get_counts()
    assert counts.get("10", 0) > 150
    assert (backend.configuration().num_qubits, backend.configuration().simulator) == (5, False)
    with pytest.raises(InvalidInput, match="is an ideal simulator"):
        service.backend("aer").run(isa, compile="none")


def test_a_quote_says_price_and_quality_and_submits_nothing(service: QueuebitService, platform: LocalPlatform) -> None:
    fits = {"backend": "aer", "fits": True, "cost": "0.10", "currency": "USD", "qpu_us": 1_500_000, "esp_ppm": 970_000}
    platform.answers["plan"] = [{"backend": "other", "fits": False, "reason": "no"}, fits]
    before = len(platform.submissions)
    quote = sampler(service).estimate([(asymmetric(), [0, 0])])
    assert (quote.cost, quote.esp, quote.qpu_s) == (Money.of("0.10", "USD"), 0.97, 1.5)
    platform.answers["plan"] = [{"backend": "aer", "fits": False, "reason": "needs 99 qubits"}]
    refused = estimator(service).estimate([(random_circuit(1), "ZZZ", [0, 0, 0, 0])])
    assert (refused.fits, refused.reason) == (False, "needs 99 qubits")
    assert len(platform.submissions) == before
