"""Writes a circuit of Cirq as OpenQASM 3, exactly or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cirq

from queuebit_cirq.conditions import Register, condition_text
from queuebit_cirq.errors import NotExported
from queuebit_cirq.expressions import number, written
from queuebit_cirq.steps import Step, steps_of

__all__ = ["Export", "export"]

_STANDARD = {("x", 1): "cx", ("y", 1): "cy", ("z", 1): "cz", ("h", 1): "ch", ("p", 1): "cp", ("rx", 1): "crx",
             ("ry", 1): "cry", ("rz", 1): "crz", ("x", 2): "ccx", ("swap", 1): "cswap"}  # fmt: skip
"""The gate of `stdgates.inc` for a gate with a number of controls that are 1."""
_UNUSUAL = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Export:
    """A circuit as OpenQASM 3."""

    source: str
    qubits: tuple[cirq.Qid, ...]
    """The qubit at each place of the register `q`."""
    keys: Mapping[str, tuple[Register, ...]]
    """The registers of each measurement key, one for each time that the circuit measures it."""
    registers: tuple[Register, ...]
    """All registers, in order of declaration; a bit string of a result has them from right to left."""
    inputs: Mapping[str, str]
    """The `input` of each parameter of the circuit."""


def export(circuit: cirq.AbstractCircuit, *, qubit_order: cirq.QubitOrderOrList = cirq.QubitOrder.DEFAULT) -> Export:
    """Write a circuit as OpenQASM 3; its symbols become inputs.

    Gates are exact up to a global phase. Classical controls, inverted measurements (as `x` before the measurement),
    resets, waits, repeated keys and subcircuits keep their meaning. Tags are ignored.

    Args:
        circuit: of qubits; it need not measure.
        qubit_order: the order of the register `q`; default: Cirq's.

    Raises:
        NotExported: OpenQASM cannot express an operation exactly; the text names it and what to do.
    """
    return _Writer(circuit, qubit_order).export(circuit)


class _Writer:
    def __init__(self, circuit: cirq.AbstractCircuit, qubit_order: cirq.QubitOrderOrList) -> None:
        self._qubits = cirq.QubitOrder.as_qubit_order(qubit_order).order_for(circuit.all_qubits())
        self._places = {qubit: f"q[{place}]" for place, qubit in enumerate(self._qubits)}
        self._names: set[str] = set()
        self._inputs = {name: self._name("p", name) for name in sorted(cirq.parameter_names(circuit))}
        self._measured: dict[cirq.MeasurementKey, list[Register]] = {}
        self._registers: list[Register] = []
        self._inverted: set[cirq.Qid] = set()
        """Measured qubits that are still in the inverted state, because nothing has used them since."""

    def export(self, circuit: cirq.AbstractCircuit) -> Export:
        for qubit in self._qubits:
            if qubit.dimension != 2:
                raise NotExported(f"{qubit!r} has {qubit.dimension} levels: OpenQASM has qubits only")
        body = [line for operation in circuit.all_operations() for line in self._operation(operation)]
        head = ["OPENQASM 3.0;", 'include "stdgates.inc";']
        head += [f"input float[64] {name};  // {symbol!r}" for symbol, name in self._inputs.items()]
        head += [f"// q[{place}] is {qubit!r}" for place, qubit in enumerate(self._qubits)]
        head += [f"qubit[{len(self._qubits)}] q;"] if self._qubits else []
        head += [f"bit[{it.width}] {it.name};" for it in self._registers]
        keys = {str(key): tuple(registers) for key, registers in self._measured.items()}
        source = "\n".join([*head, *body, ""])
        return Export(source, tuple(self._qubits), keys, tuple(self._registers), self._inputs)

    def _name(self, prefix: str, text: str) -> str:
        """A name of its own for a symbol or a key; the prefix keeps it apart from the words of OpenQASM."""
        plain = f"{prefix}_{_UNUSUAL.sub('_', text)}"
        name, number_ = plain, 1
        while name in self._names:
            number_ += 1
            name = f"{plain}_{number_}"
        self._names.add(name)
        return name

    def _operation(self, operation: cirq.Operation) -> Iterator[str]:
        for qubit in operation.qubits:
            if qubit in self._inverted:
                self._inverted.discard(qubit)
                yield f"x {self._places[qubit]};"
        if operation.classical_controls:
            yield from self._conditional(operation)
            return
        operation = operation.untagged
        if isinstance(operation, cirq.CircuitOperation):
            yield from self._subcircuit(operation)
            return
        match operation.gate:
            case cirq.MeasurementGate():
                yield from self._measurement(operation, operation.gate)
            case cirq.ResetChannel():
                yield f"reset {self._place(operation.qubits[0], operation)};"
            case cirq.WaitGate():
                yield from self._wait(operation, operation.gate)
            case _ if cirq.has_unitary(operation) or cirq.is_parameterized(operation):
                for step in steps_of(operation):
                    yield from self._step(step, operation)
            case _:
                yield from self._composite(operation)

    def _composite(self, operation: cirq.Operation) -> Iterator[str]:
        parts = cirq.decompose_once(operation, None)
        if parts is None:
            raise NotExported(
                f"{operation} cannot be exported: it is neither a gate nor a measurement, and Cirq cannot decompose "
                "it. For noise, run the circuit without it on an emulated device"
            )
        for part in parts:
            yield from self._operation(part)

    def _conditional(self, operation: cirq.Operation) -> Iterator[str]:
        conditions = sorted(operation.classical_controls, key=str)
        texts = [condition_text(it, self._measured) for it in conditions]
        if False in texts:
            return
        body = list(self._operation(operation.without_classical_controls()))
        texts = [it for it in texts if it is not True]
        if texts and body:
            condition = texts[0] if len(texts) == 1 else " && ".join(f"({it})" for it in texts)
            yield from (f"if ({condition}) {{", *(f"  {line}" for line in body), "}")
        else:
            yield from body

    def _subcircuit(self, operation: cirq.CircuitOperation) -> Iterator[str]:
        if operation.repeat_until is not None:
            raise NotExported(
                f"a subcircuit repeats until {operation.repeat_until}: OpenQASM has such loops, and no backend runs "
                "them. Give it a number of repetitions"
            )
        if cirq.is_parameterized(operation.repetitions):
            raise NotExported(f"a subcircuit is repeated {operation.repetitions} times: give its symbols values")
        for part in operation.mapped_circuit(deep=False).all_operations():
            yield from self._operation(part)

    def _measurement(self, operation: cirq.Operation, gate: cirq.MeasurementGate) -> Iterator[str]:
        key = cirq.measurement_key_obj(operation)
        if gate.confusion_map:
            raise NotExported(f"the measurement {str(key)!r} has a confusion map: apply it to the results instead")
        registers = self._measured.setdefault(key, [])
        if registers and registers[0].width != len(operation.qubits):
            raise NotExported(f"the key {str(key)!r} measures different numbers of qubits: use two keys")
        register = Register(self._name("m", str(key)), len(operation.qubits))
        registers.append(register)
        self._registers.append(register)
        for qubit, bit, inverted in zip(operation.qubits, register.bits(), gate.full_invert_mask(), strict=True):
            place = self._place(qubit, operation)
            if inverted:
                self._inverted.add(qubit)
                yield f"x {place};"
            yield f"{bit} = measure {place};"

    def _wait(self, operation: cirq.Operation, gate: cirq.WaitGate) -> Iterator[str]:
        nanoseconds = number(gate.duration.total_nanos())
        if not isinstance(nanoseconds, float):
            raise NotExported(f"{operation} has a duration with symbols: give them values")
        for qubit in operation.qubits:
            yield f"delay[{nanoseconds!r}ns] {self._place(qubit, operation)};"

    def _step(self, step: Step, operation: cirq.Operation) -> Iterator[str]:
        if step.name == "gphase" and not step.controls:
            return  # it changes no result
        states = [value for _, value in step.controls]
        name = _STANDARD.get((step.name, len(states))) if all(states) else None
        if name is None:
            name = "".join("ctrl @ " if value else "negctrl @ " for value in states) + step.name
        angles = f"({', '.join(written(it, self._inputs) for it in step.angles)})" if step.angles else ""
        on = [self._place(qubit, operation) for qubit in (*(qubit for qubit, _ in step.controls), *step.targets)]
        yield f"{name}{angles} {', '.join(on)};"

    def _place(self, qubit: cirq.Qid, operation: cirq.Operation) -> str:
        if qubit not in self._places:
            raise NotExported(
                f"{operation} cannot be exported: its decomposition needs more qubits. Decompose it first"
            )
        return self._places[qubit]
