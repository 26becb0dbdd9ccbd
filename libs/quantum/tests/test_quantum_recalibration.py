"""An emulated device whose snapshot changes: compiler, forecast and noise follow the new calibration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest

from queuebit_kernel import event_id
from queuebit_quantum import NotReachable, Outcome, WorkItem, parse
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
