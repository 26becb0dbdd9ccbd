"""The layout of a circuit on a device: qubits that the program names are kept, failed gates are not used."""

import pytest

from queuebit_quantum import Compiled, DoesNotFit, WorkItem, known_backends, open_backend, parse
from queuebit_quantum.ibm import EmulatedIbm
from queuebit_quantum.physical import gate_steps, named_steps

from .simulators import simulator

HEADER = 'OPENQASM 3.0; include "stdgates.inc"; '
SWAP_IN_A_BLOCK = (
    HEADER + "qubit[2] q; bit a; bit[2] c; x q[0]; a = measure q[1]; if (!a) { swap q[0], q[1]; } c = measure q;"
)
STAR_IN_A_BLOCK = (
    HEADER + "qubit[4] q; bit a; bit[4] c; h q[0]; a = measure q[3];"
    "if (a) { cx q[0], q[1]; cx q[1], q[2]; cx q[2], q[0]; } else { cx q[0], q[3]; } c = measure q;"
)
CHAIN = (
    HEADER + "qubit[5] q; bit[5] c; h q[0]; cx q[0], q[1]; cx q[1], q[2]; cx q[2], q[3]; cx q[3], q[4]; c = measure q;"
)
DEVICES = known_backends("ibm")


def _device(id_: str) -> EmulatedIbm:
    device = open_backend(id_)
    assert isinstance(device, EmulatedIbm)
    return device


def _compiled(id_: str, body: str) -> Compiled:
    return _device(id_).compile(parse(HEADER + body), 1)


def _ones(id_: str, body: str, shots: int = 4_000) -> float:
    """The share of shots in which the only bit is 1."""
    device = _device(id_)
    return device.run(WorkItem(device.compile(parse(HEADER + body), 1), shots, 1)).counts.get("1", 0) / shots


@pytest.mark.parametrize("source", [SWAP_IN_A_BLOCK, STAR_IN_A_BLOCK, CHAIN], ids=["swap", "star", "chain"])
@pytest.mark.parametrize("id_", DEVICES)
def test_no_gate_uses_a_coupler_that_failed_its_calibration(id_: str, source: str) -> None:
    device = _device(id_)
    compiled = device.compile(parse(source), 1)
    target = device._target
    for operation, qubits in gate_steps(compiled.program, compiled.physical_qubits):
        if operation.name != "barrier":
            assert (getattr(target[operation.name].get(qubits), "error", None) or 0.0) < 1.0
    assert compiled.esp > 0.3


@pytest.mark.parametrize("source", [SWAP_IN_A_BLOCK, STAR_IN_A_BLOCK, CHAIN], ids=["swap", "star", "chain"])
def test_names_and_qubits_of_steps_are_those_of_the_operations(source: str) -> None:
    circuit = parse(source).quantum_circuit
    places = range(10, 10 + circuit.num_qubits)
    assert [*named_steps(circuit, places)] == [(it.name, on) for it, on in gate_steps(circuit, places)]


def test_gates_inside_a_condition_run_on_working_couplers() -> None:
    device = _device("emulated-ibm-hanoi")
    counts = device.run(WorkItem(device.compile(parse(SWAP_IN_A_BLOCK), 1), 2_000, 1)).counts
    assert counts["10 0"] > 0.9 * 2_000


def test_esp_counts_gates_inside_a_condition() -> None:
    with_swap = _device("emulated-ibm-perth").compile(parse(SWAP_IN_A_BLOCK), 1)
    without = SWAP_IN_A_BLOCK.replace("swap q[0], q[1];", "x q[0];")
    assert with_swap.esp < _device("emulated-ibm-perth").compile(parse(without), 1).esp


@pytest.mark.parametrize("id_", ["aer", "emulated-ibm-perth"])
def test_gates_inside_a_condition_are_counted_one_by_one(id_: str) -> None:
    block = HEADER + "qubit[2] q; bit c; c = measure q[0]; if (c) { cx q[0], q[1]; t q[1]; cx q[0], q[1]; }"
    assert open_backend(id_).compile(parse(block), 1).two_qubit_gates == 2


def test_a_named_device_qubit_is_used() -> None:
    body = "bit c; x $86; c = measure $86;"
    compiled = _compiled("emulated-ibm-torino", body)
    assert compiled.physical_qubits == (86,)
    readout = _device("emulated-ibm-torino").calibrate().qubits[86].readout_error
    assert readout is not None
    assert readout > 0.5
    assert 1 - _ones("emulated-ibm-torino", body) == pytest.approx(readout, abs=0.15), "the two readout errors differ"


def test_each_device_qubit_has_its_own_errors() -> None:
    bodies = [f"bit c; x ${qubit}; c = measure ${qubit};" for qubit in (15, 0, 86)]
    assert len({_compiled("emulated-ibm-torino", body).esp for body in bodies}) == 3
    good, fair, bad = (_ones("emulated-ibm-torino", body) for body in bodies)
    assert good > 0.95 > 0.9 > fair > 0.7 > bad


def test_device_qubits_that_are_not_coupled_are_refused() -> None:
    with pytest.raises(DoesNotFit, match=r"`cx \$0, \$132` needs a working coupler .* \$0 couples to \$1, \$15"):
        _compiled("emulated-ibm-torino", "bit[2] c; cx $0, $132; c[0] = measure $0; c[1] = measure $132;")


def test_device_qubits_with_a_failed_coupler_are_refused() -> None:
    with pytest.raises(DoesNotFit, match=r"\$19 couples to none"):
        _compiled("emulated-ibm-torino", "bit c; c = measure $19; if (c) { cx $19, $20; } c = measure $20;")


def test_an_unknown_device_qubit_is_refused() -> None:
    with pytest.raises(DoesNotFit, match=r"it has no qubit \$7, \$9: use \$0 to \$4"):
        _compiled("emulated-ibm-manila", "bit c; x $7; x $9; c = measure $7;")


def test_a_three_qubit_gate_on_device_qubits_that_needs_routing_is_refused() -> None:
    with pytest.raises(DoesNotFit, match="cannot be compiled"):
        _compiled("emulated-ibm-manila", "bit c; ccx $0, $1, $2; c = measure $2;")


def test_the_optimiser_does_not_move_device_qubits() -> None:
    """Otherwise the optimiser replaces a swap by a renaming of the qubits."""
    body = "bit[2] c; x $2; h $2; h $2; swap $2, $3; c[0] = measure $2; c[1] = measure $3;"
    compiled = _compiled("emulated-ibm-manila", body)
    assert compiled.physical_qubits == (2, 3)
    assert compiled.two_qubit_gates >= 2
    counts = _device("emulated-ibm-manila").run(WorkItem(compiled, 500, 1)).counts
    assert max(counts, key=counts.__getitem__) == "10"


def test_a_coupler_that_works_in_one_direction_is_used_in_that_direction() -> None:
    compiled = _compiled("emulated-ibm-hanoi", "bit[2] c; x $19; cx $19, $20; c[0] = measure $19; c[1] = measure $20;")
    assert {on for operation, on in gate_steps(compiled.program, compiled.physical_qubits) if len(on) == 2} == {
        (20, 19)
    }


@pytest.mark.parametrize("id_", ["aer", "cirq"])
def test_an_ideal_simulator_accepts_device_qubits(id_: str) -> None:
    backend = simulator(id_)
    compiled = backend.compile(parse(HEADER + "bit c; x $86; c = measure $86;"), 1)
    assert backend.run(WorkItem(compiled, 10, 1)).counts == {"1": 10}
