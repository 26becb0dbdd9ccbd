"""An emulated device whose snapshot changes: compiler, forecast and noise follow the new calibration."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import pytest

from queuebit_kernel import event_id
from queuebit_quantum import NotReachable, Outcome, WorkItem, parse
from queuebit_quantum.exclusion import excluded
from queuebit_quantum.ibm import EmulatedIbm

from .changing_device import Change, Snapshot

ZERO = parse('OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; x q[0]; measure q -> c;')
SHOTS = 4_000


def readout_error(error: float) -> Change:
    def change(properties: dict[str, Any]) -> None:
        for value in (it for qubit in properties["qubits"] for it in qubit):
            if value["name"] in {"readout_error", "prob_meas0_prep1", "prob_meas1_prep0"}:
                value["value"] = error

    return change


def counts(device: EmulatedIbm) -> Mapping[str, int]:
    (outcome,) = device.collect(device.submit([WorkItem(device.compile(ZERO, 1), SHOTS, 1)], event_id()))
    assert isinstance(outcome, Outcome)
    return outcome.counts


def test_compilation_and_noise_follow_each_new_calibration(snapshot: Snapshot) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    for error in (0.0, 0.4, 0.1):
        snapshot.change(readout_error(error))
        before, now = device.describe(), device.calibrate()
        assert now.digest == device.describe().calibration_digest != before.calibration_digest
        assert device.compile(ZERO, 1).target_digest == now.digest
        share = counts(device).get("1", 0) / SHOTS
        assert share == pytest.approx(error, abs=0.04), "five standard errors, and the errors of two gates"


def test_a_calibration_that_did_not_change_keeps_what_was_compiled(snapshot: Snapshot) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    first = device.compile(ZERO, 1)
    device.calibrate()
    assert device.compile(ZERO, 1) is first


def test_a_snapshot_that_is_being_written_is_read_later(snapshot: Snapshot) -> None:
    device, text = EmulatedIbm("changing", "FakeChanging"), snapshot.path.read_text()
    known = device.describe()
    snapshot.path.write_text(text[:100])
    os.utime(snapshot.path, ns=(0, 1))
    with pytest.raises(NotReachable, match="the snapshot of changing cannot be read"):
        device.calibrate()
    assert device.describe() == known
    snapshot.path.write_text(text)
    assert device.calibrate().digest == known.calibration_digest


def times(**values: float) -> Change:
    """Change values of qubit 0, such as `T1`."""

    def change(properties: dict[str, Any]) -> None:
        for value in properties["qubits"][0]:
            value["value"] = values.get(value["name"], value["value"])

    return change


def gate_errors(error: float, most: int) -> Change:
    """Change the errors of the first gates on two qubits."""

    def change(properties: dict[str, Any]) -> None:
        found = (it for gate in properties["gates"] if len(gate["qubits"]) == 2 for it in gate["parameters"])
        for value in [it for it in found if it["name"] == "gate_error"][:most]:
            value["value"] = error

    return change


def test_times_that_cannot_be_are_put_aside_and_the_rest_of_the_calibration_is_used(snapshot: Snapshot) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    before = device.calibrate()
    snapshot.change(times(T1=10.0, T2=30.0))
    snapshot.change(gate_errors(1.0, 1))
    now = device.calibrate()
    assert (now.qubits[0].t1_s, now.qubits[0].t2_s) == (before.qubits[0].t1_s, before.qubits[0].t2_s)
    (text,) = now.quarantined
    assert text.startswith("T2 = 30.0 us is above 2 · T1 = 20.0 us of qubit 0: the values before stay in force")
    assert now.as_json()["quarantined"] == [text]
    assert 1.0 in now.errors.values(), "the coupler that failed on the same day is seen"


@pytest.mark.parametrize("error", [1.7, -0.2, float("nan")])
def test_a_gate_with_an_error_that_is_no_probability_is_not_used(snapshot: Snapshot, error: float) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    snapshot.change(gate_errors(error, 1))
    now = device.calibrate()
    (text,) = now.quarantined
    assert "is no probability: the gate is not used" in text
    assert 1.0 in now.errors.values()
    assert counts(device)


def test_a_document_that_is_mostly_broken_is_refused_as_a_whole(snapshot: Snapshot) -> None:
    def broken(properties: dict[str, Any]) -> None:
        readout_error(3.0)(properties)
        for gate in properties["gates"]:
            for value in (it for it in gate["parameters"] if it["name"] == "gate_error"):
                value["value"] = 2.0

    device = EmulatedIbm("changing", "FakeChanging")
    before = device.calibrate()
    snapshot.change(broken)
    with pytest.raises(NotReachable, match="quarantined, and the one before stays in force"):
        device.calibrate()
    assert device.describe().calibration_digest == before.digest
    assert counts(device)


def test_without_a_calibration_before_t2_is_at_most_twice_t1(snapshot: Snapshot) -> None:
    snapshot.change(times(T1=10.0, T2=30.0))
    now = EmulatedIbm("changing", "FakeChanging").calibrate()
    assert (now.qubits[0].t1_s, now.qubits[0].t2_s) == pytest.approx((10e-6, 20e-6))


PAIR = parse('OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;')


def test_circuits_are_compiled_without_elements_that_are_not_used(snapshot: Snapshot) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    first, whole = device.compile(PAIR, 1), device.describe()
    used = tuple(sorted(first.physical_qubits))
    device.exclude(frozenset({used}))
    second = device.compile(PAIR, 1)
    assert tuple(sorted(second.physical_qubits)) != used
    assert second.target_digest == device.describe().target_digest != whole.target_digest
    device.exclude(frozenset({(used[0],), used}))
    assert used[0] not in device.compile(PAIR, 1).physical_qubits
    assert device.describe().calibration_digest == whole.calibration_digest
    device.exclude(frozenset())
    assert device.describe() == whole
    assert device.compile(PAIR, 1).physical_qubits == first.physical_qubits


def test_elements_stay_out_after_a_new_calibration(snapshot: Snapshot) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    used = tuple(sorted(device.compile(PAIR, 1).physical_qubits))
    device.exclude(frozenset({used}))
    snapshot.change(readout_error(0.1))
    device.calibrate()
    assert tuple(sorted(device.compile(PAIR, 1).physical_qubits)) != used
    assert excluded(device) == [list(used)]


def test_a_device_runs_under_a_calibration_that_it_had(snapshot: Snapshot) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    snapshot.change(readout_error(0.4))
    before = json.loads(json.dumps(device.calibrate().as_json()))
    ran = device.compile(ZERO, 1), counts(device)
    snapshot.change(readout_error(0.0))
    device.calibrate()
    assert counts(device) != ran[1]
    earlier = device.with_calibration(before)
    assert earlier is not None
    assert earlier.describe().calibration_digest == before["digest"] != device.describe().calibration_digest
    assert earlier.compile(ZERO, 1).target_digest == ran[0].target_digest
    assert counts(earlier) == ran[1], "equal counts: the same noise, with the same seed"
    assert device.with_calibration(before) is earlier


def test_a_snapshot_with_other_values_or_of_another_device_is_none(snapshot: Snapshot) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    stated = device.calibrate().as_json()
    assert device.with_calibration(stated) is device
    snapshot.change(readout_error(0.3))
    device.calibrate()
    altered = stated | {"qubits": [stated["qubits"][0] | {"t1_s": 1.0}, *stated["qubits"][1:]]}
    assert device.with_calibration(altered) is None
    for other in ({}, {"digest": "x"}, stated | {"digest": "y", "qubits": stated["qubits"][:1]}):
        assert device.with_calibration(other) is None
