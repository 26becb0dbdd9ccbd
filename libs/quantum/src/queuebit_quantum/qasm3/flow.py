"""Expands loops, and the statements that leave a block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from openqasm3 import ast

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3 import logic
from queuebit_quantum.qasm3.blocks import Block
from queuebit_quantum.qasm3.branches import Branch, Branches
from queuebit_quantum.qasm3.faults import Node, SourceMap, UnlocatedError
from queuebit_quantum.qasm3.names import Scope, Variable
from queuebit_quantum.qasm3.subroutines import Ended, Turn
from queuebit_quantum.qasm3.values import Value, truth

__all__ = ["Flow"]


class _EndsOnMeasurement(Exception):
    """Stops the unrolling of a loop that a measurement can end early."""


class Flow(Branches):
    """Blocks, conditions and loops."""

    def __init__(self, source_map: SourceMap, limits: Limits, physical: tuple[int, ...]) -> None:
        super().__init__(source_map, limits, physical)
        self._running: int | None = None
        """The flag that an `end` clears, if one depends on a measurement."""
        self.compound |= {
            ast.ForInLoop: self._for,
            ast.WhileLoop: self._while,
            ast.BreakStatement: lambda node, _: self._jump(node, "break"),
            ast.ContinueStatement: lambda node, _: self._jump(node, "continue"),
            ast.ReturnStatement: self._return,
            ast.EndStatement: self._stop,
        }

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

        def guarded() -> Ended | None:
            return self._turns(self.loops.scopes(node, scope, self.assembly.depth)[1], node.block)

        return self._unroll_or_defer(unrolled, on_backend, node.block, scope, guarded)

    def _iterate(self, scopes: Iterable[Scope], block: Sequence[Node]) -> Ended | None:
        for scope in scopes:
            end = self.block(block, scope)
            if end is not None and end.how == "break":
                break
            if end is not None and end.how == "perhaps":
                return self._rest_of_loop(scopes, block, end)
            if end is not None and end.how != "continue":
                return end
        return None

    def _rest_of_loop(self, scopes: Iterable[Scope], block: Sequence[Node], end: Ended) -> Ended | None:
        """Expand the turns after one that perhaps left the subroutine or the program."""
        return self._turns(scopes, block, end.flags)

    def _turns(
        self, scopes: Iterable[Scope], block: Sequence[Node], left: frozenset[int] = frozenset()
    ) -> Ended | None:
        """Unroll a loop that a measurement can end early: a turn runs only if no flag says that the loop has ended."""
        turn = Turn(self.assembly.depth, self.assembly.depth)
        outer, self.turn, jumps, self.jumps = self.turn, turn, self.jumps, False
        flags, end, running = left, None, True
        try:
            for scope in scopes:
                running = logic.every([self.memory.read(flag) for flag in sorted(flags)])
                _set_depth(scope, self.assembly.depth + (not isinstance(running, bool)))
                end = self.decide(running, partial(self._turn, turn, block, scope), lambda: None)
                flags |= end.flags if end is not None else frozenset()
                if end is not None and (end.how == "left" or not end.flags):
                    break
        finally:
            self.turn, self.jumps = outer, jumps
        if end is not None and end.how not in ("left", "perhaps", "break"):
            return end
        broken = turn.flags.get("break")
        if end is not None and end.how == "left" and running is True and broken not in flags:
            return end
        further = flags - {broken}
        return Ended("perhaps", flags=further) if further else None

    def _turn(self, turn: Turn, block: Sequence[Node], scope: Scope) -> Ended | None:
        """Expand one turn; what it returns concerns the turns after it."""
        turn.depth = self.assembly.depth
        turn.flags.pop("continue", None)
        end = self.block(block, scope)
        if end is None or end.how == "continue":
            return None
        if end.how == "break" and turn.depth > turn.loop_depth:
            return self._leave_turn(turn, "break")
        skipped = turn.flags.get("continue")
        flags = end.flags - {skipped}
        if end.how == "left" and skipped in end.flags:
            return Ended("perhaps", flags=flags) if flags else None
        return None if end.how == "perhaps" and not flags else end._replace(flags=flags)

    def _leave_turn(self, turn: Turn, how: str) -> Ended:
        """Leave a turn or its loop, if a run comes here."""
        if how not in turn.flags:
            turn.flags[how] = self.flag(turn.loop_depth if how == "break" else turn.depth)
        return self.leave(turn.flags[how])

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
            self.note("while_loop", node)
            self._keep(node.block, scope)
            self.memory.clear_known()
            condition = truth(self.expressions.value(node.while_condition, scope))
            self.assembly.repeat(condition, None, self._body(node.block, Scope(scope)))

        return self._unroll_or_defer(unrolled, on_backend, node.block, scope)

    def _unroll_or_defer(
        self,
        unrolled: Branch,
        on_backend: Callable[[], None],
        body: Sequence[Node],
        scope: Scope,
        guarded: Branch | None = None,
    ) -> Ended | None:
        """Unroll a loop; if a measurement can end it early, undo this and leave the loop to the backend.

        A loop with a known number of turns that the backend cannot run is unrolled with a condition around each turn.
        """
        outer, self.loop, jumps, self.jumps = self.loop, self.assembly.depth, self.jumps, False
        turn, self.turn = self.turn, None
        undo = self._undo(scope, deep=_may_jump(body))
        try:
            return unrolled()
        except _EndsOnMeasurement:
            undo()
        finally:
            self.loop, self.jumps, self.turn = outer, jumps, turn
        try:
            on_backend()
        except (UnlocatedError, CircuitError) as refusal:
            if guarded is None or refusal.code != "unsupported":
                raise
            undo()
            return guarded()
        return None

    def _undo(self, scope: Scope, *, deep: bool) -> Callable[[], None]:
        """Return a function that restores the state of now."""
        block, memory = self.assembly.block, self.memory.snapshot()
        items, phase = len(block.items), block.phase
        names = scope.saved() if deep else None
        call, running = self.innermost, self._running
        flag, result = call.flag, call.result

        def undo() -> None:
            call.flag, call.result, self._running = flag, result, running
            del block.items[items:]
            block.phase = phase
            self.memory.restore(memory)
            if names is not None:
                names()

        return undo

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
            with self.assembly.inner(loop=True) as body:
                self.block(statements, scope)
        finally:
            self.jumps = jumps
        self.memory.clear_known()
        return body

    def _jump(self, _: Node, how: str) -> Ended:
        if self.jumps:
            self.assembly.jump(how)
            return Ended("jump")
        if self.turn is not None:
            at_once = self.turn.depth == self.assembly.depth
            return Ended(how) if at_once else self._leave_turn(self.turn, how)
        if self.loop != self.assembly.depth:
            raise _EndsOnMeasurement
        return Ended(how)

    def _return(self, node: Node, scope: Scope) -> Ended:
        value: Value = False if node.expression is None else self.expressions.value(node.expression, scope)
        if self.assembly.depth == self.innermost.depth:
            return Ended("return", value)
        return self.leave_call(value, node)

    def _stop(self, _: Node, __: Scope) -> Ended:
        if self.calls:
            raise UnlocatedError("'end' is in a subroutine", "'end' outside subroutines")
        if not self.assembly.depth:
            return Ended("end")
        self._running = self.flag(0) if self._running is None else self._running
        return self.leave(self._running)


def _set_depth(scope: Scope, depth: int) -> None:
    for symbol in scope.names.values():
        if isinstance(symbol, Variable):
            symbol.depth = depth


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
