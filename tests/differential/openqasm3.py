"""An interpreter of OpenQASM 3 written from its specification; it shares the reference parser with Queuebit, no more.

`U(theta, phi, lambda)` is the specification's, exp(i*theta/2) times that of OpenQASM 2; gates keep their phase, so that
a control makes it observable; a fractional power is the principal one. Classical bits read 0 before they are measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from openqasm3 import ast, parse
from tests.differential.branches import Machine, Outcomes, explore
from tests.differential.openqasm3_gates import unitary
from tests.differential.openqasm3_values import Bits, Node, cast, evaluate, number, positions

__all__ = ["outcomes"]

_MAX_TURNS = 1_000


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class _End(Exception):
    pass


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class _Qubits(list[int]):
    """A register of qubits, or an alias of several; a single qubit is an int."""


class _Variable:
    def __init__(self, kind: Node, value: Any) -> None:
        self.kind = kind
        self.value = value


def outcomes(source: str) -> Outcomes:
    """Return what a program leaves behind; see `branches.Outcomes`.

    Raises:
        Exception: it is no OpenQASM 3, or uses what this interpreter does not know.
    """
    program = parse(source)

    def run(machine: Machine) -> str:
        runner = _Runner(machine)
        with suppress(_End):
            runner.block(program.statements)
        return " ".join(reversed([_written(variable.value) for variable in runner.registers]))

    return explore(run)


def _written(value: Any) -> str:
    return "".join(map(str, reversed(value if isinstance(value, Bits) else [value])))


@cache
def _standard_gates() -> dict[str, Node]:
    statements: list[Node] = parse((Path(__file__).parent / "stdgates.inc").read_text()).statements
    return {statement.name.name: statement for statement in statements}


class _Runner:
    """One run of a program along one path."""

    def __init__(self, machine: Machine) -> None:
        self.registers: list[_Variable] = []
        """The program's bits, in declaration order."""
        self._machine = machine
        self._scopes: list[dict[str, Any]] = [{}]
        self._gates: dict[str, Node] = {}
        self._subroutines: dict[str, Node] = {}

    def block(self, statements: Iterable[Node]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: Node) -> None:
        match node:
            case ast.QuantumGate() | ast.QuantumPhase():
                self._gate(node)
            case ast.QuantumMeasurementStatement():
                self._assign(node.target, self._measured(node.measure))
            case ast.QuantumReset():
                for qubit in self._listed(self._value(node.qubits)):
                    self._machine.reset(qubit)
            case ast.QuantumBarrier() | ast.DelayInstruction() | ast.Pragma():
                pass
            case ast.Box():
                self.block(node.body)
            case ast.ClassicalAssignment():
                self._assignment(node)
            case ast.ExpressionStatement():
                self._value(node.expression)
            case ast.BreakStatement():
                raise _Break
            case ast.ContinueStatement():
                raise _Continue
            case ast.EndStatement():
                raise _End
            case ast.ReturnStatement():
                raise _Return(self._value(node.expression) if node.expression else None)
            case ast.BranchingStatement() | ast.SwitchStatement() | ast.ForInLoop() | ast.WhileLoop():
                self._control(node)
            case _:
                self._declaration(node)

    def _declaration(self, node: Node) -> None:
        match node:
            case ast.Include():
                self._gates.update(_standard_gates())
            case ast.QuantumGateDefinition():
                self._gates[node.name.name] = node
            case ast.SubroutineDefinition():
                self._subroutines[node.name.name] = node
            case ast.QubitDeclaration():
                size = self._value(node.size) if node.size else None
                qubits = self._machine.allocate(size or 1)
                self._scopes[-1][node.qubit.name] = qubits[0] if size is None else _Qubits(qubits)
            case ast.AliasStatement():
                self._scopes[-1][node.target.name] = self._value(node.value)
            case ast.ClassicalDeclaration() | ast.ConstantDeclaration():
                value = self._value(node.init_expression) if node.init_expression else 0
                variable = _Variable(node.type, cast(value, node.type, self._value))
                self._scopes[-1][node.identifier.name] = variable
                if isinstance(node.type, ast.BitType) and len(self._scopes) == 1:
                    self.registers.append(variable)
            case _:
                raise ValueError(f"{type(node).__name__} is not known here")

    def _control(self, node: Node) -> None:
        match node:
            case ast.BranchingStatement():
                self._scoped(node.if_block if number(self._value(node.condition)) else node.else_block)
            case ast.SwitchStatement():
                subject = number(self._value(node.target))
                for labels, body in node.cases:
                    if any(number(self._value(label)) == subject for label in labels):
                        self._scoped(body.statements)
                        return
                self._scoped(node.default.statements if node.default else [])
            case ast.ForInLoop():
                name = node.identifier.name
                turns = self._turns(node.set_declaration)
                self._loop(node.block, ({name: _Variable(node.type, turn)} for turn in turns))
            case ast.WhileLoop():
                self._loop(node.block, self._while(node.while_condition))

    def _loop(self, body: list[Node], turns: Iterable[dict[str, Any]]) -> None:
        for names in turns:
            try:
                self._scoped(body, names)
            except _Continue:
                continue
            except _Break:
                break

    def _while(self, condition: Node) -> Iterable[dict[str, Any]]:
        for _ in range(_MAX_TURNS):
            if not number(self._value(condition)):
                return
            yield {}
        raise ValueError("the loop does not end")

    def _turns(self, node: Node) -> list[Any]:
        match node:
            case ast.RangeDefinition():
                start, end = self._value(node.start), self._value(node.end)
                step = self._value(node.step) if node.step else 1
                return list(range(start, end + (1 if step > 0 else -1), step))
            case ast.DiscreteSet():
                return [self._value(value) for value in node.values]
            case _:
                return list(self._value(node))

    def _scoped(self, statements: Iterable[Node], names: dict[str, Any] | None = None) -> None:
        self._scopes.append(dict(names or {}))
        try:
            self.block(statements)
        finally:
            self._scopes.pop()

    def _gate(self, node: Node) -> None:
        matrix = unitary(self._gates, node, self._value)
        arguments = [self._value(qubit) for qubit in node.qubits]
        widths = {len(argument) for argument in arguments if not isinstance(argument, int)}
        if len(widths) > 1:
            raise ValueError("registers of different sizes in one gate")
        for lane in range(*widths or (1,)):
            self._machine.apply(matrix, [one if isinstance(one, int) else one[lane] for one in arguments])

    def _measured(self, node: Node) -> Any:
        qubits = self._value(node.qubit)
        if isinstance(qubits, int):
            return self._machine.measure(qubits)
        return Bits(self._machine.measure(qubit) for qubit in qubits)

    def _assignment(self, node: Node) -> None:
        value = self._value(node.rvalue)
        if node.op.name != "=":
            operation = ast.BinaryOperator[node.op.name[:-1]]
            value = self._value(ast.BinaryExpression(operation, _expression(node.lvalue), node.rvalue))
        self._assign(node.lvalue, value)

    def _assign(self, target: Node, value: Any) -> None:
        if target is None:
            return
        name = target.name.name if isinstance(target, ast.IndexedIdentifier) else target.name
        variable = self._find(name)
        if isinstance(target, ast.Identifier):
            variable.value = cast(value, variable.kind, self._value)
            return
        if isinstance(variable.kind, ast.ArrayType | ast.ArrayReferenceType):
            parts = [part for index in target.indices for part in index]
            _put(variable.value, parts, value, variable.kind.base_type, self._value)
            return
        chosen = positions(len(variable.value), target.indices[0], self._value)
        bits = list(variable.value)
        for place, bit in [(chosen, number(value))] if isinstance(chosen, int) else zip(chosen, value, strict=True):
            bits[place] = int(bit)
        variable.value = Bits(bits)

    def _value(self, node: Node) -> Any:
        if isinstance(node, ast.QuantumMeasurement):
            return self._measured(node)
        if isinstance(node, ast.IndexedIdentifier):
            node = _expression(node)
        return evaluate(node, self._look_up, self._call)

    def _look_up(self, name: str) -> Any:
        found = self._find(name)
        return found.value if isinstance(found, _Variable) else found

    def _find(self, name: str) -> Any:
        return next(scope[name] for scope in reversed(self._scopes) if name in scope)

    def _call(self, node: Node) -> Any:
        subroutine = self._subroutines[node.name.name]
        scope = {}
        for argument, given in zip(subroutine.arguments, node.arguments, strict=True):
            value = self._value(given)
            if isinstance(argument, ast.QuantumArgument):
                scope[argument.name.name] = value
            elif isinstance(argument.type, ast.ArrayReferenceType):
                scope[argument.name.name] = self._find(given.name)
            else:
                scope[argument.name.name] = _Variable(argument.type, cast(value, argument.type, self._value))
        outer, self._scopes = self._scopes, [self._scopes[0], scope]
        try:
            self.block(subroutine.body)
        except _Return as returned:
            return returned.value
        finally:
            self._scopes = outer
        return None

    @staticmethod
    def _listed(value: Any) -> list[int]:
        return [value] if isinstance(value, int) else value


def _put(holder: Any, parts: list[Node], value: Any, kind: Node, inner: Any) -> None:
    """Assign to an element or a slice of an array of arrays."""
    chosen = positions(len(holder), parts[:1], inner)
    for place, element in [(chosen, value)] if isinstance(chosen, int) else zip(chosen, value, strict=True):
        if len(parts) > 1:
            _put(holder[place], parts[1:], element, kind, inner)
        elif isinstance(holder[place], Bits) or not isinstance(holder[place], list):
            holder[place] = cast(element, kind, inner)
        else:
            for deeper, one in enumerate(element):
                literal = [ast.IntegerLiteral(deeper)]
                _put(holder[place], literal, one, kind, inner)


def _expression(node: Node) -> Node:
    """Read an assignable name as an expression."""
    if isinstance(node, ast.Identifier):
        return node
    result = node.name
    for index in node.indices:
        result = ast.IndexExpression(result, index)
    return result
