"""The plugin for IonQ: qiskit-ionq, unmodified, against a stub of IonQ's interface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_kernel import event_id
from queuebit_quantum import Backend, DoesNotFit, Failed, NotReachable, Outcome, load_stack, parse
from queuebit_quantum.vendor_faults import VendorCredentials, VendorFailed
from queuebit_quantum.vendor_queue import Queueing, VendorQueue
from queuebit_testing.backend_laws import collected
from queuebit_testing.vendor_failure_laws import ONE, Reopened, counts_of, insist, item_of
from queuebit_testing.vendor_laws import VendorLaws
from queuebit_vendor_ionq import NAMES
from queuebit_vendor_ionq.results import counted, failed

from .stub import IonQStub

SHAPES = Path(__file__).parent / "shapes"


@pytest.fixture
def device() -> str:
    return "ionq-forte-1"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[IonQStub]:
    with IonQStub() as stub:
        monkeypatch.setenv("IONQ_API_URL", f"{stub.url}/v0.4")
        monkeypatch.setenv("IONQ_API_KEY", stub.secret)
        yield stub


@pytest.fixture
def reopened(vendor: IonQStub, device: str) -> Reopened:
    return load_stack("ionq").backends[device]


@pytest.fixture
def backend(reopened: Reopened) -> Backend:
    return reopened()


class TestDevice(VendorLaws):
    """Counts divided by shots."""

    queue = VendorQueue(wait_s=5.0)


class TestSimulator(VendorLaws):
    """Probabilities of an ideal simulation, from which shots are drawn."""

    @pytest.fixture
    def device(self) -> str:
        return "ionq-simulator"


def shape(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SHAPES / f"{name}.json").read_text())
    return document


def kinds(document: dict[str, Any]) -> dict[str, str]:
    return {name: type(value).__name__ for name, value in document.items()}


def test_the_sdk_sends_a_job_as_it_is_documented(backend: Backend, vendor: IonQStub) -> None:
    backend.submit([item_of(backend)], "t1")
    sent = next(it for it in vendor.requests if it.name == vendor.submits)
    assert sent.headers["authorization"] == f"apiKey {vendor.secret}"
    body, documented = sent.json(), shape("create-job")
    assert kinds(documented).items() <= kinds(body).items()
    assert documented["input"].keys() == body["input"].keys()
    assert body["input"]["circuit"] == [{"gate": "x", "targets": [0]}]
    assert body["metadata"]["queuebit_token"] == "t1"
    backend.submit([item_of(backend), item_of(backend)], "t2")
    body = [it for it in vendor.requests if it.name == vendor.submits][-1].json()
    assert kinds(shape("create-jobs")).items() <= kinds(body).items()
    assert [it.keys() for it in body["input"]["circuits"]] == [{"name", "circuit"}] * 2


@pytest.mark.parametrize("several", [False, True])
def test_the_stub_answers_as_it_is_documented(backend: Backend, vendor: IonQStub, several: bool) -> None:
    handle = backend.submit([item_of(backend)] * (1 + several), event_id())
    backend.poll(handle)
    document = vendor._document(handle)
    documented = shape("get-job")
    assert documented.keys() >= document.keys()
    assert documented["results"]["probabilities"].keys() == document["results"]["probabilities"].keys()
    assert shape("error").keys() == json.loads(vendor.refused("no").body).keys()
    assert (
        shape("characterization").keys()
        == json.loads(vendor._backends(["qpu.forte-1", "c"]).body)["characterizations"][0].keys()
    )


def test_all_backends_open(vendor: IonQStub) -> None:
    stack = load_stack("ionq")
    assert stack.offers == ("ionq-simulator",), "a device costs money: the operator names it"
    for id_ in NAMES:
        described = stack.backends[id_]().describe()
        assert (described.id, described.num_qubits, described.remote) == (id_, 11, True)
        assert described.kind == ("emulated" if id_ == "ionq-simulator" else "qpu")


def test_a_submission_is_found_among_many_jobs(vendor: IonQStub, backend: Backend, reopened: Reopened) -> None:
    vendor.page = 2
    tokens = [event_id() for _ in range(4)]
    handles = [backend.submit([item_of(backend)] * 2, token) for token in tokens]
    assert [reopened().find(it) for it in tokens] == handles
    assert len(vendor.jobs) == 4


def test_a_search_reads_only_what_is_new_since_the_one_before(
    vendor: IonQStub, backend: Backend, reopened: Reopened
) -> None:
    """Before, each search read the list of eight days, at each submission."""
    vendor.page = 2
    tokens = [event_id() for _ in range(9)]
    handles = [backend.submit([item_of(backend)], token) for token in tokens]
    for job in vendor.jobs.values():
        job.submitted_at -= timedelta(hours=5)
    other, before = reopened(), vendor.received("GET /v0.4/jobs")
    assert other.find(tokens[0]) == handles[0], "the first search of a process reads all pages"
    assert vendor.received("GET /v0.4/jobs") - before == 5
    new = backend.submit([item_of(backend)], "t-new")
    before = vendor.received("GET /v0.4/jobs")
    assert [other.find(it) for it in ("t-new", "t-none", *tokens)] == [new, None, *handles]
    assert vendor.received("GET /v0.4/jobs") - before == 11, "one page each"


def test_items_with_different_shots_are_several_jobs_under_one_handle(vendor: IonQStub, backend: Backend) -> None:
    items = [item_of(backend, ONE, shots) for shots in (10, 20, 10)]
    handle = backend.submit(items, "t1")
    assert (len(vendor.jobs), len(handle.split(","))) == (2, 2)
    assert counts_of(backend, handle) == [{"01": 10}, {"01": 20}, {"01": 10}]
    with pytest.raises(DoesNotFit, match="6 different numbers of shots, and may have 5"):
        backend.submit([item_of(backend, ONE, shots) for shots in range(1, 7)], "t2")


def test_a_process_that_ends_between_two_jobs_loses_neither(
    vendor: IonQStub, backend: Backend, reopened: Reopened
) -> None:
    """If the submission is repeated, the second job is added. If it is not, its items fail."""
    items = [item_of(backend, ONE, shots) for shots in (10, 20)]
    first, page_and_job = reopened(), 2
    vendor.cut(page_and_job + 1)
    with pytest.raises(NotReachable):
        first.submit(items, "t1")
    vendor.heal()
    left = len(vendor.jobs)
    handle = reopened().find("t1")
    assert handle is not None
    results = collected(reopened(), handle)
    assert [type(it) for it in results] == ([Outcome, Outcome] if left == 2 else [Outcome, Failed])
    whole = insist(lambda: reopened().submit(items, "t1"))
    assert len(vendor.jobs) == 2
    assert counts_of(backend, whole) == [{"01": 10}, {"01": 20}]


@pytest.mark.parametrize("stated", [None, "soon", -1])
def test_a_wait_that_is_no_time_is_a_failure_of_the_vendor(vendor: IonQStub, backend: Backend, stated: Any) -> None:
    vendor.queue = stated
    assert isinstance(backend, Queueing)
    with pytest.raises(VendorFailed, match="states a wait"):
        backend.queue()


def test_a_job_that_has_ended_is_not_cancelled(vendor: IonQStub, backend: Backend) -> None:
    """IonQ would change its state, and the result would be lost."""
    handle = backend.submit([item_of(backend)], event_id())
    collected(backend, handle)
    backend.cancel(handle)
    assert vendor.received("PUT *") == 0


def test_a_new_characterization_changes_the_target(vendor: IonQStub, backend: Backend) -> None:
    before = backend.describe()
    vendor.characterization = 2
    calibration = backend.calibrate()
    assert calibration is not None
    assert backend.describe().target_digest != before.target_digest
    assert backend.describe().calibration_digest == calibration.digest
    assert [it.readout_error for it in calibration.qubits] == [pytest.approx(0.01)] * 11
    assert len(calibration.couplers) == 55


def test_the_forecast_follows_the_characterization(backend: Backend) -> None:
    source = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'
    compiled = backend.compile(parse(source), 1)
    assert compiled.duration_s == pytest.approx(0.00013 + 0.00095 + 0.0003)
    assert compiled.esp == pytest.approx(0.9998 * 0.996 * 0.99**2)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("OPENQASM 3.0; qubit q; bit c; c = measure q; reset q; c = measure q;", "reset"),
        ('OPENQASM 3.0; include "stdgates.inc"; qubit q; bit c; delay[1us] q; x q; c = measure q;', "delays"),
    ],
)
def test_what_a_device_cannot_do_is_refused(backend: Backend, source: str, why: str) -> None:
    with pytest.raises(DoesNotFit, match=why):
        backend.compile(parse(source), 1)


def test_a_missing_key_says_what_to_set(monkeypatch: pytest.MonkeyPatch, vendor: IonQStub) -> None:
    monkeypatch.delenv("IONQ_API_KEY")
    with pytest.raises(VendorCredentials, match="IONQ_API_KEY_FILE"):
        load_stack("ionq").backends["ionq-simulator"]()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("TooManyGates", "vendor_refused"),
        ("QuotaExhaustedError", "vendor_quota"),
        ("QuantumComputerError", "vendor_failed"),
        ("AnErrorOfTomorrow", "vendor_failed"),
    ],
)
def test_a_failure_keeps_its_code_and_message(code: str, kind: str) -> None:
    assert failed({"code": code, "error": "as IonQ says it"}) == Failed(kind, f"IonQ: {code}: as IonQ says it")
    assert failed(None).code == "vendor_failed"


@given(st.dictionaries(st.integers(0, 15), st.integers(1, 1_000), min_size=1), st.permutations(range(4)))
def test_counts_of_a_device_come_back_exactly(taken: dict[int, int], measured: list[int]) -> None:
    shots = sum(taken.values())
    shares = {str(value): count / shots for value, count in taken.items()}
    counts = counted(shares, shots, measured, [4], exact=False, job="j")
    expected: dict[str, int] = {}
    for value, count in taken.items():
        bits = "".join(str(value >> qubit & 1) for qubit in reversed(measured))
        expected[bits] = expected.get(bits, 0) + count
    assert counts == expected


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=8), st.integers(1, 500), st.booleans())
def test_counts_have_the_sum_of_the_shots_and_are_the_same_each_time(
    weights: list[float], shots: int, exact: bool
) -> None:
    shares = {str(value): it / sum(weights) for value, it in enumerate(weights)}
    first, again = (counted(shares, shots, [0, 1, 2], [3], exact=exact, job="j") for _ in range(2))
    assert first == again
    assert sum(first.values()) == shots


@pytest.mark.parametrize("shares", [{}, {"0": 0.4}, {"0": "x"}, {"no": 1}, {"0": -1, "1": 2}])
def test_probabilities_that_are_none_are_no_result(shares: dict[str, Any]) -> None:
    with pytest.raises(VendorFailed):
        counted(shares, 10, [0], [1], exact=False, job="j")
