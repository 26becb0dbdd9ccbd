"""Measurements, conditions, resets and subcircuits give the results of Cirq's own simulator."""

from __future__ import annotations

import cirq
import numpy as np
import pytest
import sympy

from queuebit_cirq import NotExported, QueuebitSampler, export

A, B, C, D = Q = cirq.LineQubit.range(4)
a, b = sympy.symbols("a b")
bits = sympy.IndexedBase("a")

CONDITIONS = [
    "a", cirq.KeyCondition(cirq.MeasurementKey("a"), 0), cirq.BitMaskKeyCondition("a"),
    cirq.BitMaskKeyCondition("a", bitmask=2, target_value=2, equal_target=True),
    cirq.BitMaskKeyCondition("a", bitmask=1, target_value=2), cirq.BitMaskKeyCondition("a", target_value=1),
    cirq.BitMaskKeyCondition("a", bitmask=0, equal_target=True), sympy.Eq(a, 2), sympy.Eq(a, 1), a > b, a >= 2 * b,
    sympy.Ne(a, b), sympy.Xor(bits[0], bits[1]), sympy.And(a > 1, sympy.Or(b > 0, sympy.Eq(a, 3))), a - b, a * b,
]  # fmt: skip


def test_conditions_decide_as_in_cirq(sampler: QueuebitSampler) -> None:
    """The first bit of a key is its highest in Cirq; each value of both keys is tried. A CCZ is all or nothing."""
    programs = []
    for value in range(8):
        circuit = cirq.Circuit(cirq.X(qubit) for place, qubit in enumerate((A, B, C)) if value >> place & 1)
        circuit += [cirq.measure(A, B, key="a"), cirq.measure(C, key="b"), cirq.reset_each(A, B), cirq.X.on_each(A, B)]
        for condition in CONDITIONS:
            controlled = cirq.CCZ(A, B, C).with_classical_controls(condition)
            circuit += [cirq.reset(C), cirq.H(C), controlled, cirq.H(C), cirq.measure(C, key=f"{condition!r} decides")]
        programs.append(circuit)
    for (ours,), (theirs,) in zip(sampler.run_batch(programs), cirq.Simulator().run_batch(programs), strict=True):
        for key, decided in theirs.measurements.items():
            assert ours.measurements[key].tolist() == decided.tolist(), (key, theirs.measurements["a"])
    assert len(sampler.job_ids) == 1


def deterministic() -> list[cirq.Circuit]:
    """Circuits whose every measurement is certain."""
    inverted = cirq.Circuit(
        cirq.X(A), cirq.measure(A, B, key="m", invert_mask=(True,)), cirq.CX(A, C), cirq.measure(A, C, key="n"),
        cirq.X(D).with_classical_controls("m"), cirq.measure(D, key="d", invert_mask=(True,)),
    )  # fmt: skip
    repeated = cirq.Circuit(
        cirq.measure(A, B, key="a"), cirq.X(A), cirq.measure(A, B, key="a"), cirq.X(B), cirq.measure(A, B, key="a"),
        cirq.X(C).with_classical_controls(cirq.KeyCondition(cirq.MeasurementKey("a"), 0)),
        cirq.X(D).with_classical_controls(cirq.BitMaskKeyCondition("a", -2, target_value=2, equal_target=True)),
        cirq.measure(C, D, key="result"),
    )  # fmt: skip
    inner = cirq.FrozenCircuit(cirq.X(A), cirq.measure(A, key="k"), cirq.X(B).with_classical_controls("k"))
    looped = cirq.CircuitOperation(inner, repetitions=3, use_repetition_ids=True, qubit_map={A: C, B: D})
    nested = cirq.Circuit(looped, cirq.X(A).with_classical_controls("2:k"), cirq.measure(*Q, key="all"))
    merged = cirq.CircuitOperation(inner, repetitions=3, use_repetition_ids=False)
    once = cirq.Circuit(merged, cirq.measure(*Q, key="all"))
    twice = cirq.X(B).with_classical_controls("k").with_tags("tag").with_classical_controls(sympy.Symbol("k") > 0)
    tagged = cirq.Circuit(
        cirq.X(A).with_tags("tag"), cirq.measure(A, key="k").with_tags("tag"), cirq.wait(A, nanos=3), twice,
        cirq.measure_single_paulistring(-cirq.Z(A) * cirq.Z(B), key="zz"), cirq.ResetChannel()(A),
        cirq.measure(*Q, key="z"),
    )  # fmt: skip
    controlled = cirq.Circuit(
        cirq.measure(A, key="0"),
        cirq.CircuitOperation(cirq.FrozenCircuit(cirq.X(B), cirq.CX(B, C))).with_classical_controls(
            sympy.Eq(sympy.Symbol("0"), 0)
        ),
        cirq.measure(B, C, key="if"),
    )
    return [inverted, repeated, nested, once, tagged, controlled]


def test_measurements_are_those_of_cirq_in_shape_and_order(sampler: QueuebitSampler) -> None:
    programs = deterministic()
    theirs = cirq.Simulator().run_batch(programs, repetitions=2)
    for (ours,), (wanted,) in zip(sampler.run_batch(programs, repetitions=2), theirs, strict=True):
        assert ours == wanted
        assert {it.dtype for it in ours.records.values()} == {np.dtype(np.int8)}


def test_measurements_have_the_type_of_cirqs_simulator_and_can_be_exponents(sampler: QueuebitSampler) -> None:
    circuit = cirq.Circuit(cirq.X(A), cirq.measure(A, B, key="m"))
    ours, theirs = (it.run(circuit, repetitions=2).measurements["m"] for it in (sampler, cirq.Simulator()))
    assert ours.dtype == theirs.dtype
    assert ((-1) ** ours == [[-1, 1], [-1, 1]]).all()


def test_shares_are_those_of_the_state(sampler: QueuebitSampler) -> None:
    """An asymmetric circuit with a measurement in its middle, within five standard deviations of exact shares."""
    circuit = cirq.Circuit(
        cirq.ry(0.7)(A), cirq.CX(A, B) ** 0.6, cirq.measure(A, key="mid"),
        cirq.ry(1.1)(C).with_classical_controls("mid"), cirq.CX(C, B), cirq.measure(C, B, key="end"),
    )  # fmt: skip
    shots = 4_000
    ours = sampler.run(circuit, repetitions=shots).multi_measurement_histogram(keys=["mid", "end"])
    deferred = cirq.defer_measurements(circuit)
    state = cirq.Circuit(it for it in deferred.all_operations() if not cirq.is_measurement(it))
    kept = {key: op.qubits for op in deferred.all_operations() for key in cirq.measurement_key_names(op)}
    order = [*kept["mid"], *kept["end"]]
    rest = sorted(state.all_qubits() - {*order})
    amplitudes = state.final_state_vector(qubit_order=[*order, *rest])
    shares = np.square(np.abs(amplitudes)).reshape(8, -1).sum(axis=1)
    for index, share in enumerate(shares):
        spread = 5 * np.sqrt(share * (1 - share) / shots) + 1e-6
        assert abs(ours[index >> 2, index & 3] / shots - share) <= spread, index


@pytest.mark.parametrize(
    ("operations", "text"),
    [
        (
            [cirq.X(A).with_classical_controls("later"), cirq.measure(A, key="later")],
            "'later', which is measured 0 times",
        ),
        (
            [
                cirq.measure(A, key="k"),
                cirq.X(A).with_classical_controls(cirq.KeyCondition(cirq.MeasurementKey("k"), 1)),
            ],
            "reads measurement 1 of the key 'k', which is measured 1 times",
        ),
        ([cirq.measure(A, key="k"), cirq.measure(A, B, key="k")], "measures different numbers of qubits"),
        (
            [
                cirq.measure(*cirq.LineQubit.range(11), key="a"),
                cirq.X(A).with_classical_controls(sympy.Symbol("a") > 9),
            ],
            "reads 11 bits: a formula may read 10",
        ),
        (
            [
                cirq.CircuitOperation(
                    cirq.FrozenCircuit(cirq.H(A), cirq.measure(A, key="k")),
                    use_repetition_ids=False,
                    repeat_until=cirq.KeyCondition(cirq.MeasurementKey("k")),
                )
            ],
            "a subcircuit repeats until k",
        ),
    ],
    ids=["later", "index", "shapes", "formula", "until"],
)
def test_what_cannot_be_meant_is_refused(operations: list[cirq.Operation], text: str) -> None:
    circuit = cirq.Circuit()
    circuit._moments = [cirq.Moment(it) for it in operations]  # Cirq itself refuses to build some of these
    with pytest.raises(NotExported, match=text):
        export(circuit)


def test_names_of_keys_and_symbols_cannot_break_the_source() -> None:
    nasty = 'x;\n"reset'
    circuit = cirq.Circuit(cirq.X(A) ** sympy.Symbol(nasty), cirq.measure(A, key=nasty), cirq.measure(A, key="x_reset"))
    exported = export(circuit)
    assert exported.inputs == {nasty: "p_x_reset"}
    assert [it.name for it in exported.registers] == ["m_x_reset", "m_x_reset_2"]
    assert all(line.endswith((";", "}", "{")) or "//" in line for line in exported.source.splitlines())
