"""Gate definitions and uses. Each use expands to base gates, with its modifiers applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias

from openqasm3 import ast

from queuebit_quantum.qasm3 import braket_gates
from queuebit_quantum.qasm3.base_gates import BARRIER, BaseGate, controlled, inverse, power
from queuebit_quantum.qasm3.costs import Costs
from queuebit_quantum.qasm3.expressions import Expressions
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.library import BUILTIN, STANDARD, Known
from queuebit_quantum.qasm3.loops import Loops
from queuebit_quantum.qasm3.names import Scope, Variable
from queuebit_quantum.qasm3.symbols import Symbol
from queuebit_quantum.qasm3.values import Qubits, Type, angle, integer, number
from queuebit_quantum.structure import USABLE, unusable_angle

__all__ = ["Gates", "broadcast"]

_CONTROLS = frozenset({"ctrl", "negctrl"})
_ROTATIONS = frozenset({"p", "rx", "ry", "rz"})
_MATRIX_COST = 64
"""Operations counted for each gate that needs a matrix."""


@dataclass(frozen=True, slots=True)
class _Defined:
    """A gate that the source defines, with the gates that were visible at its definition."""

    node: Node
    uses: Mapping[str, _Gate]

    @property
    def params(self) -> int:
        return len(self.node.arguments)

    @property
    def qubits(self) -> int:
        return len(self.node.qubits)


_Gate: TypeAlias = "_Defined | Known"


class Gates:
    """The gates of one program. Its own definitions take precedence over the standard library."""

    def __init__(
        self, expressions: Expressions, loops: Loops, costs: Costs, source_map: SourceMap, outside: Scope
    ) -> None:
        self._expressions = expressions
        self._loops = loops
        self._costs = costs
        self._source_map = source_map
        self._outside = outside
        self._own: dict[str, _Gate] = {}
        self._known: dict[str, _Gate] = {**BUILTIN}

    def include_standard(self) -> None:
        """Have the gates of `stdgates.inc`."""
        self._known |= STANDARD

    def include_braket(self) -> None:
        """Have the gates of Amazon Braket, which need no include; its `U` is another one."""
        self._known |= braket_gates.SIMPLE
        for node in braket_gates.definitions():
            self._known[node.name.name] = self._defined(node)

    def define(self, node: Node) -> None:
        name = node.name.name
        if name in self._own:
            raise UnlocatedError(f"{name!r} is already defined", "a name that is not taken", "redefined")
        names = [parameter.name for parameter in (*node.arguments, *node.qubits)]
        if len(set(names)) < len(names):
            raise UnlocatedError(f"gate {name!r} has two parameters of one name", "different names", "redefined")
        self._own[name] = self._defined(node)

    def _defined(self, node: Node) -> _Gate:
        uses: dict[str, _Gate] = {}
        self._note_uses(node.body, uses)
        self._costs.define(node)
        return _Defined(node, uses)

    def _note_uses(self, body: Sequence[Node], uses: dict[str, _Gate]) -> None:
        for statement in body:
            match statement:
                case ast.QuantumGate():
                    uses[statement.name.name] = self._find(statement, self._own)
                case ast.ForInLoop():
                    self._note_uses(statement.block, uses)
                case ast.QuantumPhase() | ast.QuantumBarrier():
                    pass
                case _:
                    raise self._source_map.error(
                        statement, "the body of a gate contains only gates", "a gate or a `for` loop"
                    )

    def defines(self, name: str) -> bool:
        """Return whether a name is that of a gate."""
        return name in self._own or name in self._known

    def angle_of_rotation(self, node: Node) -> Node | None:
        """Return the angle of a gate that is the product of such gates with parts of the angle; None for others."""
        if any(modifier.modifier.name not in ("ctrl", "negctrl", "inv") for modifier in getattr(node, "modifiers", ())):
            return None
        if isinstance(node, ast.QuantumPhase):
            return node.argument
        if not isinstance(node, ast.QuantumGate) or node.name.name in self._own or len(node.arguments) != 1:
            return None
        known = self._known.get(node.name.name)
        rotates = isinstance(known, Known) and known.base in _ROTATIONS and known.angles is None
        return node.arguments[0] if rotates else None

    def _find(self, node: Node, own: Mapping[str, _Gate]) -> _Gate:
        name = node.name.name
        known = own.get(name) or self._known.get(name)
        if known is not None:
            return known
        if name in STANDARD:
            marked = ", or a line `#pragma braket gates` for gates of Amazon Braket" if braket_gates.knows(name) else ""
            raise self._source_map.error(
                node,
                f"gate {name!r} is not defined: it is one of stdgates.inc, which the program does not include",
                f'include "stdgates.inc"; before it{marked}',
                "undefined",
            )
        if braket_gates.knows(name):
            raise self._source_map.error(
                node,
                f"gate {name!r} is one of Amazon Braket's, and the program is read as plain OpenQASM 3",
                "a line `#pragma braket gates`, or a gate of stdgates.inc",
                "undefined",
            )
        raise self._source_map.error(
            node, f"gate {name!r} is not defined", "a gate defined before its use", "undefined"
        )

    def base_gates(self, node: Node, scope: Scope) -> list[BaseGate]:
        """Expand a gate statement of the program to base gates, for all qubits of its registers."""
        operands = [self._expressions.qubits(operand, scope) for operand in node.qubits]
        width = broadcast(operands)
        self._costs.spend(self._costs.gate(node).operations * width, node)
        found = self._used(node, scope, self._own, operands, width)
        for gate in found:
            _require_usable(gate)
        return found

    def _used(
        self, node: Node, scope: Scope, own: Mapping[str, _Gate], operands: Sequence[Qubits], width: int
    ) -> list[BaseGate]:
        if isinstance(node, ast.QuantumPhase):
            gate: _Gate | None = None
            params: tuple[float | Symbol, ...] = (self._angle(node.argument, scope),)
        else:
            gate = self._find(node, own)
            params = tuple(self._angle(argument, scope) for argument in node.arguments)
            if len(params) != gate.params:
                raise _count("parameter", node.name.name, gate.params, len(params))
        modifiers = [(modifier, self._argument(modifier, scope)) for modifier in reversed(node.modifiers)]
        controls = sum(int(argument) for modifier, argument in modifiers if modifier.modifier.name in _CONTROLS)
        if controls > self._costs.limits.max_controls:
            raise UnlocatedError(
                f"modifiers add {controls:,} controls", f"at most {self._costs.limits.max_controls}", "too_large"
            )
        name = "gphase" if gate is None else node.name.name
        wanted = controls + _size(gate)
        if len(operands) != wanted:
            if gate is None and not controls:  # a global phase may name the qubits of its scope
                operands = operands[:0]
            else:
                raise _count("qubit", name, wanted, len(operands))
        found: list[BaseGate] = []
        for turn in range(width):
            on = tuple(operand.indices[0 if operand.scalar else turn] for operand in operands)
            if len(set(on)) < len(on):
                raise UnlocatedError(f"gate {name!r} gets one qubit twice", "different qubits", "arguments")
            base_gates = self._plain(gate, params, on[controls:])
            found += self._modified(base_gates, modifiers, on[:controls], node) if modifiers else base_gates
        return found

    def _plain(self, gate: _Gate | None, params: tuple[float | Symbol, ...], on: tuple[int, ...]) -> list[BaseGate]:
        if gate is None:
            return [BaseGate("phase", params, ())]
        if isinstance(gate, Known):
            return [gate.base_gate(params, on)]
        scope = Scope(self._outside, callable=True)
        for parameter, value in zip(gate.node.arguments, params, strict=True):
            scope.declare(parameter.name, Variable(Type("float"), value, constant=True))
        for parameter, qubit in zip(gate.node.qubits, on, strict=True):
            scope.declare(parameter.name, Qubits((qubit,), scalar=True))
        return self._body(gate.node.body, scope, gate.uses)

    def _body(self, body: Sequence[Node], scope: Scope, uses: Mapping[str, _Gate]) -> list[BaseGate]:
        found: list[BaseGate] = []
        for statement in body:
            match statement:
                case ast.QuantumBarrier():
                    operands = [self._expressions.qubits(operand, scope) for operand in statement.qubits]
                    found.append(
                        BaseGate(BARRIER, (), tuple(dict.fromkeys(at for on in operands for at in on.indices)))
                    )
                case ast.ForInLoop():
                    for inner in self._loops.scopes(statement, scope, 0)[1]:
                        found += self._body(statement.block, inner, uses)
                case _:
                    operands = [self._expressions.qubits(operand, scope) for operand in statement.qubits]
                    try:
                        found += self._used(statement, scope, uses, operands, 1)
                    except UnlocatedError as error:
                        raise self._source_map.at(statement, error) from error
        return found

    def _argument(self, modifier: Node, scope: Scope) -> float:
        """Return the argument of a modifier, a number of controls or an exponent; 1 by default."""
        if modifier.argument is None:
            return 1
        value = self._expressions.value(modifier.argument, scope)
        if modifier.modifier.name not in _CONTROLS:
            return number(value, "the exponent")
        controls = integer(value, "the number of controls")
        if controls < 1:
            raise UnlocatedError(f"{controls} controls", "at least 1", "arguments")
        return controls

    def _angle(self, node: Node, scope: Scope) -> float | Symbol:
        return angle(self._expressions.value(node, scope))

    def _modified(
        self, base_gates: list[BaseGate], modifiers: Sequence[tuple[Node, float]], controls: tuple[int, ...], node: Node
    ) -> list[BaseGate]:
        """Apply modifiers, innermost first; the outermost takes the first controls."""
        for modifier, argument in modifiers:
            match modifier.modifier.name:
                case "inv":
                    base_gates = inverse(base_gates)
                case "pow":
                    if not isfinite(argument):
                        raise UnlocatedError("the exponent is not finite", "a finite number", "parameter")
                    if len(base_gates) > 1:
                        turns = int(abs(argument)) if float(argument).is_integer() else _MATRIX_COST
                        self._costs.spend(len(base_gates) * turns, node)
                    base_gates = power(base_gates, argument)
                case kind:
                    mine = controls[len(controls) - int(argument) :]
                    controls = controls[: len(controls) - int(argument)]
                    base_gates = controlled(base_gates, mine, [kind == "ctrl"] * len(mine))
        return base_gates


def broadcast(operands: Sequence[Qubits]) -> int:
    """Return how many times a statement is applied: once for each qubit of its registers."""
    widths = {len(operand.indices) for operand in operands if not operand.scalar}
    if len(widths) > 1:
        sizes = " and ".join(map(str, sorted(widths)))
        raise UnlocatedError(f"one statement has registers of {sizes} qubits", "registers of one size", "arguments")
    return widths.pop() if widths else 1


def _size(gate: _Gate | None) -> int:
    if gate is None:
        return 0
    return gate.controls + gate.targets if isinstance(gate, Known) else gate.qubits


def _count(what: str, name: str, wanted: int, given: int) -> UnlocatedError:
    expected = f"{wanted} {what}{'s' * (wanted != 1)}"
    return UnlocatedError(f"gate {name!r} takes {expected}, but got {given}", expected, "arguments")


def _require_usable(gate: BaseGate) -> None:
    """Refuse an angle that is too large to be exact; a global phase is reduced before it is used."""
    for value in gate.params if gate.controls or gate.base != "phase" else ():
        if isinstance(value, int | float) and (unusable := unusable_angle(gate.base, value)):
            raise UnlocatedError(unusable, USABLE, "parameter")
