"""Expands blocks. Known conditions are decided here; the backend decides those that depend on measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from openqasm3 import ast

from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3 import logic
from queuebit_quantum.qasm3.arithmetic import binary
from queuebit_quantum.qasm3.assembly import Block
from queuebit_quantum.qasm3.braket import BraketPragmas
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.names import Scope, Variable
from queuebit_quantum.qasm3.subroutines import Ended
from queuebit_quantum.qasm3.values import integer, truth

__all__ = ["Flow"]

_CHARGED = (ast.QuantumGate, ast.QuantumPhase, ast.QuantumMeasurementStatement, ast.QuantumReset, ast.DelayInstruction)
"""Statements whose handlers count their operations."""
_REFUSED = {
    ast.CalibrationStatement: "pulses ('cal') are not supported",
    ast.CalibrationDefinition: "pulses ('defcal') are not supported",
    ast.CalibrationGrammarDeclaration: "pulses ('defcalgrammar') are not supported",
}


class _EndsOnMeasurement(Exception):
    """Stops the unrolling of a loop that a measurement can end early."""


class Flow(BraketPragmas):
    """Blocks, conditions and loops."""

    def __init__(self, source_map: SourceMap, limits: Limits, physical: tuple[int, ...]) -> None:
        super().__init__(source_map, limits, physical)
        self._blocks: dict[type[Node], Callable[[Node, Scope], Ended | None]] = {
            ast.BranchingStatement: self._branch,
            ast.SwitchStatement: self._switch,
            ast.ForInLoop: self._for,
            ast.WhileLoop: self._while,
            ast.Box: lambda node, scope: self.block(node.body, Scope(scope)),
            ast.CompoundStatement: lambda node, scope: self.block(node.statements, Scope(scope)),
            ast.BreakStatement: lambda node, _: self._jump(node, "break"),
            ast.ContinueStatement: lambda node, _: self._jump(node, "continue"),
            ast.ReturnStatement: self._return,
            ast.EndStatement: self._stop,
        }

    def block(self, statements: Sequence[Node], scope: Scope) -> Ended | None:
        for node in statements:
            end = self._statement(node, scope)
            if end is not None:
                return end
        return None

    def _statement(self, node: Node, scope: Scope) -> Ended | None:
        kind = type(node)
        if kind not in _CHARGED:
            self.costs.spend(1, node)
        try:
            if self.announced is not None:
                return self._announced_box(node, scope)
            simple = self.simple.get(kind)
            if simple is not None:
                simple(node, scope)
                return None
            if kind in _REFUSED:
                raise UnlocatedError(_REFUSED[kind], "a program of gates, measurements and classical statements")
            return self._blocks[kind](node, scope)
        except UnlocatedError as error:
            raise self.source_map.at(node, error) from error

    def _announced_box(self, node: Node, scope: Scope) -> Ended | None:
        if not isinstance(node, ast.Box):
            self.require_box()
        self.announced = None
        return self.verbatim_box(node, scope)

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
        before = self.memory.snapshot()
        with self.assembly.inner() as then:
            self.block(statements, Scope(scope))
        after = self.memory.snapshot()
        self.memory.restore(before)
        with self.assembly.inner() as other:
            self._choose(cases[1:], otherwise, scope)
        self.memory.keep_common(after)
        self.assembly.choose(condition, then, other)
        return None

    # ------------------------------------------------------------------------------------------------------- loops

    def _for(self, node: Node, scope: Scope) -> Ended | None:
        def unrolled() -> Ended | None:
            return self._iterate(self.loops.scopes(node, scope, self.assembly.depth)[1], node.block)

        def on_backend() -> None:
            self._keep(node.block, scope)
            number, scopes = self.loops.scopes(node, scope, self.assembly.depth + 1)
            bodies = [self._body(node.block, inner) for inner in scopes]
            if any(body != bodies[0] for body in bodies):
                raise UnlocatedError(
                    "a loop that a measurement ends early must do the same in each iteration",
                    "a body that does not depend on the loop variable",
                )
            if bodies:
                self.assembly.repeat(True, number, bodies[0])

        return self._unroll_or_defer(unrolled, on_backend, node.block, scope)

    def _iterate(self, scopes: Iterable[Scope], block: Sequence[Node]) -> Ended | None:
        for scope in scopes:
            end = self.block(block, scope)
            if end is not None and end.how == "break":
                break
            if end is not None and end.how != "continue":
                return end
        return None

    def _while(self, node: Node, scope: Scope) -> Ended | None:
        def unrolled() -> Ended | None:
            while True:
                condition = truth(self.expressions.value(node.while_condition, scope))
                if not isinstance(condition, bool):
                    on_backend()
                    return None
                self.costs.spend(1, node)
                end = self.block(node.block, Scope(scope)) if condition else Ended("break")
                if end is not None and end.how != "continue":
                    return None if end.how == "break" else end

        def on_backend() -> None:
            self._keep(node.block, scope)
            self.memory.clear_known()
            condition = truth(self.expressions.value(node.while_condition, scope))
            self.assembly.repeat(condition, None, self._body(node.block, Scope(scope)))

        return self._unroll_or_defer(unrolled, on_backend, node.block, scope)

    def _unroll_or_defer(
        self, unrolled: Callable[[], Ended | None], on_backend: Callable[[], None], body: Sequence[Node], scope: Scope
    ) -> Ended | None:
        """Unroll a loop; if a measurement can end it early, undo this and leave the loop to the backend."""
        outer, self.loop, jumps, self.jumps = self.loop, self.assembly.depth, self.jumps, False
        block, memory = self.assembly.block, self.memory.snapshot()
        items, phase = len(block.items), block.phase
        restore = scope.saved() if _may_jump(body) else None
        try:
            return unrolled()
        except _EndsOnMeasurement:
            del block.items[items:]
            block.phase = phase
            self.memory.restore(memory)
            if restore is not None:
                restore()
            on_backend()
            return None
        finally:
            self.loop, self.jumps = outer, jumps

    def _keep(self, block: Sequence[Node], scope: Scope) -> None:
        """Store the variables that a loop changes, so that each iteration reads the values of the one before."""
        for name in sorted(_changed(block)):
            if isinstance(scope.visible(name), Variable):
                self.put_in_bits(name, scope)

    def _body(self, statements: Sequence[Node], scope: Scope) -> Block:
        """Expand the body of a loop that the backend runs."""
        jumps, self.jumps = self.jumps, True
        self.memory.clear_known()
        try:
            with self.assembly.inner() as body:
                self.block(statements, scope)
        finally:
            self.jumps = jumps
        self.memory.clear_known()
        return body

    def _jump(self, _: Node, how: str) -> Ended:
        if self.jumps:
            self.assembly.jump(how)
            return Ended("jump")
        if self.loop != self.assembly.depth:
            raise _EndsOnMeasurement
        return Ended(how)

    def _return(self, node: Node, scope: Scope) -> Ended:
        if self.assembly.depth != self.call_depth:
            raise UnlocatedError(
                "'return' depends on a measurement", "'return' as the last statement of the subroutine"
            )
        return Ended("return", False if node.expression is None else self.expressions.value(node.expression, scope))

    def _stop(self, _: Node, __: Scope) -> Ended:
        if self.assembly.depth or self.calls:
            raise UnlocatedError("'end' depends on a measurement or is in a subroutine", "'end' outside both")
        return Ended("end")


def _may_jump(block: Sequence[Node]) -> bool:
    """Return whether a block contains `break` or `continue`, at any depth."""
    return any(
        isinstance(node, ast.BreakStatement | ast.ContinueStatement) or any(map(_may_jump, _inner(node)))
        for node in block
    )


def _inner(node: Node) -> Iterator[Sequence[Node]]:
    """Yield the blocks of a statement."""
    for name in ("if_block", "else_block", "block", "body", "statements"):
        yield getattr(node, name, ())
    for _, case in getattr(node, "cases", ()):
        yield case.statements
    if getattr(node, "default", None) is not None:
        yield node.default.statements


def _changed(block: Sequence[Node]) -> set[str]:
    """Return the names that statements assign to, at any depth."""
    names: set[str] = set()
    for node in block:
        target = getattr(node, "lvalue", None) or getattr(node, "target", None)
        while target is not None and not isinstance(target, str):
            target = getattr(target, "name", None)
        if target is not None:
            names.add(target)
        for inner in _inner(node):
            names |= _changed(inner)
    return names
