"""Carries out blocks: what is known beforehand is decided here, what depends on measurements is left to the backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from openqasm3 import ast

from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3 import logic
from queuebit_quantum.qasm3.arithmetic import binary
from queuebit_quantum.qasm3.assembly import Block
from queuebit_quantum.qasm3.faults import Mistake, Node, Places
from queuebit_quantum.qasm3.names import Scope, Variable
from queuebit_quantum.qasm3.subroutines import Ended, Subroutines
from queuebit_quantum.qasm3.values import integer, truth

__all__ = ["Flow"]

_CHARGED = (ast.QuantumGate, ast.QuantumPhase, ast.QuantumMeasurementStatement, ast.QuantumReset, ast.DelayInstruction)
"""Statements that count their own operations."""
_REFUSED = {
    ast.Pragma: "a pragma may change what the program means, and none is known",
    ast.CalibrationStatement: "pulses ('cal') are not supported",
    ast.CalibrationDefinition: "pulses ('defcal') are not supported",
    ast.CalibrationGrammarDeclaration: "pulses ('defcalgrammar') are not supported",
}


class _LeavesEarly(Exception):
    """A loop that was taken for one of known turns is left on a measurement."""


class Flow(Subroutines):
    """Blocks, conditions and loops."""

    def __init__(self, places: Places, limits: Limits, physical: tuple[int, ...]) -> None:
        super().__init__(places, limits, physical)
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
            simple = self.simple.get(kind)
            if simple is not None:
                simple(node, scope)
                return None
            if kind in _REFUSED:
                raise Mistake(_REFUSED[kind], "a program of gates, measurements and classical statements")
            return self._blocks[kind](node, scope)
        except Mistake as mistake:
            raise self.places.at(node, mistake) from mistake

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
            raise Mistake(f"a switch of {len(cases):,} cases", f"at most {self.limits.max_nesting}", "too_deep")
        return self._choose(cases, node.default.statements if node.default else [], scope)

    def _choose(
        self, cases: Sequence[tuple[logic.Bit, Sequence[Node]]], otherwise: Sequence[Node], scope: Scope
    ) -> Ended | None:
        """Carry out the first block whose condition holds."""
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
        self.memory.agree(after)
        self.assembly.choose(condition, then, other)
        return None

    # ------------------------------------------------------------------------------------------------------- loops

    def _for(self, node: Node, scope: Scope) -> Ended | None:
        def unrolled() -> Ended | None:
            return self._turns(self.loops.scopes(node, scope, self.assembly.depth)[1], node.block)

        def left_to_the_backend() -> None:
            self._keep(node.block, scope)
            number, scopes = self.loops.scopes(node, scope, self.assembly.depth + 1)
            bodies = [self._body(node.block, inner) for inner in scopes]
            if any(body != bodies[0] for body in bodies):
                raise Mistake(
                    "a loop that a measurement ends early has turns that differ from one another",
                    "turns that do not depend on the loop's variable",
                )
            if bodies:
                self.assembly.repeat(True, number, bodies[0])

        return self._either(unrolled, left_to_the_backend, node.block, scope)

    def _turns(self, scopes: Iterable[Scope], block: Sequence[Node]) -> Ended | None:
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
                    left_to_the_backend()
                    return None
                self.costs.spend(1, node)
                end = self.block(node.block, Scope(scope)) if condition else Ended("break")
                if end is not None and end.how != "continue":
                    return None if end.how == "break" else end

        def left_to_the_backend() -> None:
            self._keep(node.block, scope)
            self.memory.forget()
            condition = truth(self.expressions.value(node.while_condition, scope))
            self.assembly.repeat(condition, None, self._body(node.block, Scope(scope)))

        return self._either(unrolled, left_to_the_backend, node.block, scope)

    def _either(
        self, unrolled: Callable[[], Ended | None], left: Callable[[], None], body: Sequence[Node], scope: Scope
    ) -> Ended | None:
        """Unroll a loop, or leave it to the backend if it turns out that a measurement ends it."""
        outer, self.loop, jumps, self.jumps = self.loop, self.assembly.depth, self.jumps, False
        block, memory = self.assembly.block, self.memory.snapshot()
        items, phase = len(block.items), block.phase
        restore = scope.saved() if _may_jump(body) else None
        try:
            return unrolled()
        except _LeavesEarly:
            del block.items[items:]
            block.phase = phase
            self.memory.restore(memory)
            if restore is not None:
                restore()
            left()
            return None
        finally:
            self.loop, self.jumps = outer, jumps

    def _keep(self, block: Sequence[Node], scope: Scope) -> None:
        """Store the variables that a loop of unknown turns changes: each turn finds what the one before left."""
        for name in sorted(_changed(block)):
            if isinstance(scope.visible(name), Variable):
                self.put_in_bits(name, scope)

    def _body(self, statements: Sequence[Node], scope: Scope) -> Block:
        """Write the body of a loop that the backend turns."""
        jumps, self.jumps = self.jumps, True
        self.memory.forget()
        try:
            with self.assembly.inner() as body:
                self.block(statements, scope)
        finally:
            self.jumps = jumps
        self.memory.forget()
        return body

    def _jump(self, _: Node, how: str) -> Ended:
        if self.jumps:
            self.assembly.jump(how)
            return Ended("jump")
        if self.loop != self.assembly.depth:
            raise _LeavesEarly
        return Ended(how)

    def _return(self, node: Node, scope: Scope) -> Ended:
        if self.assembly.depth != self.call_depth:
            raise Mistake("'return' depends on a measurement", "'return' as the last statement of the subroutine")
        return Ended("return", False if node.expression is None else self.expressions.value(node.expression, scope))

    def _stop(self, _: Node, __: Scope) -> Ended:
        if self.assembly.depth or self.calls:
            raise Mistake("'end' depends on a measurement or stands in a subroutine", "'end' outside of both")
        return Ended("end")


def _may_jump(block: Sequence[Node]) -> bool:
    """Say whether `break` or `continue` stands in a block, whatever loop it belongs to."""
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
    """Return the names that statements assign to, in whatever block."""
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
