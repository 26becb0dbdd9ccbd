"""What is particular to IBM Quantum: sign-in, quota, retries of the SDK, calibrations, registers."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from tests.vendors.ibm.stub import DEVICE, IbmStub, shape

from queuebit_kernel import event_id
from queuebit_quantum import Backend, Failed, NotReachable, Outcome, WorkItem, parse
from queuebit_quantum.vendor_faults import VendorCredentials, VendorFailed, VendorQuota
from queuebit_testing.backend_laws import collected
from queuebit_testing.stub_vendor import LostReply, Status
from queuebit_vendor_ibm import quantum
from queuebit_vendor_ibm.device import IbmDevice
from queuebit_vendor_ibm.faults import job_failure_code

_HEAD2 = 'OPENQASM 2.0; include "qelib1.inc"; '
_HEAD3 = 'OPENQASM 3.0; include "stdgates.inc"; '
_ONE = _HEAD2 + "qreg q[2]; creg c[2]; x q[0]; measure q -> c;"
_FOLLOWED = {
    "a condition on a register": (
        _HEAD2 + "qreg q[2]; creg a[1]; creg b[1]; x q[0]; measure q[0] -> a[0]; if (a == 1) x q[1]; "
        "measure q[1] -> b[0];",
        {"1 1": 50},
    ),
    "a condition on a bit": (
        _HEAD3 + "qubit[2] q; bit[2] c; x q[0]; c[0] = measure q[0]; if (c[0]) { x q[1]; } c[1] = measure q[1];",
        {"11": 50},
    ),
    "a bit that is no result": (
        _HEAD3 + "qubit[2] q; bit c; x q[0]; { bit t; t = measure q[0]; if (t) { x q[1]; } } c = measure q[1];",
        {"1": 50},
    ),
    "a reset": (_HEAD3 + "qubit q; bit[2] c; x q; c[0] = measure q; reset q; c[1] = measure q;", {"01": 50}),
    "names that Python and the SDK keep for themselves": (
        _HEAD3 + "qubit[2] q; bit shape; bit lambda_; x q[1]; shape = measure q[0]; lambda_ = measure q[1];",
        {"1 0": 50},
    ),
}


def _item(backend: Backend, source: str = _ONE, shots: int = 50, *, memory: bool = False) -> WorkItem:
    return WorkItem(backend.compile(parse(source), 1), shots, 1, memory=memory)


def test_the_ids_of_devices_are_known_without_the_sdk() -> None:
    assert "ibm-fez" in quantum.backends
    assert quantum.offers == ("ibm-fez",)


@pytest.mark.parametrize("case", _FOLLOWED)
def test_programs_with_registers_and_conditions_run(backend: IbmDevice, case: str) -> None:
    source, expected = _FOLLOWED[case]
    (outcome,) = collected(backend, backend.submit([_item(backend, source)], event_id()))
    assert isinstance(outcome, Outcome)
    assert outcome.counts == expected
    assert outcome.memory is None


def test_each_shot_is_returned_where_it_is_wanted(backend: IbmDevice, reopened: Callable[[], IbmDevice]) -> None:
    """Another process knows only the id of the job."""
    source = _HEAD2 + "qreg q[2]; creg a[1]; creg b[1]; h q[0]; x q[1]; measure q[0] -> a[0]; measure q[1] -> b[0];"
    handle = backend.submit([_item(backend, source, memory=True), _item(backend, source)], event_id())
    collected(backend, handle)
    with_shots, without = reopened().collect(handle)
    assert isinstance(with_shots, Outcome)
    assert isinstance(without, Outcome)
    assert with_shots.memory is not None
    assert without.memory is None
    assert {it: with_shots.memory.count(it) for it in with_shots.counts} == with_shots.counts
    assert set(with_shots.counts) == {"1 0", "1 1"}


def test_a_submission_is_one_job_with_our_token_as_a_tag(backend: IbmDevice, vendor: IbmStub) -> None:
    token = event_id()
    backend.submit([_item(backend), _item(backend)], token)
    (job,) = vendor.jobs.values()
    assert job.tags == [token, "queuebit-items-2"]
    sent = next(it for it in vendor.requests if it.name == vendor.submits).json()
    assert (sent["program_id"], sent["backend"]) == ("sampler", DEVICE)
    assert not {"session_id", "start_session", "private"} & sent.keys()


def test_an_item_without_data_fails_alone(backend: IbmDevice, vendor: IbmStub) -> None:
    vendor.withheld = frozenset({1})
    found = collected(backend, backend.submit([_item(backend)] * 3, event_id()))
    assert [type(it) for it in found] == [Outcome, Failed, Outcome]
    assert isinstance(found[1], Failed)
    assert found[1].code == "vendor_failed"


@pytest.mark.parametrize("code", [500, 502, 503, 504])
def test_the_sdk_does_not_repeat_a_submission(backend: IbmDevice, vendor: IbmStub, code: int) -> None:
    """By itself it repeats a POST five times after these."""
    vendor.fail(vendor.submits, Status(code))
    with pytest.raises(NotReachable):
        backend.submit([_item(backend)], event_id())
    assert vendor.received(vendor.submits) == 1


def test_the_sdk_does_not_wait_as_long_as_the_vendor_asks(backend: IbmDevice, vendor: IbmStub) -> None:
    """The executor decides when to ask again: a child that sleeps for an hour would be killed."""
    vendor.fail("GET /api/v1/jobs", Status(429, {"Retry-After": "3600"}))
    with pytest.raises(NotReachable) as failure:
        backend.find(event_id())
    assert failure.value.retry_after_s == 3600


def test_a_job_that_is_listed_late_is_not_submitted_again(vendor: IbmStub) -> None:
    backend = IbmDevice("ibm-test", DEVICE, listed_s=0.01)
    vendor.fail(vendor.submits, LostReply())
    vendor.lists_after = 1
    handle = backend.submit([_item(backend)], event_id())
    assert [*vendor.jobs] == [handle]


def test_a_key_that_iam_does_not_know_is_the_operators_fault(
    vendor: IbmStub, monkeypatch: pytest.MonkeyPatch, reopened: Callable[[], IbmDevice]
) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "another-key-of-ibm-cloud")
    with pytest.raises(VendorCredentials, match="Provided API key could not be found"):
        reopened()


def test_the_key_itself_is_sent_to_iam_alone(backend: IbmDevice, vendor: IbmStub) -> None:
    """The SDK sends it to the service too if IAM gives no token; here the call fails before."""
    backend._connection._opened = None  # a new process
    vendor.fail("POST /identity/token", Status(503), times=9)
    with pytest.raises(NotReachable):
        backend.find(event_id())
    vendor.heal()
    assert backend.find(event_id()) is None
    shown = [it for it in vendor.requests if vendor.secret in f"{it.headers}{it.path}{it.query}{it.body!r}"]
    assert {it.name for it in shown} == {"POST /identity/token"}


def test_another_accounts_instance_is_the_operators_fault(
    monkeypatch: pytest.MonkeyPatch, reopened: Callable[[], IbmDevice]
) -> None:
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", "crn:v1:bluemix:public:quantum-computing:us-east:a/other:1::")
    with pytest.raises(VendorCredentials, match="does not have access"):
        reopened()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("INSTANCE", "my-instance", "CRN"), ("CHANNEL", "ibm_quantum", "ibm_cloud"), ("TOKEN", " ", "TOKEN")],
)
def test_settings_that_cannot_be_used_are_refused(
    monkeypatch: pytest.MonkeyPatch, reopened: Callable[[], IbmDevice], name: str, value: str, text: str
) -> None:
    monkeypatch.setenv(f"QISKIT_IBM_{name}", value)
    with pytest.raises(VendorCredentials, match=text):
        reopened()


def test_a_device_that_the_instance_does_not_have_is_named(vendor: IbmStub) -> None:
    with pytest.raises(VendorQuota, match="no device ibm_unknown"):
        IbmDevice("ibm-unknown", "ibm_unknown")


def test_an_instance_that_used_its_time_gets_no_job(backend: IbmDevice, vendor: IbmStub) -> None:
    """IBM would keep the job until there is time again."""
    vendor.usage_limit_reached = True
    with pytest.raises(VendorQuota):
        backend.submit([_item(backend)], event_id())
    assert not vendor.jobs


def test_a_submission_over_the_instances_limit_is_a_quota(backend: IbmDevice, vendor: IbmStub) -> None:
    vendor.fail(vendor.submits, Status(409, body=b'{"errors": [{"message": "Usage exceeds instance limit"}]}'))
    with pytest.raises(VendorQuota, match="Usage exceeds instance limit"):
        backend.submit([_item(backend)], event_id())


def test_parts_of_a_second_are_usage(backend: IbmDevice, vendor: IbmStub) -> None:
    vendor.charge = 2.5
    handle = backend.submit([_item(backend)], event_id())
    collected(backend, handle)
    (measure,) = backend.usage(handle)
    assert (measure.quantity, measure.final) == ("2500000", True)


def test_a_failed_job_keeps_ibms_words(backend: IbmDevice, vendor: IbmStub) -> None:
    vendor.broken = frozenset({0})
    (failed,) = collected(backend, backend.submit([_item(backend)], event_id()))
    assert isinstance(failed, Failed)
    assert "Error during the execution of a circuit" in failed.text


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Error code 1305; ran longer than maximum execution time", "vendor_refused"),
        ("Error code 7001; Instruction ecr is not supported", "vendor_refused"),
        ("Error code 9999; internal error", "vendor_failed"),
        ("Traceback", "vendor_failed"),
    ],
)
def test_error_codes_say_whose_fault_it_is(message: str, code: str) -> None:
    assert job_failure_code(message) == code


def test_a_new_calibration_changes_what_is_compiled(backend: IbmDevice, vendor: IbmStub) -> None:
    before, used = backend.calibrate(), _couplers(backend)
    properties = deepcopy(vendor.properties)
    properties["last_update_date"] = "2026-11-29T10:00:00Z"
    for gate in properties["gates"]:
        if frozenset(gate["qubits"]) in used:
            next(it for it in gate["parameters"] if it["name"] == "gate_error")["value"] = 1.0
    vendor.properties = properties
    after = backend.calibrate()
    assert after.digest != before.digest
    assert after.calibrated_at.startswith("2026-11-29T10:00:00")
    assert backend.describe().calibration_digest == after.digest
    assert used
    assert not used & _couplers(backend), "a coupler that failed is not used"


def _couplers(backend: Backend) -> set[frozenset[int]]:
    """Those that a Bell state is made with."""
    bell = _HEAD2 + "qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;"
    return {frozenset(qubits) for name, qubits, _ in backend.compile(parse(bell), 1).operations if name == "cx"}


def test_a_device_without_a_calibration_is_the_vendors_fault(backend: IbmDevice, vendor: IbmStub) -> None:
    vendor.properties = {}
    with pytest.raises((VendorFailed, NotReachable)):
        backend.calibrate()


def test_no_connection_is_open_after_the_start(backend: IbmDevice) -> None:
    """The process that builds backends forks those that call them."""
    transport = backend._connection._transport
    pools = [transport.poolmanager, *transport.proxy_manager.values()]
    assert [len(it.pools) for it in pools if len(it.pools)] == []


def test_a_job_that_is_cancelled_before_it_runs_has_used_nothing(backend: Backend, vendor: IbmStub) -> None:
    """Its hold would stay for seven days, and become a dead letter."""
    vendor.polls_needed = 1_000
    vendor.silent = True
    handle = backend.submit([_item(backend)], event_id())
    assert [(it.quantity, it.final) for it in backend.usage(handle)] == [("0", False)], "it waits"
    backend.cancel(handle)
    assert [(it.quantity, it.final) for it in backend.usage(handle)] == [("0", True)]


def test_a_job_that_begins_to_run_while_its_usage_is_read_is_not_free(
    backend: Backend, vendor: IbmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Usage and state are two answers of IBM: between them it ran, and was cancelled."""
    vendor.polls_needed = 1_000
    vendor.silent = True
    handle = backend.submit([_item(backend)], event_id())
    stated = vendor._metrics

    def moved_on(job: Any) -> dict[str, Any]:
        if job.state == "running":
            found = stated(job)
            job.state = "cancelled"
            return found
        return shape("metrics", usage={"status": "pending"})

    monkeypatch.setattr(vendor, "_metrics", moved_on)
    assert [(it.quantity, it.final) for it in backend.usage(handle)] == [("0", False)]
