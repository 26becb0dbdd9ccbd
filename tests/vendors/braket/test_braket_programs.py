"""What the plugin sends to each kind of device, and what it makes of the answers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context

import pytest
from tests.vendors.braket.stub import BUCKET, BraketStub

from queuebit_executor.answers import Described
from queuebit_executor.remote_parts import billed_tasks
from queuebit_kernel import event_id
from queuebit_quantum import (
    DoesNotFit,
    Failed,
    NotReachable,
    Outcome,
    WorkItem,
    ideal_distribution,
    parse,
    total_variation,
)
from queuebit_quantum.vendor_faults import VendorCredentials, VendorFailed
from queuebit_testing.backend_laws import collected
from queuebit_testing.vendor_failure_laws import HEAD, ONE, item_of
from queuebit_vendor_braket.device import BraketDevice

Start = Callable[[str], BraketStub]

_GHZ = HEAD + "qreg q[4]; creg c[4]; h q[0]; cx q[0], q[1]; cx q[1], q[2]; cx q[2], q[3]; ry(0.4) q[3]; measure q -> c;"
_NAMED = (
    'OPENQASM 3.0; include "stdgates.inc"; bit[2] c; x ${0}; cz ${0}, ${1}; c[0] = measure ${0}; c[1] = measure ${1};'
)


def _opened(stub: BraketStub) -> BraketDevice:
    return BraketDevice("braket-device", stub.device["deviceArn"])


def _sent(stub: BraketStub) -> str:
    """The program of the newest task."""
    return str(json.loads([*stub.jobs.values()][-1].request["action"])["source"])


def _ran(device: BraketDevice, source: str, shots: int) -> Outcome:
    (outcome,) = collected(device, device.submit([item_of(device, source, shots)], event_id()))
    assert isinstance(outcome, Outcome)
    return outcome


def test_a_device_runs_native_gates_on_coupled_qubits_in_a_verbatim_box(started: Start) -> None:
    stub = started("iqm_garnet")
    outcome = _ran(_opened(stub), _GHZ, 4_000)
    assert total_variation(outcome.counts, ideal_distribution(parse(_GHZ))) < 0.06
    head, box, measures = re.split(r"#pragma braket verbatim\nbox \{\n|\n\}\n", _sent(stub))
    assert head == "OPENQASM 3.0;\nbit[4] b;\n"
    graph = stub.device["deviceCapabilities"]["paradigm"]["connectivity"]["connectivityGraph"]
    coupled = {frozenset((int(one), int(it))) for one, near in graph.items() for it in near}
    for line in box.splitlines():
        pair = re.fullmatch(r"cz \$(\d+), \$(\d+);", line)
        assert re.fullmatch(r"prx\([^)]*\) \$\d+;", line) or (pair and frozenset(map(int, pair.groups())) in coupled)
    measured = [int(it) for it in re.findall(r"measure \$(\d+);", measures)]
    assert measured == sorted(measured)
    assert set(measured) <= set(range(1, 21))
    parameters = json.loads([*stub.jobs.values()][-1].request["deviceParameters"])
    assert parameters["paradigmParameters"]["disableQubitRewiring"] is True


def test_qubits_have_the_numbers_of_the_device(started: Start) -> None:
    device = _opened(started("iqm_garnet"))
    compiled = device.compile(parse(_NAMED.replace("${0}", "$1").replace("${1}", "$4")), 1)
    assert compiled.physical_qubits == (1, 4)
    assert device.describe().num_qubits == 20
    calibration = device.calibrate()
    assert calibration is not None
    assert (1, 4) in {it.qubits for it in calibration.couplers}
    assert calibration.qubits[1].readout_error
    assert calibration.qubits[0].readout_error is None
    assert compiled.esp < 1.0
    with pytest.raises(DoesNotFit, match=r"no qubit \$0: use \$1 to \$20"):
        device.compile(parse(_NAMED.replace("${0}", "$0").replace("${1}", "$1")), 1)
    with pytest.raises(DoesNotFit, match="working coupler"):
        device.compile(parse(_NAMED.replace("${0}", "$1").replace("${1}", "$20")), 1)


def test_rotations_about_x_are_quarter_turns_where_the_device_has_no_others(started: Start) -> None:
    stub = started("rigetti")
    outcome = _ran(_opened(stub), _GHZ, 4_000)
    assert total_variation(outcome.counts, ideal_distribution(parse(_GHZ))) < 0.06
    angles = [float(it) for it in re.findall(r"\nrx\(([^)]*)\)", _sent(stub))]
    assert angles
    assert all(abs(it / (math.pi / 2) - round(it / (math.pi / 2))) < 1e-12 for it in angles)
    assert "iswap" in _sent(stub)
    assert not re.search(r"iswap \$(0, \$7|7, \$0);", _sent(stub)), "the device has no iswap there"


def test_too_few_shots_are_refused(started: Start) -> None:
    device = _opened(started("rigetti"))
    with pytest.raises(DoesNotFit, match="at least 10 shots"):
        device.submit([item_of(device, ONE, 9)], event_id())


def test_a_device_that_compiles_itself_gets_all_qubits_measured_and_no_named_qubits(started: Start) -> None:
    stub = started("ionq_forte")
    device = _opened(stub)
    source = HEAD + "qreg q[3]; creg c[2]; x q[0]; cx q[0], q[2]; h q[1]; measure q[2] -> c[1]; measure q[0] -> c[0];"
    assert _ran(device, source, 50).counts == {"11": 50}
    sent = _sent(stub)
    assert "verbatim" not in sent
    assert [f"b[{it}] = measure q[{it}];" in sent for it in range(3)] == [True] * 3
    assert device.compile(parse(source), 1).esp == pytest.approx(0.9942**3, abs=0.01)
    with pytest.raises(DoesNotFit, match="places qubits itself"):
        device.compile(parse(_NAMED.replace("${0}", "$1").replace("${1}", "$4")), 1)


def test_a_delay_is_refused_and_not_left_out(started: Start) -> None:
    source = 'OPENQASM 3.0; include "stdgates.inc"; qubit q; bit c; x q; delay[10us] q; c = measure q;'
    with pytest.raises(DoesNotFit, match="no delays"):
        _opened(started("iqm_garnet")).compile(parse(source), 1)


def test_amazon_bills_tasks_and_the_shots_of_circuits_that_succeeded(started: Start) -> None:
    stub = started("iqm_garnet")
    device = _opened(stub)
    stub.broken = frozenset({1})
    handle = device.submit([item_of(device)] * 3, event_id())
    collected(device, handle)
    assert {it.metric: (it.quantity, it.unit) for it in device.usage(handle)} == {
        "tasks": ("1", "task"),
        "shots": ("200", "shot"),
        "qpu-time": (str(3 * item_of(device).compiled.qpu_us(100)), "microsecond"),
    }


@pytest.mark.parametrize("kind", ["iqm_garnet", "sv1"])
@pytest.mark.parametrize("shots", [(100,), (100, 100, 100), (100, 50, 100), (20, 30)])
def test_no_more_tasks_are_made_than_were_quoted(started: Start, kind: str, shots: tuple[int, ...]) -> None:
    stub = started(kind)
    device = _opened(stub)
    about = device.describe()
    offer = Described(
        backend=about.id,
        vendor=about.vendor,
        kind="qpu",
        qubits=about.num_qubits,
        max_shots=about.max_shots,
        features=(),
        gates=(),
        rep_delay_ns=0,
        overhead_ns=0,
        target=about.target_digest,
        remote=True,
        max_items=about.max_items,
        billed_task=about.billed_task,
        task_shots=about.task_shots,
    )
    handle = device.submit([item_of(device, ONE, it) for it in shots], event_id())
    collected(device, handle)
    (counted,) = [it.quantity for it in device.usage(handle) if it.metric == "tasks"]
    assert int(counted) == len(stub.jobs) == billed_tasks(offer, [1] * len(shots), shots)


def test_a_task_in_a_reservation_says_so(started: Start) -> None:
    stub = started("iqm_garnet")
    stub.reservation = "arn:aws:braket:eu-north-1:123456789012:reservation/one"
    device = _opened(stub)
    handle = device.submit([item_of(device)], event_id())
    collected(device, handle)
    first, *_ = device.usage(handle)
    assert (first.metric, first.quantity, first.unit) == ("reservation", "1", "reservation")


def test_the_time_of_a_simulator_is_what_amazon_reports(started: Start) -> None:
    device = _opened(started("sv1"))
    handle = device.submit([item_of(device, ONE, 30), item_of(device, ONE, 20)], event_id())
    collected(device, handle)
    assert [it.quantity for it in device.usage(handle)] == ["2", "50", "14000"]


def test_a_task_that_failed_costs_nothing_and_says_why(started: Start) -> None:
    stub = started("sv1")
    device = _opened(stub)
    stub.broken = frozenset({0})
    handle = device.submit([item_of(device)], event_id())
    (failed,) = collected(device, handle)
    assert isinstance(failed, Failed)
    assert "calibration in progress" in failed.text
    assert [(it.quantity, it.final) for it in device.usage(handle)] == [("0", True)] * 3


def _columns_reversed(item: WorkItem) -> WorkItem:
    """The same circuit, compiled for a new calibration: its qubits are others, so that its columns come otherwise."""
    program = item.compiled.program
    other = replace(program, layout=replace(program.layout, bits=program.layout.bits[::-1]))
    return replace(item, compiled=replace(item.compiled, program=other))


_BEFORE_A_TASK, _EACH_TASK = 2, 2
"""Requests of a submission: to read and to store what it begins with; to store a layout and to create its task."""


@pytest.mark.parametrize("shots", [(100,), (100, 60)])
@pytest.mark.parametrize("created", [1, 2])
def test_a_task_that_a_lost_process_created_keeps_its_layout(
    started: Start, shots: tuple[int, ...], created: int
) -> None:
    """Before, the successor overwrote the layouts of tasks that ran the programs of the process before it."""
    stub = started("sv1")
    items = [item_of(_opened(stub), ONE, it) for it in shots]
    lost = _opened(stub)
    stub.cut(_BEFORE_A_TASK + _EACH_TASK * min(created, len(shots)))
    with pytest.raises(NotReachable):
        lost.submit(items, "t1")
    stub.heal()
    again = [_columns_reversed(it) if number < created else it for number, it in enumerate(items)]
    device = _opened(stub)
    handle = device.submit(again, "t1")
    assert len(stub.jobs) == len(shots)
    outcomes = [it.counts for it in collected(device, handle) if isinstance(it, Outcome)]
    assert outcomes == [{"01": it} for it in shots]


def test_what_a_lost_process_left_is_found_to_be_cancelled_and_not_taken_for_other_circuits(started: Start) -> None:
    stub = started("sv1")
    stub.polls_needed = 1_000
    items = [item_of(_opened(stub), ONE, it) for it in (100, 60, 40)]
    lost = _opened(stub)
    stub.cut(_BEFORE_A_TASK + _EACH_TASK)
    with pytest.raises(NotReachable):
        lost.submit(items, "t1")
    stub.heal()
    device = _opened(stub)
    assert device.find("t1") is None
    handle = device.find_incomplete("t1")
    assert handle in stub.jobs
    assert device.find_incomplete("t2") is None
    with pytest.raises(VendorFailed, match="other circuits fit the device since"):
        device.submit(items[1:], "t1")
    (task,) = stub.jobs.values()
    assert task.status == "CANCELLING"


def test_results_may_lie_in_objects_of_their_own(started: Start) -> None:
    """A program set with large results has one object for each part."""
    stub = started("iqm_garnet")
    device = _opened(stub)
    handle = device.submit([item_of(device)] * 2, event_id())
    before = collected(device, handle)
    folder = stub.jobs[handle].folder
    whole = json.loads(stub.objects[f"{folder}/results.json"])
    for number, program in enumerate(whole["programResults"]):
        for place, it in enumerate(program["executableResults"]):
            stub.objects[f"{folder}/{number}/{place}.json"] = json.dumps(it).encode()
        stub.objects[f"{folder}/{number}/program.json"] = json.dumps(program["source"]).encode()
        parts = [f"{number}/{place}.json" for place in range(len(program["executableResults"]))]
        split = {**program, "executableResults": parts, "source": f"{number}/program.json"}
        stub.objects[f"{folder}/{number}/results.json"] = json.dumps(split).encode()
    stub.objects[f"{folder}/metadata.json"] = json.dumps(whole["taskMetadata"]).encode()
    names = [f"{number}/results.json" for number in range(2)]
    split = {**whole, "programResults": names, "taskMetadata": "metadata.json", "s3Location": [BUCKET, folder]}
    stub.objects[f"{folder}/results.json"] = json.dumps(split).encode()
    assert device.collect(handle) == before


def test_probabilities_are_counts(started: Start) -> None:
    """IonQ's devices return the share of each outcome."""
    stub = started("ionq_forte")
    device = _opened(stub)
    handle = device.submit([item_of(device, ONE, 400)], event_id())
    collected(device, handle)
    name = f"{stub.jobs[handle].folder}/results.json"
    given = json.loads(stub.objects[name])
    shares = {**given, "measurements": None, "measurementProbabilities": {"10": 0.75, "01": 0.25}}
    stub.objects[name] = json.dumps(shares).encode()
    (outcome,) = device.collect(handle)
    assert isinstance(outcome, Outcome)
    assert outcome.counts == {"01": 300, "10": 100}


def test_a_child_process_opens_connections_of_its_own(started: Start) -> None:
    """The executor opens backends before it forks."""
    device = _opened(started("sv1"))
    context, work = get_context("fork"), [item_of(device)]
    answers = context.SimpleQueue()
    child = context.Process(target=lambda: answers.put(device.submit(work, event_id())))
    child.start()
    child.join()
    assert child.exitcode == 0
    handle = answers.get()
    assert isinstance(collected(device, handle)[0], Outcome)


def test_the_shots_of_an_item_come_in_order_where_they_are_asked_for(started: Start) -> None:
    device = _opened(started("sv1"))
    item = WorkItem(
        device.compile(parse(HEAD + "qreg q[1]; creg c[1]; h q[0]; measure q -> c;"), 1), 40, 1, memory=True
    )
    (outcome,) = collected(device, device.submit([item], event_id()))
    assert isinstance(outcome, Outcome)
    assert outcome.memory is not None
    assert {it: outcome.memory.count(it) for it in set(outcome.memory)} == outcome.counts


def test_a_bucket_must_be_named(started: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    device = _opened(started("sv1"))
    monkeypatch.delenv("AMZN_BRAKET_OUT_S3_BUCKET")
    with pytest.raises(VendorCredentials, match="AMZN_BRAKET_OUT_S3_BUCKET is not set"):
        device.submit([item_of(device)], event_id())


def test_missing_credentials_are_the_operators_fault(started: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = started("sv1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(VendorCredentials, match="AWS_ACCESS_KEY_ID_FILE"):
        _opened(stub)
