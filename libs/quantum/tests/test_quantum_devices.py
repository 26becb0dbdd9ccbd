"""Emulated devices: compiled circuits, their forecasts, and calibrations."""

import json
import math
from typing import Any

import pytest

from queuebit_kernel import digest_of
from queuebit_planning.fidelity import errors_in, esp_ppm, read_operations, write_operations
from queuebit_quantum import WorkItem, known_backends, open_backend, parse
from queuebit_quantum.ibm import EmulatedIbm
from queuebit_quantum.physical import remove_idle_qubits

HEADER = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
GHZ4 = HEADER + "qreg q[4]; creg c[4]; h q[0]; cx q[0],q[1]; cx q[1],q[2]; cx q[2],q[3]; measure q -> c;"
ROTATIONS = (
    HEADER + "qreg q[3]; creg a[1]; creg b[2]; rx(0.7) q[0]; ry(1.1) q[1]; cx q[0],q[1]; rz(0.4) q[1]; cx q[1],q[2];"
    "ry(0.9) q[2]; cx q[0],q[2]; measure q[0] -> a[0]; measure q[1] -> b[0]; measure q[2] -> b[1];"
)
TELEPORT = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[1] z_fix; bit[1] x_fix; bit[1] out;'
    "ry(1.0) q[0]; h q[1]; cx q[1], q[2]; cx q[0], q[1]; h q[0]; z_fix[0] = measure q[0]; x_fix[0] = measure q[1];"
    "barrier q; delay[2us] q[2]; if (x_fix[0]) { x q[2]; } if (z_fix[0]) { z q[2]; } out[0] = measure q[2];"
)


def _device(id_: str) -> EmulatedIbm:
    device = open_backend(id_)
    assert isinstance(device, EmulatedIbm)
    return device


def test_noise_changes_the_distribution() -> None:
    device = _device("emulated-ibm-manila")
    counts = device.run(WorkItem(device.compile(parse(GHZ4), 1), 4_000, 1)).counts
    agreeing = (counts["0000"] + counts["1111"]) / 4_000
    assert 0.6 < agreeing < 0.98


@pytest.mark.parametrize("id_", [id_ for id_ in known_backends("ibm") if id_ not in ("emulated-ibm-brisbane",)])
def test_forecasts_follow_from_the_calibration(id_: str) -> None:
    device = _device(id_)
    compiled = device.compile(parse(GHZ4), 1)
    assert compiled.target_digest == device.describe().calibration_digest == device.calibrate().digest
    assert compiled.two_qubit_gates >= 3
    assert len(compiled.physical_qubits) == 4
    assert 0.5 < compiled.esp < 1.0
    readouts = (device.calibrate().qubits[qubit].readout_error or 0.0 for qubit in compiled.physical_qubits)
    assert compiled.esp < math.prod(1 - error for error in readouts)
    assert 1e-7 < compiled.duration_s < 1e-4
    assert compiled.qpu_us(1_000) == pytest.approx(1e6 * (1_000 * (compiled.duration_s + 250e-6) + 2.0), abs=2)


@pytest.mark.parametrize("id_", known_backends("ibm"))
def test_the_esp_follows_from_the_operations_and_the_published_snapshot(id_: str) -> None:
    """A service computes the same ESP as the compiler from these two."""
    device = _device(id_)
    errors = errors_in(json.dumps(device.calibrate().as_json()).encode())
    assert errors is not None
    for source in (GHZ4, ROTATIONS, TELEPORT):
        compiled = device.compile(parse(source), 1)
        operations = read_operations(write_operations(compiled.operations))
        assert esp_ppm(operations, errors) == round(compiled.esp * 1_000_000)
        known = [(device._target[gate].get(qubits), times) for gate, qubits, times in operations]
        product = math.prod((1 - (it.error or 0.0)) ** times for it, times in known if it is not None)
        assert compiled.esp == pytest.approx(product, rel=1e-12), "the product over the calibration"


def test_durations_follow_the_longest_path() -> None:
    device, readout = _device("emulated-ibm-perth"), 7.2e-7
    both = device.compile(parse(HEADER + "qreg q[2]; creg c[2]; measure q -> c;"), 1)
    assert both.duration_s == pytest.approx(readout, rel=0.1), "in parallel"
    assert device.compile(parse(TELEPORT), 1).duration_s > 2 * readout + 2e-6, "in sequence"


def test_a_delay_does_not_need_to_be_a_multiple_of_the_devices_clock() -> None:
    device = _device("emulated-ibm-manila")
    source = 'OPENQASM 3.0; include "stdgates.inc"; qubit q; bit c; x q; delay[2us] q; c = measure q;'
    assert device.compile(parse(source), 1).duration_s > 2e-6


def test_compiled_circuits_are_cached_per_seed() -> None:
    device = _device("emulated-ibm-perth")
    assert device.compile(parse(GHZ4), 1) is device.compile(parse(GHZ4), 1)
    assert device.compile(parse(GHZ4), 2) is not device.compile(parse(GHZ4), 1)


def test_idle_qubits_are_removed_and_the_order_is_kept() -> None:
    circuit = parse(
        HEADER + "qreg q[6]; creg c[2]; x q[4]; barrier q; cx q[4], q[1]; measure q[1] -> c[0]; measure q[4] -> c[1];"
    )
    program, qubits = remove_idle_qubits(circuit.quantum_circuit)
    assert qubits == (1, 4)
    steps = [(gate.operation.name, [program.find_bit(bit).index for bit in gate.qubits]) for gate in program.data]
    assert steps == [("x", [1]), ("barrier", [0, 1]), ("cx", [1, 0]), ("measure", [0]), ("measure", [1])]


def test_a_calibration_is_plain_json_with_a_digest() -> None:
    calibration = _device("emulated-ibm-manila").calibrate()
    figures = calibration.as_json()
    assert figures["calibrated_at"] == "2024-05-27T18:27:23.000000Z"
    assert len(figures["qubits"]) == 5
    assert [coupler["qubits"] for coupler in figures["couplers"]] == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert 0 < figures["medians"]["two_qubit_error"] < 0.05
    assert 1e-5 < figures["medians"]["t1_s"] < 1e-3
    assert figures["durations"]["cx"]["0 1"] != figures["durations"]["cx"]["1 0"], "ordered qubits"
    assert figures["durations"]["measure"]["0"] == pytest.approx(5.35e-6, rel=0.01)
    assert figures["dt_s"] == pytest.approx(2.2e-10, rel=0.02)
    texts = {key: _texts(value) for key, value in figures.items() if key not in ("digest", "medians")}
    assert figures["digest"] == digest_of(texts)


def _texts(value: Any) -> Any:  # a JSON value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    return [_texts(item) for item in value] if isinstance(value, list) else value
