"""Expands blocks. Known conditions are decided here; the backend decides those that depend on measurements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from openqasm3 import ast

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3 import logic
from queuebit_quantum.qasm3.arithmetic import binary
from queuebit_quantum.qasm3.braket import BraketPragmas
from queuebit_quantum.qasm3.cases import Cases
from queuebit_quantum.qasm3.faults import Node, SourceMap, Undecided, UnlocatedError
from queuebit_quantum.qasm3.names import Scope
from queuebit_quantum.qasm3.subroutines import Ended
from queuebit_quantum.qasm3.values import integer, truth

__all__ = ["Branch", "Branches"]

_CHARGED = (ast.QuantumGate, ast.QuantumPhase, ast.QuantumMeasurementStatement, ast.QuantumReset, ast.DelayInstruction)
"""Statements whose handlers count their operations."""
_REFUSED = {
    ast.CalibrationStatement: "pulses ('cal') are not supported",
    ast.CalibrationDefinition: "pulses ('defcal') are not supported",
    ast.CalibrationGrammarDeclaration: "pulses ('defcalgrammar') are not supported",
}


Branch: TypeAlias = Callable[[], "Ended | None"]
"""Expands one branch of a condition."""


class Branches(BraketPragmas):
    """Blocks and conditions."""

    def __init__(self, source_map: SourceMap, limits: Limits, physical: tuple[int, ...]) -> None:
        super().__init__(source_map, limits, physical)
        self.cases = Cases(self)
        self.compound: dict[type[Node], Callable[[Node, Scope], Ended | None]] = {
            ast.BranchingStatement: self._branch,
            ast.SwitchStatement: self._switch,
            ast.Box: self._box,
            ast.CompoundStatement: lambda node, scope: self.block(node.statements, Scope(scope)),
        }

    def block(self, statements: Sequence[Node], scope: Scope) -> Ended | None:
        for place, node in enumerate(statements, 1):
            end = self.statement(node, scope)
            if end is not None and end.how == "perhaps" and place < len(statements):
                return self._rest(statements[place:], scope, end)
            if end is not None:
                return end
        return None

    def _rest(self, statements: Sequence[Node], scope: Scope, end: Ended) -> Ended | None:
        """Expand statements that a run reaches only if the flags of a `perhaps` are 1."""
        running = logic.every([self.memory.read(flag) for flag in sorted(end.flags)])
        left = Ended("left", flags=end.flags)
        return self.decide(running, lambda: self.block(statements, scope), lambda: left)

    def statement(self, node: Node, scope: Scope) -> Ended | None:
        if type(node) not in _CHARGED:
            self.costs.spend(1, node)
        before = self.cases.before()
        try:
            return self._expanded(node, scope)
        except UnlocatedError as error:
            located = self.source_map.at(node, error)
            if not isinstance(error, Undecided):
                raise located from error
            return self.cases.expand(node, scope, error, located, before)
        except CircuitError as located:
            if not isinstance(located.__cause__, Undecided):
                raise
            return self.cases.expand(node, scope, located.__cause__, located, before)

    def _expanded(self, node: Node, scope: Scope) -> Ended | None:
        kind = type(node)
        if self.announced is not None:
            return self._announced_box(node, scope)
        simple = self.simple.get(kind)
        if simple is not None:
            simple(node, scope)
            return None
        if kind in _REFUSED:
            raise UnlocatedError(_REFUSED[kind], "a program of gates, measurements and classical statements")
        return self.compound[kind](node, scope)

    def _announced_box(self, node: Node, scope: Scope) -> Ended | None:
        if not isinstance(node, ast.Box):
            self.require_box()
        self.announced = None
        return self.verbatim_box(node, scope)

    def _box(self, node: Node, scope: Scope) -> Ended | None:
        self.timed(node.duration, scope)
        return self.block(node.body, Scope(scope))

    # ---------------------------------------------------------------------------------------------------- branches

    def _branch(self, node: Node, scope: Scope) -> Ended | None:
        condition = truth(self.expressions.value(node.condition, scope))
        return self._choose([(condition, node.if_block)], node.else_block, scope)

    def _switch(self, node: Node, scope: Scope) -> Ended | None:
        target = self.expressions.value(node.target, scope)
        cases = []
        for labels, case in node.cases:
            matches = [truth(binary("==", target, integer(self.expressions.value(label, scope)))) for label in labels]
            cases.append((logic.some(matches), case.statements))
        if len(cases) > self.limits.max_nesting:
            raise UnlocatedError(f"a switch of {len(cases):,} cases", f"at most {self.limits.max_nesting}", "too_deep")
        return self._choose(cases, node.default.statements if node.default else [], scope)

    def _choose(
        self, cases: Sequence[tuple[logic.Bit, Sequence[Node]]], otherwise: Sequence[Node], scope: Scope
    ) -> Ended | None:
        """Expand the first block with a true condition; keep conditions that depend on measurements."""
        if not cases:
            return self.block(otherwise, Scope(scope))
        condition, statements = cases[0]
        if isinstance(condition, bool):
            if condition:
                return self.block(statements, Scope(scope))
            return self._choose(cases[1:], otherwise, scope)
        return self.decide(
            condition,
            lambda: self.block(statements, Scope(scope)),
            lambda: self._choose(cases[1:], otherwise, scope),
        )

    def decide(self, condition: logic.Bit, one: Branch, other: Branch) -> Ended | None:
        """Expand both branches of a condition; a run decides it, unless it is known."""
        if isinstance(condition, bool):
            return one() if condition else other()
        before = self.memory.snapshot()
        with self.assembly.inner() as then:
            first = one()
        after = self.memory.snapshot()
        self.memory.restore(before)
        with self.assembly.inner() as otherwise:
            second = other()
        self.memory.keep_common(after)
        self.assembly.choose(condition, then, otherwise)
        return _either(first, second)


def _either(first: Ended | None, second: Ended | None) -> Ended | None:
    """Return how the statements end around a condition that a run decides."""
    ends = [end if end is not None and end.how in ("left", "perhaps") else None for end in (first, second)]
    flags = frozenset[int]().union(*(end.flags for end in ends if end is not None))
    if not flags:
        return None
    return Ended("left" if all(end is not None and end.how == "left" for end in ends) else "perhaps", flags=flags)
