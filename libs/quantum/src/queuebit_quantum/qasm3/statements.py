"""Expands statements without blocks: declarations, gates and measurements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from openqasm3 import ast
from qiskit.circuit import Delay, Measure, Operation, Reset
from qiskit.circuit.library import Barrier

from queuebit_quantum.limits import Limits
from queuebit_quantum.loaded import Verbatim
from queuebit_quantum.parameters import Input, Parameters, parameter_faults
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.gates import Gates
from queuebit_quantum.qasm3.library import operations
from queuebit_quantum.qasm3.loops import Loops
from queuebit_quantum.qasm3.names import Bits, Scope, Subroutine, Variable
from queuebit_quantum.qasm3.storage import Storage, named
from queuebit_quantum.qasm3.symbols import Tape
from queuebit_quantum.qasm3.values import OPEN_KINDS, Duration, Qubits, Type, Value, Word, converted, initial
from queuebit_quantum.structure import USABLE, unusable_delay

__all__ = ["Statements", "input_of"]

_OUTPUTS = frozenset({"angle", "bit", "bool", "uint"})
"""Types of outputs: the bits of such a value are a register of the result."""
_SMALL_COST = 8
"""Number of qubits of a barrier, or bits of a variable, that count as one operation."""


class Statements(Storage):
    """Declarations, gates and measurements."""

    def __init__(self, source_map: SourceMap, limits: Limits, physical: tuple[int, ...]) -> None:
        super().__init__(source_map, limits, physical)
        self.loops = Loops(self.expressions, self.costs, source_map)
        self.gates = Gates(self.expressions, self.loops, self.costs, source_map, self.globals)
        if source_map.braket:
            self.gates.include_braket()
        self.physical = physical
        self.num_qubits = len(physical)
        self.given: Parameters = {}
        """The values of the inputs."""
        self.tape: Tape | None = None
        """Where inputs without a value stay open; None if each must have one."""
        self.registers: list[tuple[int, ...]] = []
        self.outputs: list[tuple[int, ...]] = []
        self.verbatim: list[Verbatim] = []
        self.places: dict[str, tuple[int | None, int | None]] = {}
        """Line and column of the first use of features that few backends have."""
        self.in_box = False
        """Whether a verbatim box is open."""
        self.simple: dict[type[Node], Callable[[Node, Scope], object]] = {
            ast.QubitDeclaration: self._declare_qubits,
            ast.ClassicalDeclaration: self._declare,
            ast.ConstantDeclaration: self._declare_constant,
            ast.IODeclaration: self._declare_io,
            ast.AliasStatement: self._alias,
            ast.QuantumGateDefinition: lambda node, _: self.gates.define(node),
            ast.SubroutineDefinition: self._declare_subroutine,
            ast.ExternDeclaration: self._declare_subroutine,
            ast.Include: self._include,
            ast.QuantumGate: self._gate,
            ast.QuantumPhase: self._gate,
            ast.QuantumMeasurementStatement: self._measure_into,
            ast.QuantumReset: self._reset,
            ast.QuantumBarrier: self._barrier,
            ast.DelayInstruction: self._delay,
            ast.ClassicalAssignment: self.assign,
            ast.ExpressionStatement: lambda node, scope: self.expressions.value(node.expression, scope),
        }

    # ------------------------------------------------------------------------------------------------ declarations

    def _declare_qubits(self, node: Node, scope: Scope) -> None:
        if self.physical:
            raise UnlocatedError(
                f"{node.qubit.name!r} is declared in a program that names device qubits such as ${self.physical[0]}",
                "either declared qubits or device qubits",
            )
        size = 1 if node.size is None else self.expressions.length(node.size, scope)
        self.costs.size.declare(node.qubit.name, size, quantum=True, error=_unlocated(node, self.source_map))
        indices = tuple(range(self.num_qubits, self.num_qubits + size))
        scope.declare(node.qubit.name, Qubits(indices, scalar=node.size is None))
        self.num_qubits += size

    def _declare(self, node: Node, scope: Scope) -> None:
        kind = self.expressions.type(node.type, scope)
        name = node.identifier.name
        measured = isinstance(node.init_expression, ast.QuantumMeasurement)
        self.costs.spend(kind.width * math.prod(kind.dimensions) // _SMALL_COST, node)
        value = initial(kind)
        if node.init_expression is not None and not measured:
            value = converted(self.expressions.value(node.init_expression, scope), kind)
        if kind.kind == "bit" and not kind.dimensions and scope is self.globals:
            self._declare_result(node, kind)
        else:
            scope.declare(name, Variable(kind, initial(kind), depth=self.assembly.depth))
        if measured:
            self.measure(node.init_expression, self.bits(node.identifier, scope), scope)
        elif node.init_expression is not None:
            self.set(node.identifier, value, scope)

    def _declare_result(self, node: Node, kind: Type) -> tuple[int, ...]:
        """Add a register that is part of the result."""
        name = node.identifier.name
        self.costs.size.declare(name, kind.width, quantum=False, error=_unlocated(node, self.source_map))
        bits = self.memory.allocate(kind.width, visible=True)
        self.globals.declare(name, Bits(bits, kind))
        self.registers.append(bits)
        return bits

    def _declare_constant(self, node: Node, scope: Scope) -> None:
        kind = self.expressions.type(node.type, scope)
        value = converted(self.expressions.value(node.init_expression, scope), kind)
        if not _is_known(value):
            raise UnlocatedError(
                f"the constant {node.identifier.name!r} depends on a measurement", "a value known before the run"
            )
        scope.declare(node.identifier.name, Variable(kind, value, constant=True))

    def _declare_io(self, node: Node, scope: Scope) -> None:
        name = node.identifier.name
        if node.io_identifier.name == "input":
            self._declare_input(node, scope)
            return
        kind = self.expressions.type(node.type, scope)
        if kind.kind not in _OUTPUTS or kind.dimensions:
            raise UnlocatedError(
                f"the output {name!r} of type {kind.kind} is not made of bits",
                "an output of type bit, bool, uint or angle",
            )
        self.outputs.append(self._declare_result(node, kind))

    def _declare_input(self, node: Node, scope: Scope) -> None:
        declared = input_of(node)
        if declared.name in self.given:
            value = self._given(declared)
        elif self.tape is not None and declared.kind in OPEN_KINDS:
            value = self.tape.open(declared.name)
        else:
            raise UnlocatedError(
                f"no value is given for {declared.name}", "a sweep or an item of a program that gives one", "parameter"
            )
        kind = self.expressions.type(node.type, scope)
        self.costs.spend(kind.width // _SMALL_COST, node)
        scope.declare(declared.name, Variable(kind, converted(value, kind), depth=self.assembly.depth))

    def _given(self, declared: Input) -> Value:
        value = self.given[declared.name]
        if faults := parameter_faults((declared,), {declared.name: value}):
            raise UnlocatedError(faults[0], "", "parameter")
        return Word(tuple(bit == "1" for bit in reversed(value))) if isinstance(value, str) else value

    def _declare_subroutine(self, node: Node, scope: Scope) -> None:
        scope.declare(node.name.name, Subroutine(node))

    def _alias(self, node: Node, scope: Scope) -> None:
        for name in named(node.value):
            symbol = scope.find(name) if not name.startswith("$") else None
            if isinstance(symbol, Variable) and symbol.type.kind == "bit" and not symbol.constant:
                self.put_in_bits(name, scope)
        found: Any = self.expressions.operand(node.value, scope)
        if not isinstance(found, Qubits | Bits):
            found = Variable(Type("bit"), found, constant=True)
        scope.declare(node.target.name, found)

    def _include(self, node: Node, _: Scope) -> None:
        self.gates.include_standard()  # `tokens.read` refuses other files

    # ---------------------------------------------------------------------------------------------------- quantum

    def _gate(self, node: Node, scope: Scope) -> None:
        if isinstance(node, ast.QuantumGate):
            if not self.gates.defines(node.name.name) and self._is_subroutine(node.name.name, scope):
                if node.modifiers:
                    raise UnlocatedError(
                        f"{node.name.name!r} is a subroutine, and modifiers apply to gates only", "a gate"
                    )
                self.call(node, scope)
                return
            self.timed(node.duration, scope)
        for base_gate in self.gates.base_gates(node, scope):
            phase, steps = operations(base_gate)
            self.assembly.block.phase += phase
            for operation, qubits in steps:
                self.place(operation, qubits, node, node.name.name if isinstance(node, ast.QuantumGate) else "gphase")

    def place(self, operation: Operation, qubits: tuple[int, ...], node: Node, name: str) -> None:
        """Add a gate, which may be in a verbatim box."""
        self.assembly.add(operation, qubits)
        if self.in_box:
            on = tuple(self.physical[qubit] for qubit in qubits)
            self.verbatim.append(Verbatim(operation.name, on, name, *self.source_map.position(node)))

    def _is_subroutine(self, name: str, scope: Scope) -> bool:
        return isinstance(scope.owner(name).names.get(name), Subroutine)

    def _measure_into(self, node: Node, scope: Scope) -> None:
        if node.target is None:
            measured = self.expressions.qubits(node.measure.qubit, scope)
            target = Bits(
                self.hidden(len(measured.indices)), Type("bit", None if measured.scalar else len(measured.indices))
            )
        else:
            target = self.bits(node.target, scope)
        self.measure(node.measure, target, scope)

    def measure(self, node: Node, target: Bits, scope: Scope) -> None:
        qubits = self.expressions.qubits(node.qubit, scope)
        if len(qubits.indices) != len(target.indices):
            raise UnlocatedError(
                f"{len(qubits.indices)} qubits are measured into {len(target.indices)} bits",
                "registers of one size, or single bits",
                "arguments",
            )
        self.costs.spend(len(qubits.indices), node)
        for qubit, clbit in zip(qubits.indices, target.indices, strict=True):
            self.assembly.add(Measure(), (qubit,), (clbit,))
            self.memory.set_known(clbit, None)

    def _reset(self, node: Node, scope: Scope) -> None:
        qubits = self.expressions.qubits(node.qubits, scope).indices
        self.costs.spend(len(qubits), node)
        for qubit in qubits:
            self.assembly.add(Reset(), (qubit,))

    def _barrier(self, node: Node, scope: Scope) -> None:
        qubits = self._all(node.qubits, scope)
        self.costs.spend(len(qubits) // _SMALL_COST, node)
        self.assembly.add(Barrier(len(qubits)), qubits)

    def _delay(self, node: Node, scope: Scope) -> None:
        duration = self._duration(node.duration, scope)
        if duration.open:
            self.note("timing", node)
            return
        if duration.value < 0:
            raise UnlocatedError("a negative delay", "a duration such as 100ns", "parameter")
        if not math.isfinite(duration.value):
            raise UnlocatedError("the delay is not finite", "a duration such as 100ns", "parameter")
        if unusable := unusable_delay(duration.value, duration.unit):
            raise UnlocatedError(unusable, USABLE, "parameter")
        qubits = self._all(node.qubits, scope)
        self.costs.spend(len(qubits), node)
        value = round(duration.value) if duration.unit == "dt" else duration.value
        for qubit in qubits:
            self.assembly.add(Delay(value, unit=duration.unit), (qubit,))

    def timed(self, duration: Node | None, scope: Scope) -> None:
        """Note that a box or a gate states its duration, which only the compiler of a device can keep."""
        if duration is not None:
            self._duration(duration, scope)
            self.note("timing", duration)

    def note(self, feature: str, node: Node) -> None:
        """Note where a feature is used first."""
        self.places.setdefault(feature, self.source_map.position(node))

    def _duration(self, node: Node, scope: Scope) -> Duration:
        found = self.expressions.value(node, scope)
        if not isinstance(found, Duration):
            raise self.source_map.error(node, "this is not a duration", "a duration such as 100ns", "arguments")
        return found

    def _all(self, operands: list[Node], scope: Scope) -> tuple[int, ...]:
        """Return the qubits in a list of operands, each once; an empty list means all."""
        if not operands:
            return tuple(range(self.num_qubits))
        found = [self.expressions.qubits(operand, scope).indices for operand in operands]
        return tuple(dict.fromkeys(qubit for indices in found for qubit in indices))


def _is_known(value: Value) -> bool:
    if isinstance(value, list):
        return all(map(_is_known, value))
    return not isinstance(value, Word) or value.known


def input_of(node: Node) -> Input:
    """Return the input of an `input` declaration."""
    size = getattr(node.type, "size", None)
    kind = type(node.type).__name__.removesuffix("Type").lower()
    return Input(node.identifier.name, kind, size.value if isinstance(size, ast.IntegerLiteral) else None)


def _unlocated(node: Node, source_map: SourceMap) -> Any:  # the error function of `ProgramSize`
    return lambda message, expected, code: source_map.error(node, message, expected, code)
