"""The plugin for IQM: iqm-client, unmodified, against a stub of IQM's interface."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from qiskit import qasm2
from qiskit.circuit.random import random_circuit
from tests.vendors.iqm.stub import IqmStub, StarStub

from queuebit_kernel import event_id
from queuebit_quantum import (
    Backend,
    DoesNotFit,
    Failed,
    NotReachable,
    Outcome,
    WorkItem,
    hellinger_fidelity,
    ideal_distribution,
    load_stack,
    parse,
)
from queuebit_quantum.vendor_faults import VendorCredentials, VendorFailed
from queuebit_testing.backend_laws import collected
from queuebit_testing.stub_vendor import Failure, Garbage, LostReply, Status
from queuebit_testing.vendor_failure_laws import MANY, ONE, Reopened, counts_of, insist, item_of, returns_within
from queuebit_testing.vendor_laws import VendorLaws
from queuebit_vendor_iqm.calls import NotTaken, _checked
from queuebit_vendor_iqm.circuits import Name
from queuebit_vendor_iqm.device import IqmDevice
from queuebit_vendor_iqm.records import Records

SHAPES = Path(__file__).parent / "shapes"
TAKEN: Mapping[str, Failure] = {
    "a lost reply": LostReply(),
    "500": Status(500, taken=True),
    "502": Status(502, taken=True),
    "503 of a proxy": Status(503, taken=True),
    "another's page": Garbage(taken=True),
}
"""Answers after which IQM may have the job."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "submissions"


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[IqmStub]:
    with IqmStub() as stub:
        monkeypatch.setenv("IQM_SERVER_URL", stub.url)
        monkeypatch.setenv("IQM_TOKEN", stub.secret)
        monkeypatch.setenv("IQM_SUBMISSIONS", str(folder))
        yield stub


@pytest.fixture
def reopened(vendor: IqmStub) -> Reopened:
    return load_stack("iqm").backends["iqm-garnet"]


@pytest.fixture
def backend(reopened: Reopened) -> Backend:
    return reopened()


def resolve(vendor: IqmStub, folder: Path, token: str) -> None:
    """What an operator does: look for the jobs of a record at IQM, and write their ids, or delete the record."""
    for record in Records(folder).of(token):
        names = json.loads(record.sent.read_text())["circuits"]
        ids = [id_ for id_, job in vendor.jobs.items() if [it["name"] for it in job.body["circuits"]] == names]
        if ids:
            record.job.write_text(f"{ids[0]}\n")
        else:
            record.sent.unlink()


class TestGarnet(VendorLaws):
    """IQM has no search, so that three laws end otherwise: nothing is sent twice, and an operator says what is true."""

    excludes = True

    @pytest.mark.parametrize("case", TAKEN)
    @pytest.mark.parametrize("items", [1, 3])
    def test_a_run_whose_submission_was_not_confirmed_is_not_started_again(  # type: ignore[override]  # another end
        self, backend: Backend, reopened: Reopened, vendor: IqmStub, case: str, items: int, folder: Path
    ) -> None:
        work, token = [item_of(backend)] * items, event_id()
        vendor.fail(vendor.submits, TAKEN[case])
        for by in (backend, backend, reopened()):
            with pytest.raises(NotReachable, match=r"not known whether IQM took the job .*\.100\.sent describes"):
                by.submit(work, token)
            with pytest.raises(NotReachable, match=r"write its id into [0-9a-f]+\.100\.job"):
                by.find(token)
        assert len(vendor.jobs) == vendor.received(vendor.submits) == 1
        resolve(vendor, folder, token)
        handle = reopened().find(token)
        assert handle is not None
        assert handle == backend.submit(work, token)
        assert len(vendor.jobs) == 1
        assert counts_of(backend, handle) == [{"01": 100}] * items

    @pytest.mark.parametrize("items", [1, 3])
    def test_a_process_that_ends_at_any_step_leaves_one_run(  # type: ignore[override]  # another end
        self, backend: Backend, reopened: Reopened, vendor: IqmStub, items: int, folder: Path
    ) -> None:
        """After each request of a submission in turn, the process is gone; its successor goes on."""
        work = [item_of(backend)] * items
        for step in (1, 2, 3):
            token, killed = event_id(), reopened()
            ended = returns_within(vendor, step, partial(killed.submit, work, token))
            if vendor.received(vendor.submits) == step and not ended:
                with pytest.raises(NotReachable, match="not known whether"):
                    reopened().submit(work, token)
                resolve(vendor, folder, token)
            successor = reopened()
            handle = successor.find(token) or successor.submit(work, token)
            assert counts_of(successor, handle) == [{"01": 100}] * items
            assert len(vendor.jobs) == step
        assert ended, "a submission takes more than two requests"

    def test_what_a_process_left_that_ended_at_any_step_can_be_cancelled(  # type: ignore[override]  # another end
        self, backend: Backend, reopened: Reopened, vendor: IqmStub, folder: Path
    ) -> None:
        """Its jobs are cancelled once an operator has said which of them IQM has."""
        vendor.polls_needed = MANY
        work = [item_of(backend, shots=30), item_of(backend, shots=20)]
        unknown = 0
        for step in range(1, MANY):
            token, killed, held = event_id(), reopened(), len(vendor.jobs)
            ended = returns_within(vendor, step, partial(killed.submit, work, token))
            try:
                handle = reopened().find(token)
            except NotReachable as error:
                unknown += "not known whether" in str(error)
                resolve(vendor, folder, token)
                handle = reopened().find(token)
            if len(vendor.jobs) > held:
                assert handle is not None
                reopened().cancel(handle)
                assert reopened().poll(handle) == "ended"
                assert [*vendor.jobs][held:] == handle.split(",")
            if ended:
                break
        assert unknown == 2, "an answer was lost for each of the two jobs"


class TestStar(TestGarnet):
    """A computer whose qubits interact through a resonator obeys all laws, too."""

    @pytest.fixture
    def vendor(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[IqmStub]:
        with StarStub() as stub:
            monkeypatch.setenv("IQM_SERVER_URL", stub.url)
            monkeypatch.setenv("IQM_TOKEN", stub.secret)
            monkeypatch.setenv("IQM_SUBMISSIONS", str(folder))
            yield stub

    @pytest.fixture
    def reopened(self, vendor: IqmStub) -> Reopened:
        return partial(IqmDevice, "iqm-deneb", "deneb")

    def test_any_two_qubits_interact_and_the_resonator_is_no_qubit(self, backend: Backend) -> None:
        described = backend.describe()
        assert (described.num_qubits, described.couplings) == (6, 15)
        assert "move" not in described.basis_gates

    @pytest.mark.parametrize("seed", range(5))
    def test_circuits_have_their_distribution_and_their_moves(
        self, backend: Backend, vendor: IqmStub, seed: int
    ) -> None:
        source = qasm2.dumps(random_circuit(5, 4, max_operands=2, seed=seed, measure=True).decompose(reps=4))
        circuit = parse(source)
        compiled = backend.compile(circuit, 1)
        handle = backend.submit([WorkItem(compiled, 4_000, 1)], event_id())
        (found,) = collected(backend, handle)
        assert isinstance(found, Outcome)
        assert hellinger_fidelity(found.counts, ideal_distribution(circuit)) > 0.99
        (sent,) = vendor.jobs[handle].body["circuits"]
        moved = [it["locus"] for it in sent["instructions"] if it["name"] == "move"]
        assert moved
        assert {it[1] for it in moved} == {"CR1"}
        assert all(moved[at] == moved[at + 1] for at in range(0, len(moved), 2)), "each goes back to its own qubit"

    def test_a_measurement_in_the_middle_finds_the_qubit_at_its_place(self, backend: Backend) -> None:
        steps = "qubit[3] q; bit[4] c; x q[0]; cx q[0], q[1]; c[0] = measure q[1]; cx q[1], q[2]; x q[1];"
        source = f'OPENQASM 3.0; include "stdgates.inc"; {steps} c[1] = measure q[0]; c[2:3] = measure q[1:2];'
        assert counts_of(backend, backend.submit([item_of(backend, source)], event_id())) == [{"1011": 100}]

    def test_the_error_of_a_pair_includes_its_moves(self, backend: Backend) -> None:
        calibration = backend.calibrate()
        assert calibration is not None
        assert {it.error for it in calibration.couplers} == {round(1 - 0.995 * 0.998**2, 12)}


def shape(name: str) -> Any:  # plain JSON
    return json.loads((SHAPES / f"{name}.json").read_text())


def test_the_sdk_sends_a_job_as_it_is_documented(backend: Backend, vendor: IqmStub) -> None:
    backend.submit([item_of(backend)], "t1")
    sent = next(it for it in vendor.requests if it.name == vendor.submits)
    assert sent.headers["authorization"] == f"Bearer {vendor.secret}"
    body, documented = sent.json(), shape("submit-circuit-job")
    assert body.keys() == documented.keys()
    (circuit,), (known,) = body["circuits"], documented["circuits"]
    assert circuit.keys() == known.keys()
    assert circuit["name"] == "queuebit t1 item 0/1 bits 2"
    known_args = {it["name"]: it["args"].keys() for it in known["instructions"]}
    assert all(it["args"].keys() == known_args[it["name"]] for it in circuit["instructions"])


def test_the_stub_answers_as_it_is_documented(backend: Backend, vendor: IqmStub) -> None:
    handle = backend.submit([item_of(backend)], event_id())
    assert vendor.job(handle).keys() == shape("job").keys()
    assert vendor.job(handle)["timeline"][0].keys() == shape("job")["timeline"][0].keys()
    assert vendor.counts(handle)[0].keys() == shape("measurement-counts")[0].keys()
    assert vendor.static().keys() == shape("static-quantum-architectures")[0].keys()
    assert vendor.dynamic().keys() == shape("dynamic-quantum-architecture").keys()
    metrics = vendor._observations("quality-metric-set", vendor._metrics())
    assert metrics.keys() == shape("metrics").keys()
    assert metrics["observations"][0].keys() == shape("metrics")["observations"][0].keys()
    assert json.loads(vendor.refused("no").body).keys() == shape("error").keys()


def test_an_operator_says_that_a_job_was_not_taken(
    vendor: IqmStub, backend: Backend, reopened: Reopened, folder: Path
) -> None:
    work, token = [item_of(backend)], event_id()
    vendor.fail(vendor.submits, LostReply(taken=False))
    with pytest.raises(NotReachable, match="not known whether"):
        backend.submit(work, token)
    resolve(vendor, folder, token)
    assert reopened().find(token) is None
    assert counts_of(backend, backend.submit(work, token)) == [{"01": 100}]
    assert len(vendor.jobs) == 1


def test_an_id_that_iqm_does_not_know_is_not_believed(vendor: IqmStub, backend: Backend, folder: Path) -> None:
    token = event_id()
    backend.submit([item_of(backend)], token)
    Records(folder).of(token)[0].job.write_text("00000000-0000-0000-0000-00000000beef")
    with pytest.raises(NotReachable, match="correct it"):
        backend.find(token)


@pytest.mark.parametrize("how", [Status(429), Status(503, {"Retry-After": "0"}), Status(401), Status(422)])
def test_a_refusal_leaves_no_record(vendor: IqmStub, backend: Backend, folder: Path, how: Status) -> None:
    vendor.fail(vendor.submits, how)
    with pytest.raises((NotReachable, VendorCredentials, DoesNotFit)):
        backend.submit([item_of(backend)], event_id())
    assert list(folder.glob("*.sent")) == []


def test_a_connection_that_was_not_made_took_nothing() -> None:
    with pytest.raises(NotTaken):
        _checked(requests.get)("http://127.0.0.1:9/", timeout=5)


def test_items_with_different_shots_are_several_jobs_under_one_handle(vendor: IqmStub, backend: Backend) -> None:
    items = [item_of(backend, ONE, shots) for shots in (10, 20, 10)]
    handle = backend.submit(items, "t1")
    assert (len(vendor.jobs), len(handle.split(","))) == (2, 2)
    assert counts_of(backend, handle) == [{"01": 10}, {"01": 20}, {"01": 10}]
    with pytest.raises(DoesNotFit, match="6 different numbers of shots, and may have 5"):
        backend.submit([item_of(backend, ONE, shots) for shots in range(1, 7)], "t2")


def test_a_process_that_ends_between_two_jobs_loses_neither(
    vendor: IqmStub, backend: Backend, reopened: Reopened
) -> None:
    """If the submission is repeated, the second job is added. If it is not, its items fail."""
    items = [item_of(backend, ONE, shots) for shots in (10, 20)]
    vendor.cut(3)  # the calibration and the first job, and the calibration again
    with pytest.raises(NotReachable):
        backend.submit(items, "t1")
    vendor.heal()
    handle = reopened().find("t1")
    assert handle is not None
    assert [type(it) for it in collected(reopened(), handle)] == [Outcome, Failed]
    whole = insist(lambda: reopened().submit(items, "t1"))
    assert len(vendor.jobs) == 2
    assert counts_of(backend, whole) == [{"01": 10}, {"01": 20}]


def test_each_shot_is_reported_if_it_is_wanted(backend: Backend) -> None:
    source = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg a[1]; creg b[2]; h q[0]; x q[1]; '
    compiled = backend.compile(parse(source + "measure q[0] -> a[0]; measure q[1] -> b[1];"), 1)
    handle = backend.submit([WorkItem(compiled, 50, 1, memory=True), WorkItem(compiled, 50, 1)], event_id())
    wanted, other = collected(backend, handle)
    assert isinstance(wanted, Outcome)
    assert isinstance(other, Outcome)
    assert wanted.memory is not None
    assert {it: wanted.memory.count(it) for it in set(wanted.memory)} == wanted.counts == other.counts
    assert set(wanted.counts) == {"10 0", "10 1"}
    assert other.memory is None


def test_a_measurement_in_the_middle_keeps_its_bit(backend: Backend) -> None:
    source = 'OPENQASM 3.0; include "stdgates.inc"; qubit q; bit[2] c; x q; c[0] = measure q; x q; c[1] = measure q;'
    assert counts_of(backend, backend.submit([item_of(backend, source)], event_id())) == [{"01": 100}]


def test_a_calibration_has_errors_and_times(backend: Backend, vendor: IqmStub) -> None:
    calibration = backend.calibrate()
    assert calibration is not None
    assert (len(calibration.qubits), len(calibration.couplers)) == (20, 30)
    qubit, coupler = calibration.qubits[0], calibration.couplers[0]
    assert (qubit.t1_s, qubit.t2_s) == (4e-5, 1e-5)
    assert qubit.gate_error == pytest.approx(0.001)
    assert qubit.readout_error == pytest.approx(0.02)
    assert (coupler.qubits, coupler.gate, coupler.duration_s) == ((0, 1), "cz", 1e-7)
    assert coupler.error == pytest.approx(0.005)
    before = backend.describe().target_digest
    vendor.calibration, vendor.has_metrics = 2, False
    again = backend.calibrate()
    assert again is not None
    assert again.qubits[0].gate_error is None
    assert backend.describe().target_digest != before


def test_circuits_are_compiled_again_if_iqm_calibrated_meanwhile(vendor: IqmStub, backend: Backend) -> None:
    item = item_of(backend)
    used = {f"QB{it + 1}" for it in item.compiled.physical_qubits}
    vendor.calibration, vendor.without = 2, frozenset(used)
    with pytest.raises(NotReachable, match="has calibrated garnet since"):
        backend.submit([item], "t1")
    handle = backend.submit([item_of(backend)], "t1")
    sent = vendor.jobs[handle].body["circuits"][0]["instructions"]
    assert not used & {name for it in sent for name in it["locus"]}
    assert counts_of(backend, handle) == [{"01": 100}]
    assert backend.describe().num_qubits == 20 - len(used)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("circuit_validation_error", "vendor_refused"),
        ("circuit_execution_error", "vendor_failed"),
        ("an_error_of_tomorrow", "vendor_failed"),
    ],
)
def test_a_failure_keeps_its_code_and_message(vendor: IqmStub, backend: Backend, code: str, kind: str) -> None:
    vendor.error, vendor.broken = (code, "as IQM says it"), frozenset({0})
    handle = backend.submit([item_of(backend)], event_id())
    assert collected(backend, handle) == (Failed(kind, f"IQM: {code}: as IQM says it"),)
    assert [it.quantity for it in backend.usage(handle)] == ["0"]


def test_a_time_that_iqm_does_not_state_is_no_usage(
    vendor: IqmStub, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = backend.submit([item_of(backend)], event_id())
    assert [it.quantity for it in backend.usage(handle)] == ["125000"]
    document = vendor.job(handle)
    monkeypatch.setattr(vendor, "job", lambda _: document | {"timeline": []})
    with pytest.raises(VendorFailed, match="does not say when"):
        backend.usage(handle)


@pytest.mark.parametrize(
    ("missing", "why"),
    [("IQM_TOKEN", "IQM_TOKEN_FILE"), ("IQM_SUBMISSIONS", "absolute path")],
)
def test_a_missing_variable_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, vendor: IqmStub, missing: str, why: str
) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(VendorCredentials, match=why):
        load_stack("iqm").backends["iqm-garnet"]()


def test_a_token_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, vendor: IqmStub, tmp_path: Path) -> None:
    monkeypatch.delenv("IQM_TOKEN")
    (tmp_path / "token").write_text(f"{vendor.secret}\n")
    monkeypatch.setenv("IQM_TOKEN_FILE", str(tmp_path / "token"))
    assert load_stack("iqm").backends["iqm-garnet"]().describe().num_qubits == 20


def test_another_computer_has_a_clear_error(vendor: IqmStub) -> None:
    with pytest.raises(VendorCredentials, match=r'"emerald" does not exist.*garnet'):
        load_stack("iqm").backends["iqm-emerald"]()


def test_a_folder_that_cannot_be_written_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, vendor: IqmStub, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IQM_SUBMISSIONS", str(tmp_path / "file" / "below"))
    with pytest.raises(VendorCredentials, match="nothing can be written in"):
        load_stack("iqm").backends["iqm-garnet"]()


def test_what_cannot_be_recorded_is_not_sent(vendor: IqmStub, backend: Backend, folder: Path) -> None:
    item = item_of(backend)
    for it in folder.iterdir():
        it.unlink()
    folder.rmdir()
    with pytest.raises(NotReachable, match="nothing is sent to IQM"):
        backend.submit([item], "t1")
    assert vendor.received(vendor.submits) == 0
    folder.mkdir()
    assert counts_of(backend, backend.submit([item], "t1")) == [{"01": 100}]


def test_old_records_are_deleted_except_open_ones(vendor: IqmStub, backend: Backend, folder: Path) -> None:
    backend.submit([item_of(backend)], "old")
    backend.submit([item_of(backend)], "new")
    Records(folder).begin("open", 1, {})
    for it in (*Records(folder).of("old"), *Records(folder).of("open")):
        for file in (it.sent, it.job):
            if file.exists():
                os.utime(file, (0, 0))
    kept = Records.from_environment()
    assert [len(kept.of(it)) for it in ("old", "new", "open")] == [0, 1, 1]


@pytest.mark.parametrize("registers", [(), (1,), (2, 3)])
def test_a_name_can_be_read(registers: tuple[int, ...]) -> None:
    name = Name("a token/with spaces item 1/2", 7, 12, registers, memory=bool(registers))
    assert Name.read(str(name)) == name
    with pytest.raises(VendorFailed):
        Name.read("another's circuit")
