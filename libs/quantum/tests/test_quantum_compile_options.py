"""Compile options change how a circuit runs, never what it computes; their seeds follow from the circuit."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.quantum_info import Operator

from queuebit_contracts.processing import READOUT, ZNE
from queuebit_planning.seeds import compilation_seed
from queuebit_quantum import (
    Backend,
    Circuit,
    Compiled,
    CompileOptions,
    DoesNotFit,
    open_backend,
    parse,
    profile,
    read_compiled,
    require_fit,
    variants,
    with_options,
    write_circuit,
    write_compiled,
)
from queuebit_quantum.compile_options import DEVICE_OPTIONS, read_options

HEAD = 'OPENQASM 3.0; include "stdgates.inc";\n'
SOURCE = HEAD + "qubit[3] q; bit[3] c; h q[0]; cx q[0], q[1]; ry(0.7) q[1]; cx q[1], q[2]; c = measure q;"
OPTIONS = [
    CompileOptions(optimization_level=1),
    CompileOptions(optimization_level=3),
    CompileOptions(dynamical_decoupling="xx"),
    CompileOptions(dynamical_decoupling="xy4"),
    CompileOptions(twirling=2, copy_number=0),
    CompileOptions(twirling=2, copy_number=1),
    CompileOptions(folding=3),
    CompileOptions(optimization_level=2, dynamical_decoupling="xy4", twirling=2, copy_number=1, folding=5),
]


@pytest.fixture(scope="module")
def device() -> Backend:
    return open_backend("emulated-ibm-manila")


def compiled_with(device: Backend, options: CompileOptions, source: str = SOURCE) -> Compiled:
    circuit = with_options(parse(source), options)
    return device.compile(circuit, compilation_seed(circuit.seed_digest or circuit.digest))


def unitary(compiled: Compiled) -> Operator:
    """What a program computes before its measurements, without the times that pass."""
    program: QuantumCircuit = compiled.program
    bare = program.copy_empty_like()
    for step in program.data:
        if step.operation.name not in {"measure", "delay", "barrier"}:
            bare.append(step)
    return Operator(bare)


def wiring(compiled: Compiled) -> dict[int, int]:
    """The device qubit that is measured into each bit."""
    program = compiled.program
    measured = [it for it in program.data if it.operation.name == "measure"]
    return {
        program.find_bit(it.clbits[0]).index: compiled.physical_qubits[program.find_bit(it.qubits[0]).index]
        for it in measured
    }


@pytest.mark.parametrize("options", OPTIONS[2:])
def test_what_comes_after_the_layout_computes_the_same_on_the_same_qubits(
    device: Backend, options: CompileOptions
) -> None:
    plain = compiled_with(device, options.of_item if options.dynamical_decoupling is None else _bare(options))
    found = compiled_with(device, options)
    if options.dynamical_decoupling is None:
        assert wiring(found) == wiring(plain)
        assert unitary(found).equiv(unitary(plain))
    names = [it.operation.name for it in found.program.data]
    assert found.two_qubit_gates == options.folding * plain.two_qubit_gates
    assert (names.count("x") > 1) or options.dynamical_decoupling is None


def _bare(options: CompileOptions) -> CompileOptions:
    return CompileOptions(optimization_level=options.optimization_level)


@pytest.mark.parametrize("sequence", ["xx", "xy4"])
def test_pulses_in_idle_times_leave_the_state_as_it_is(device: Backend, sequence: str) -> None:
    source = (
        HEAD + "bit[2] c; h $0; x $1; cx $0, $1; delay[2us] $1; h $0; cx $0, $1; c[0] = measure $0; c[1] = measure $1;"
    )
    plain, found = (
        compiled_with(device, it, source) for it in (CompileOptions(), CompileOptions(dynamical_decoupling=sequence))
    )
    assert unitary(found).equiv(unitary(plain))
    assert found.options == {"dynamical_decoupling": sequence}


@pytest.mark.parametrize("options", OPTIONS)
def test_the_same_options_compile_to_the_same_and_are_written(device: Backend, options: CompileOptions) -> None:
    first, again = compiled_with(device, options), compiled_with(open_backend("emulated-ibm-manila"), options)
    assert first.program == again.program
    assert first.options == again.options
    assert read_options(options.as_json()) == options
    circuit = with_options(parse(SOURCE), options)
    assert write_circuit(circuit) == b""
    if written := write_compiled(first, circuit):
        assert read_compiled(written)[0].options == first.options


def test_copies_have_one_layout_and_seed_and_differ_in_their_gates(device: Backend) -> None:
    found = [compiled_with(device, CompileOptions(twirling=8, copy_number=it)) for it in range(8)]
    assert len({it.seed for it in found}) == 1
    assert len({it.options["twirling_seed"] for it in found}) == 8
    assert len({str(wiring(it)) for it in found}) == 1
    assert len({str(it.operations) for it in found}) > 1


@pytest.mark.parametrize("post", [(ZNE,), (READOUT, ZNE)])
def test_foldings_have_one_layout_and_seed(device: Backend, post: tuple[str, ...]) -> None:
    """Also the first one, which has no option if `zne/1` is all that a program asks for."""
    found = [compiled_with(device, it) for it in variants({}, post)]
    assert len({it.seed for it in found}) == 1
    assert len({str(wiring(it)) for it in found}) == 1
    assert [it.two_qubit_gates // found[0].two_qubit_gates for it in found] == [1, 3, 5]


def test_every_option_is_in_the_digest_and_none_leaves_the_circuit_as_it_is() -> None:
    circuit = parse(SOURCE)
    digests = {with_options(circuit, it).digest for it in [CompileOptions(), *OPTIONS]}
    assert len(digests) == 1 + len(OPTIONS)
    assert with_options(circuit, CompileOptions()) is circuit


def test_the_readout_errors_are_those_of_the_measured_qubits(device: Backend) -> None:
    calibration = device.calibrate()
    assert calibration is not None
    found = compiled_with(device, CompileOptions(readout_errors=True))
    expected = [calibration.qubits[qubit].readout_error for _, qubit in sorted(wiring(found).items())]
    assert [*found.readout_errors] == expected
    assert all(0 < it < 0.5 for it in found.readout_errors)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_level_is_that_of_qiskit_on_the_ideal_simulator(level: int) -> None:
    aer = open_backend("aer")
    found = aer.compile(with_options(parse(SOURCE), CompileOptions(optimization_level=level)), 7)
    assert found.options == {"optimization_level": level}
    basis = sorted({it.operation.name for it in found.program.data})
    alone = transpile(parse(SOURCE).quantum_circuit, basis_gates=basis, optimization_level=level, seed_transpiler=0)
    assert unitary(found).equiv(Operator(alone.remove_final_measurements(inplace=False)))


@pytest.mark.parametrize("backend", ["aer", "cirq"])
@pytest.mark.parametrize("options", [it for it in OPTIONS if it.features - {"optimization_level"}])
def test_a_backend_without_an_option_refuses_it_by_name(backend: str, options: CompileOptions) -> None:
    circuit = with_options(parse(SOURCE), options)
    assert options.features <= profile(circuit).features
    description = open_backend(backend).describe()
    with pytest.raises(DoesNotFit, match=sorted(options.features - description.features)[0]):
        require_fit(description, circuit)


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        (
            "#pragma braket verbatim\nbox { cx $0, $1; }\nbit c; c = measure $0;",
            OPTIONS[0],
            "verbatim box run as they are",
        ),
        ("qubit q; bit c; c = measure q; if (c == 1) x q; c = measure q;", OPTIONS[3], "the circuit has conditional"),
        (
            "qubit q; bit c; c = measure q; if (c == 1) x q; c = measure q;",
            OPTIONS[6],
            "folding needs a circuit without",
        ),
    ],
)
def test_what_cannot_be_combined_is_refused(device: Backend, source: str, options: CompileOptions, reason: str) -> None:
    with pytest.raises(DoesNotFit, match=reason):
        compiled_with(device, options, HEAD + source)


def test_all_options_are_features_of_an_emulated_device(device: Backend) -> None:
    assert device.describe().features >= DEVICE_OPTIONS
    circuit: Circuit = with_options(parse(SOURCE), OPTIONS[-1])
    assert not circuit.dynamic
