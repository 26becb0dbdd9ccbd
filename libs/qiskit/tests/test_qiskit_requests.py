"""What is refused before anything is sent, and what a call becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3
from qiskit.circuit import Clbit, Gate
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import UnitaryGate, real_amplitudes
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import JobError
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.quantum_info import Operator, SparseObservable

from queuebit import Estimate, InvalidInput, Item, ItemResult, NotFound, PostResult, Refused
from queuebit.errors import Reason
from queuebit_qiskit import EstimatorOptions, EstimatorV2, JobRefused, QueuebitService, SamplerOptions, SamplerV2
from queuebit_qiskit.circuits import source_of, sources_of, terms_of
from queuebit_qiskit.errors import as_qiskit_errors
from queuebit_qiskit.estimation import estimator_items, estimator_result, shots_for
from queuebit_qiskit.notes import metadata_of, notes_in
from queuebit_qiskit.options import options_of
from queuebit_qiskit.results import circuit_items
from queuebit_qiskit.sampling import sampler_items
from queuebit_qiskit.submitting import Request
from queuebit_testing.local_platform import LocalPlatform, local_credential


def shared_bits() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.add_register(ClassicalRegister(bits=circuit.clbits, name="alias"))
    circuit.measure(0, 0)
    return circuit


def bits_outside() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.add_bits([Clbit()])
    circuit.measure(0, 1)
    return circuit


def with_an_input() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1, inputs=[expr.Var.new("a", types.Bool())])
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "text"),
    [
        (shared_bits, "share bits: give each bit to one register"),
        (bits_outside, "outside of its registers"),
        (with_an_input, r"input variables \(a\): use Parameter"),
        (lambda: QuantumCircuit(1, 1), "measures nothing"),
        (lambda: QuantumCircuit(QuantumRegister(1), ClassicalRegister(0, "none")), r"size 0 \(none\): leave"),
    ],
)
def test_results_that_could_not_be_read_are_refused(circuit: Callable[[], QuantumCircuit], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        source_of(circuit(), measured=True)


def test_loose_bits_are_one_register_and_names_are_those_of_the_text() -> None:
    loose = QuantumCircuit([Clbit(), Clbit()])
    loose.add_register(QuantumCircuit(1).qregs[0])
    loose.measure(0, [0])
    assert source_of(loose, measured=True).registers == (("c", 2),)
    ansatz = real_amplitudes(2, reps=1)
    assert source_of(ansatz, measured=False).inputs == ("_θ_0_", "_θ_1_", "_θ_2_", "_θ_3_")


def test_a_unitary_is_written_as_gates() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(UnitaryGate([[0, 1], [1, 0]]), [0])
    assert source_of(circuit, measured=False).qubits == (0,)


@pytest.mark.parametrize("name", ["shape", "items", "_data"])
def test_a_register_that_a_result_cannot_hold_is_refused_before_it_costs(name: str) -> None:
    circuit = QuantumCircuit(QuantumRegister(1), ClassicalRegister(1, name))
    circuit.measure(0, 0)
    with pytest.raises(InvalidInput, match=f"named '{name}': rename it"):
        sampler_items([SamplerPub.coerce(circuit, 1)])
    assert circuit_items([circuit], 1)[1][0]["registers"] == [[name, 1]], "results of `backend.run` can"


def test_libraries_find_the_defaults_where_qiskits_own_primitives_have_them() -> None:
    with QueuebitService(local_credential(), transport=LocalPlatform()) as service:
        backend = service.backend("aer")
        assert EstimatorV2(backend, {"default_precision": 0.1}).default_precision == 0.1
        assert SamplerV2(backend, {"default_shots": 7}).default_shots == 7


def test_shots_and_precisions_of_numpy_are_plain_in_the_notes() -> None:
    circuit = QuantumCircuit(1)
    _, estimated = estimator_items([EstimatorPub.coerce((circuit, "Z", None, np.float32(0.5)))])
    circuit.measure_all()
    _, sampled = sampler_items([SamplerPub.coerce((circuit, None, np.int64(5)))])
    _, ran = circuit_items([circuit], np.int64(5))
    assert json.dumps([it[0]["shots"] for it in (estimated, sampled, ran)]) == "[4, 5, 5]"
    assert json.dumps(estimated[0]["precision"]) == "0.5"
    with pytest.raises(InvalidInput, match="shots must be a whole number from 1 to"):
        circuit_items([circuit], 0)


@pytest.mark.parametrize("precision", [0, -1.0, 1e-200, float("nan"), float("inf")])
def test_a_precision_that_no_number_of_shots_reaches_is_refused(precision: float) -> None:
    with pytest.raises(InvalidInput, match="give a number from 1e-07"):
        shots_for(precision)
    assert shots_for(1 / 64) == 4_096


@pytest.mark.parametrize(
    ("kind", "text"), [("sampler", "one pub"), ("estimator", "observable besides I"), ("circuits", "one circuit")]
)
def test_a_call_without_a_run_is_refused(kind: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=f"nothing is to be run: .*{text}"):
        Request(kind, [], []).program()


def test_items_carry_their_shots_where_they_differ() -> None:
    request = Request("sampler", [Item("a", shots=5), Item("b", shots=7)], [{"shape": []}])
    assert request.shots == 7
    assert [it.shots for it in request.program().items if isinstance(it, Item)] == [5, None]


def test_a_circuit_that_is_given_twice_is_exported_once() -> None:
    circuit, other = real_amplitudes(2, reps=1), real_amplitudes(2, reps=1)
    first, second, third = sources_of([circuit, other, circuit], measured=False)
    assert first.text is third.text
    assert first.text is not second.text


def test_terms_on_one_place_are_added() -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    observable = SparseObservable.from_list([("0I", 2.0), ("ZI", 1.0), ("IX", 0.5)])
    assert terms_of(observable, source_of(circuit, measured=False)) == {"II": 1.0, "ZI": 2.0, "IX": 0.5}


def test_unknown_options_are_never_ignored() -> None:
    assert options_of(SamplerOptions, {"default_shots": 7}).default_shots == 7
    given = EstimatorOptions(seed=1)
    assert options_of(EstimatorOptions, given) is given
    with pytest.raises(TypeError, match="EstimatorOptions has no resilience: the options are max_cost, min_fidelity, "):
        options_of(EstimatorOptions, {"resilience": {"pec_mitigation": True}})
    with pytest.raises(AttributeError):
        given.resilience = 2  # type: ignore[attr-defined]  # as a script would
    with pytest.raises(TypeError, match="sequence"):
        options_of(SamplerOptions, {"dynamical_decoupling": {"sequence": "XY4"}})
    with pytest.raises(ValueError, match="resilience_level is 3: choose 0, 1 or 2"):
        EstimatorOptions(resilience_level=3).processing()  # type: ignore[arg-type]  # as above


def test_options_of_ibms_primitives_become_those_of_the_program() -> None:
    assert SamplerOptions().processing() == EstimatorOptions().processing() == {"compilation": {}, "post": []}
    given = {
        "optimization_level": 3,
        "dynamical_decoupling": {"enable": True, "sequence_type": "XY4"},
        "twirling": {"enable_gates": True, "num_randomizations": 4},
        "resilience_level": 2,
    }
    asked = Request("estimator", [Item("a", shots=5)], []).arguments(options_of(EstimatorOptions, given))
    assert asked["compilation"] == {"optimization_level": 3, "dynamical_decoupling": "xy4", "twirling": 4}
    assert asked["post"] == ["readout-mitigation/1", "zne/1"]


def test_the_values_of_an_estimator_are_those_of_the_last_step() -> None:
    measured, corrected = Estimate(0.5, 0.1, "Z"), Estimate(0.9, 0.2, "Z")
    pub = EstimatorPub.coerce((QuantumCircuit(1), "Z"), 0.1)
    _, (note,) = estimator_items([pub])
    item = ItemResult(0, "completed", expectations=(measured,))
    found = estimator_result(note, iter([replace(item, post=(PostResult("zne/1", expectations=(corrected,)),))]))
    assert (float(found.data.evs), float(found.data.stds)) == (0.9, 0.2)
    assert float(estimator_result(note, iter([item])).data.evs) == 0.5
    failed = PostResult("readout-mitigation/1", reason=Reason("readout_error", "its readings say nothing"))
    with pytest.raises(RuntimeError, match="its readings say nothing; `job"):
        estimator_result(note, iter([replace(item, post=(failed,))]))


def test_a_primitive_needs_a_backend() -> None:
    with pytest.raises(InvalidInput, match=r"pass service.backend\('aer'\)"):
        SamplerV2()


@pytest.mark.parametrize(
    ("annotations", "text"),
    [
        ({}, r"not submitted from Qiskit: read it with queuebit.Client\(\)"),
        ({"qiskit": {"version": 99}}, "newer version of queuebit-qiskit: upgrade"),
    ],
)
def test_jobs_of_others_are_named(annotations: dict[str, Any], text: str) -> None:
    with pytest.raises(NotFound, match=text):
        notes_in("j1", annotations)


def test_metadata_is_kept_where_it_is_plain() -> None:
    assert metadata_of(QuantumCircuit(1, metadata={"a": [1, "x"]})) == {"a": [1, "x"]}
    assert metadata_of(QuantumCircuit(1, metadata={"a": object()})) == {}


def test_a_refusal_is_an_error_of_qiskit_too() -> None:
    with pytest.raises(JobError) as error, as_qiskit_errors():
        raise Refused([Reason("a", "one"), Reason("b", "two")])
    assert isinstance(error.value, JobRefused)
    assert str(error.value) == "one; two"


def test_the_tags_of_ibms_options_are_the_label_of_the_job() -> None:
    platform = LocalPlatform()
    circuit = QuantumCircuit(1, 1, name="measured")
    circuit.measure(0, 0)
    with QueuebitService(local_credential(), transport=platform) as service:
        sampler = SamplerV2(service.backend("aer"))
        sampler.run([circuit]).result()
        sampler.options.environment.job_tags = ["TUT-GA", "first"]
        sampler.options.workload_class = "batch"
        sampler.run([circuit]).result()
    assert [it.data.label for it in platform.submissions] == ["measured", "TUT-GA, first"]
    assert [it.data.workload_class for it in platform.submissions] == [None, "batch"]
    with pytest.raises(AttributeError):
        sampler.options.environment.log_level = "INFO"  # type: ignore[attr-defined]  # as a script would
    with pytest.raises(TypeError, match="log_level"):
        options_of(SamplerOptions, {"environment": {"log_level": "INFO"}})


def test_a_service_has_no_backend_that_is_not_operational() -> None:
    service = QueuebitService(local_credential(), transport=LocalPlatform())
    assert service.backends(operational=False) == []
    with pytest.raises(QiskitBackendNotFoundError, match="lists backends"):
        service.least_busy(operational=False, simulator=False)


def test_an_instruction_inside_a_gate_is_written_as_its_gates() -> None:
    inner = QuantumCircuit(2)
    inner.rz(0.3, 0)
    inner.cx(0, 1)
    outer = QuantumCircuit(2)
    outer.h(0)
    outer.append(inner.to_instruction(), [1, 0])
    gate = Gate("outer", 2, [])
    gate.definition = outer
    circuit = QuantumCircuit(2)
    circuit.append(gate, [0, 1])
    circuit.append(gate, [1, 0])
    assert Operator(qasm3.loads(source_of(circuit, measured=False).text)).equiv(Operator(circuit))
