"""An emulated device whose snapshot changes: compiler, forecast and noise follow the new calibration."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import qiskit_ibm_runtime.fake_provider as snapshots

from queuebit_kernel import event_id
from queuebit_quantum import NotReachable, Outcome, WorkItem, parse
from queuebit_quantum.ibm import EmulatedIbm

ZERO = parse('OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; x q[0]; measure q -> c;')
SHOTS = 4_000


@pytest.fixture
def properties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a device's properties, which `FakeBackendV2.refresh` would write."""
    known = snapshots.FakeManilaV2
    for name in (known.conf_filename, known.props_filename):
        shutil.copy(Path(known.dirname) / name, tmp_path / name)
    own = type("FakeChanging", (known,), {"dirname": str(tmp_path)})
    monkeypatch.setattr(snapshots, "FakeChanging", own, raising=False)
    return Path(tmp_path, known.props_filename)


def set_readout_error(path: Path, error: float) -> None:
    written = json.loads(path.read_text())
    for value in (it for qubit in written["qubits"] for it in qubit):
        if value["name"] in {"readout_error", "prob_meas0_prep1", "prob_meas1_prep0"}:
            value["value"] = error
    path.write_text(json.dumps(written))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))


def counts(device: EmulatedIbm) -> Mapping[str, int]:
    (outcome,) = device.collect(device.submit([WorkItem(device.compile(ZERO, 1), SHOTS, 1)], event_id()))
    assert isinstance(outcome, Outcome)
    return outcome.counts


def test_compilation_and_noise_follow_each_new_calibration(properties: Path) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    for error in (0.0, 0.4, 0.1):
        set_readout_error(properties, error)
        before, now = device.describe(), device.calibrate()
        assert now.digest == device.describe().calibration_digest != before.calibration_digest
        assert device.compile(ZERO, 1).target_digest == now.digest
        share = counts(device).get("1", 0) / SHOTS
        assert share == pytest.approx(error, abs=0.04), "five standard errors, and the errors of two gates"


def test_a_calibration_that_did_not_change_keeps_what_was_compiled(properties: Path) -> None:
    device = EmulatedIbm("changing", "FakeChanging")
    first = device.compile(ZERO, 1)
    device.calibrate()
    assert device.compile(ZERO, 1) is first


def test_a_snapshot_that_is_being_written_is_read_later(properties: Path) -> None:
    device, text = EmulatedIbm("changing", "FakeChanging"), properties.read_text()
    known = device.describe()
    properties.write_text(text[:100])
    os.utime(properties, ns=(0, 1))
    with pytest.raises(NotReachable, match="the snapshot of changing cannot be read"):
        device.calibrate()
    assert device.describe() == known
    properties.write_text(text)
    assert device.calibrate().digest == known.calibration_digest
