"""The plugin for Azure Quantum: azure-quantum, unmodified, against a stub of the service and of its storage."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qasm2
from tests.vendors.azure.stub import AzureStub

from queuebit_kernel import event_id
from queuebit_quantum import Backend, DoesNotFit, Failed, NotReachable, Outcome, WorkItem, load_stack, parse
from queuebit_quantum.vendor_faults import VendorCredentials, VendorFailed, VendorQuota
from queuebit_testing.backend_laws import collected
from queuebit_testing.stub_vendor import LostReply, Status
from queuebit_testing.vendor_failure_laws import HEAD, MANY, Reopened, counts_of, insist, item_of
from queuebit_testing.vendor_laws import VendorLaws
from queuebit_vendor_azure import TARGETS
from queuebit_vendor_azure import ionq as of_ionq
from queuebit_vendor_azure.device import _failed
from queuebit_vendor_azure.provider import Sent
from queuebit_vendor_azure.quantinuum import counted, written

SHAPES = Path(__file__).parent / "shapes"
SETTINGS = {
    "AZURE_QUANTUM_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000007",
    "AZURE_QUANTUM_WORKSPACE_RG": "lab",
    "AZURE_QUANTUM_WORKSPACE_NAME": "bench",
    "AZURE_QUANTUM_WORKSPACE_LOCATION": "eastus",
}


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureStub]:
    with AzureStub() as stub:
        for name, value in SETTINGS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AZURE_QUANTUM_ENDPOINT", f"{stub.url}/")
        monkeypatch.setenv("AZURE_QUANTUM_API_KEY", stub.secret)
        yield stub


@pytest.fixture
def reopened(vendor: AzureStub) -> Reopened:
    return load_stack("azure").backends["azure-quantinuum-h2-1e"]


@pytest.fixture
def backend(reopened: Reopened) -> Backend:
    return reopened()


class TestQuantinuum(VendorLaws):
    """Each item is a job, whose id is derived from the token."""


class TestIonQ(VendorLaws):
    """As Quantinuum's, with programs and results in IonQ's own formats."""

    @pytest.fixture
    def reopened(self, vendor: AzureStub) -> Reopened:
        return load_stack("azure").backends["azure-ionq-forte-1"]


def sent(bits: int, shots: int, *, memory: bool = False) -> Sent:
    return Sent("j", bits, (*range(bits),), (bits,), shots, memory)


def shape(name: str) -> Any:  # plain JSON
    return json.loads((SHAPES / f"{name}.json").read_text())


def kinds(document: dict[str, Any]) -> dict[str, str]:
    return {name: type(value).__name__ for name, value in document.items()}


def test_the_sdk_sends_what_microsoft_recorded(backend: Backend, vendor: AzureStub) -> None:
    backend.submit([item_of(backend)], "t1")
    (created,) = [it for it in vendor.requests if it.method == "PUT" and "/jobs/" in it.path]
    assert created.headers["x-ms-quantum-api-key"] == vendor.secret
    sent, recorded = created.json(), shape("create-job")
    assert kinds(sent) == kinds(recorded)
    for name in ("providerId", "target", "itemType", "inputDataFormat", "outputDataFormat"):
        assert sent[name] == recorded[name]
    assert sent["inputParams"] == {"shots": 100}
    (asked,) = [it for it in vendor.requests if it.path.endswith("/sasUri")]
    assert kinds(asked.json()) == kinds(shape("sas-uri")["request"])
    (stored,) = vendor.blobs.values()
    assert stored.decode().splitlines()[:2] == ["OPENQASM 2.0;", 'include "qelib1.inc";']


def test_the_sdk_sends_ionq_what_microsoft_recorded(vendor: AzureStub) -> None:
    backend = load_stack("azure").backends["azure-ionq-simulator"]()
    source = HEAD + "qreg q[3]; creg c[3]; h q[0]; cx q[0], q[1]; rz(0.5) q[1]; h q[1]; measure q -> c;"
    handle = backend.submit([item_of(backend, source)], "t1")
    (created,) = [it for it in vendor.requests if it.method == "PUT" and "/jobs/" in it.path]
    recorded = shape("create-job-ionq")
    assert created.json().keys() == recorded.keys()
    for name in ("target", "itemType", "inputDataFormat", "outputDataFormat"):
        assert created.json()[name] == recorded[name]
    assert created.json()["providerId"].lower() == recorded["providerId"]
    (stored,) = vendor.blobs.values()
    circuit, known = json.loads(stored), shape("input-ionq")
    assert circuit.keys() == known.keys()
    assert circuit["circuit"][:2] == known["circuit"][:2]
    assert kinds(vendor._result(*vendor.jobs)) == kinds(shape("result-ionq"))
    assert sum(sum(it.counts.values()) for it in collected(backend, handle) if isinstance(it, Outcome)) == 100


@pytest.mark.parametrize(
    "found", [{}, {"histogram": {}}, {"histogram": {"0": 0.5}}, {"histogram": {"x": 1}}, {"histogram": [1, 2]}]
)
def test_a_histogram_that_is_none_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(VendorFailed):
        of_ionq.counted(found, sent(1, 10), exact=False)


def test_ionq_refuses_measurements_in_the_middle(vendor: AzureStub) -> None:
    backend = load_stack("azure").backends["azure-ionq-forte-1"]()
    steps = "qubit q; bit[2] c; x q; c[0] = measure q; x q; c[1] = measure q;"
    with pytest.raises(DoesNotFit, match="mid_circuit_measurement"):
        backend.compile(parse(f'OPENQASM 3.0; include "stdgates.inc"; {steps}'), 1)


def test_the_stub_answers_as_microsoft_recorded(backend: Backend, vendor: AzureStub) -> None:
    collected(backend, backend.submit([item_of(backend)], event_id()))
    (id_,) = vendor.jobs
    assert vendor.document(id_).keys() == shape("job").keys()
    assert kinds(vendor._result(id_)) == {"c0": kinds(shape("result"))["c0"]}
    assert json.loads(vendor.refused("no").body)["error"].keys() == shape("error")["error"].keys()
    (recorded,) = shape("provider-status")["value"]
    assert vendor._provider("ionq").keys() == recorded.keys()
    assert vendor._provider("ionq")["targets"][0].keys() == recorded["targets"][0].keys()


def test_all_backends_open(vendor: AzureStub) -> None:
    stack = load_stack("azure")
    assert stack.offers == ("azure-quantinuum-h2-1e",), "a device costs money: the operator names it"
    for id_, target in TARGETS.items():
        described = stack.backends[id_]().describe()
        assert (described.id, described.remote) == (id_, True)
        assert described.vendor.lower() == target.partition(".")[0]
        assert described.kind == ("qpu" if ".qpu." in target else "emulated")


def test_a_workspace_without_the_target_is_refused_at_once(vendor: AzureStub, reopened: Reopened) -> None:
    vendor.targets.remove("quantinuum.sim.h2-1e")
    with pytest.raises(VendorCredentials, match=r"no target quantinuum\.sim\.h2-1e"):
        reopened()


@pytest.mark.parametrize("name", ["AZURE_QUANTUM_API_KEY", *SETTINGS])
def test_a_missing_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, vendor: AzureStub, reopened: Reopened, name: str
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(VendorCredentials, match=name):
        reopened()


def test_a_setting_that_is_none_is_explained(
    monkeypatch: pytest.MonkeyPatch, vendor: AzureStub, reopened: Reopened
) -> None:
    monkeypatch.setenv("AZURE_QUANTUM_SUBSCRIPTION_ID", "mine")
    with pytest.raises(VendorCredentials, match="valid GUID"):
        reopened()


def test_items_are_jobs_in_their_order(backend: Backend, vendor: AzureStub) -> None:
    backend.submit([item_of(backend, shots=it) for it in (10, 20, 30)], "t1")
    assert [it.body["inputParams"]["shots"] for it in vendor.jobs.values()] == [10, 20, 30]
    with pytest.raises(DoesNotFit, match="at most 20 items, and this one has 21"):
        backend.submit([item_of(backend)] * 21, "t2")


def test_an_incomplete_submission_is_not_found_and_is_completed(reopened: Reopened, vendor: AzureStub) -> None:
    first: Any = reopened()  # the optional method is not part of the port
    items = [item_of(first, shots=it) for it in (10, 20, 30)]
    assert first.find_incomplete("t1") is None
    vendor.cut(6)  # the second of its jobs is looked for, and the first one exists
    with pytest.raises(NotReachable):
        first.submit(items, "t1")
    vendor.heal()
    assert len(vendor.jobs) == 1
    assert reopened().find("t1") is None
    part = first.find_incomplete("t1")
    assert part is not None
    assert counts_of(reopened(), part) == [{"01": 10}, "vendor_failed", "vendor_failed"]
    handle = insist(lambda: reopened().submit(items, "t1"))
    assert len(vendor.jobs) == 3
    assert handle == first.find("t1") == first.find_incomplete("t1")
    assert counts_of(first, handle) == [{"01": 10}, {"01": 20}, {"01": 30}]


def test_a_program_that_is_stored_already_is_used(backend: Backend, vendor: AzureStub) -> None:
    vendor.fail("PUT /account/*", LostReply(taken=True))
    with pytest.raises(NotReachable):
        backend.submit([item_of(backend)], "t1")
    assert (len(vendor.blobs), len(vendor.jobs)) == (1, 0)
    assert counts_of(backend, backend.submit([item_of(backend)], "t1")) == [{"01": 100}]


def test_two_executors_at_once_make_one_job(backend: Backend, vendor: AzureStub) -> None:
    """The second does not see the job of the first, and asks for its own: Azure refuses the id."""
    backend.submit([item_of(backend)], "t1")
    vendor.fail("GET *", Status(404), 1)
    with pytest.raises(NotReachable, match="JobAlreadyExists"):
        backend.submit([item_of(backend)], "t1")
    assert len(vendor.jobs) == 1
    assert counts_of(backend, backend.submit([item_of(backend)], "t1")) == [{"01": 100}]


@pytest.mark.parametrize("where", ["GET *", "POST *", "PUT /account/*", "PUT /subscriptions/*"])
def test_the_sdk_repeats_no_request(backend: Backend, vendor: AzureStub, where: str) -> None:
    """By default it would wait for minutes, and the executor for it."""
    before = vendor.received(where)
    vendor.fail(where, Status(503), MANY)
    with pytest.raises(NotReachable):
        backend.submit([item_of(backend)], event_id())
    assert vendor.received(where) == before + 1


def test_a_job_that_has_ended_is_not_cancelled(vendor: AzureStub, backend: Backend) -> None:
    handle = backend.submit([item_of(backend)], event_id())
    collected(backend, handle)
    backend.cancel(handle)
    assert vendor.received("POST *:cancel") == 0


def test_signatures_of_addresses_are_in_no_log_and_no_error(
    backend: Backend, vendor: AzureStub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    handle = backend.submit([item_of(backend)], event_id())
    collected(backend, handle)
    shown = []
    for where in ("PUT /account/*", "GET /account/*"):
        vendor.fail(where, LostReply(taken=False), MANY)
        with pytest.raises(NotReachable) as failure:
            backend.submit([item_of(backend)], event_id()) if "PUT" in where else backend.collect(handle)
        shown.append(str(failure.value))
    shown += [f"{it.getMessage()} {it.exc_text or ''}" for it in caplog.records]
    assert [it for it in shown if vendor.signature in it] == []


def test_shots_are_kept_if_they_are_asked_for(backend: Backend) -> None:
    source = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg a[1]; creg b[1]; x q[0]; measure q[0] -> a[0];'
    item = WorkItem(backend.compile(parse(source), 1), 5, 1, memory=True)
    (outcome,) = collected(backend, backend.submit([item], event_id()))
    assert isinstance(outcome, Outcome)
    assert outcome.memory == ("0 1",) * 5


def test_measurements_and_resets_in_the_middle_run(backend: Backend) -> None:
    steps = "qubit q; bit[2] c; x q; c[0] = measure q; reset q; c[1] = measure q;"
    item = item_of(backend, f'OPENQASM 3.0; include "stdgates.inc"; {steps}')
    assert counts_of(backend, backend.submit([item], event_id())) == [{"01": 100}]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("qubit q; bit c; delay[1us] q; x q; c = measure q;", "delays"),
        (
            "qubit q; bit c; c = measure q; if (c) x q; c = measure q;",
            "condition",
        ),
    ],
)
def test_what_is_not_run_is_refused(backend: Backend, source: str, why: str) -> None:
    with pytest.raises(DoesNotFit, match=why):
        backend.compile(parse(f'OPENQASM 3.0; include "stdgates.inc"; {source}'), 1)


def test_usage_is_the_jobs_and_the_time_of_their_execution(backend: Backend) -> None:
    handle = backend.submit([item_of(backend)] * 2, event_id())
    collected(backend, handle)
    tasks, time = backend.usage(handle)
    assert (tasks.metric, tasks.quantity, tasks.unit, tasks.final) == ("tasks", "2", "task", True)
    assert (time.metric, time.quantity, time.unit, time.final) == ("qpu-time", str(2 * 3_528_889), "microsecond", True)


def test_a_quota_is_the_operators(backend: Backend, vendor: AzureStub) -> None:
    body = json.dumps({"error": {"code": "InsufficientQuota", "message": "0 HQC are left"}}).encode()
    vendor.fail(vendor.submits, Status(403, {"Content-Type": "application/json"}, body))
    with pytest.raises(VendorQuota, match="InsufficientQuota: 0 HQC are left"):
        backend.submit([item_of(backend)], event_id())


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"code": "CompilationError", "message": "as Azure says it"}, "vendor_refused"),
        ({"code": "InsufficientQuota", "message": "as Azure says it"}, "vendor_quota"),
        ({"code": "quantinuum - 1001", "message": "as Azure says it"}, "vendor_failed"),
        ({"code": "AnErrorOfTomorrow", "message": "as Azure says it"}, "vendor_failed"),
    ],
)
def test_a_failure_keeps_its_code_and_message(data: dict[str, str], kind: str) -> None:
    assert _failed(data) == Failed(kind, f"Azure Quantum: {data['code']}: as Azure says it")
    assert _failed(None).code == "vendor_failed"


@given(st.integers(1, 70), st.data())
def test_every_bit_comes_back_at_its_place(bits: int, data: st.DataObject) -> None:
    """Also with more bits than a register has, in a program whose circuit is read by Qiskit again."""
    value = data.draw(st.integers(0, 2**bits - 1))
    program = QuantumCircuit(1, bits)
    program.measure(0, bits - 1)
    registers = qasm2.loads(written(program)).cregs
    assert sum(it.size for it in registers) == bits
    found, place = {}, 0
    for it in registers:
        found[it.name] = [format(value >> place & (1 << it.size) - 1, f"0{it.size}b")] * 3
        place += it.size
    outcome = counted(found, sent(bits, 3, memory=True))
    assert outcome.counts == {format(value, f"0{bits}b"): 3}
    assert outcome.memory == (format(value, f"0{bits}b"),) * 3


@pytest.mark.parametrize("found", [{}, {"c": ["0"]}, {"c0": ["0"]}, {"c0": ["0", "2"]}, {"c0": ["0", 1]}, {"c0": "01"}])
def test_a_result_that_is_none_is_refused(found: dict[str, Any]) -> None:
    with pytest.raises(VendorFailed):
        counted(found, sent(1, 2))
