"""Moves assignments of bits out of blocks that depend on a measurement.

Aer sets a bit in a block even if the condition of the block is false. So the block is cut at its assignments: its
condition is stored in a bit of its own, the pieces depend on that bit, and between them each assignment keeps the old
value where the condition is false (if-conversion: Allen, Kennedy, Porterfield and Warren 1983, POPL).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qiskit.circuit.classical import expr

from queuebit_quantum.qasm3 import logic
from queuebit_quantum.qasm3.blocks import Assign, Block, Choice, Item
from queuebit_quantum.qasm3.logic import Bit
from queuebit_quantum.qasm3.memory import Memory

__all__ = ["without_inner_assignments"]


def without_inner_assignments(block: Block, memory: Memory, hidden: Callable[[], int]) -> Block:
    """Return an equal block in which no condition or loop contains an assignment.

    Args:
        block: the whole program; loops that the backend runs contain no assignments.
        memory: the bits of the program.
        hidden: adds a bit that is not part of the result.
    """
    if not any(isinstance(item, Choice) and (item.then.assigns or item.otherwise.assigns) for item in block.items):
        return block
    return Block(list(_Pieces(memory, hidden).of(block, None)), block.phase)


class _Pieces:
    """The pieces of one program."""

    def __init__(self, memory: Memory, hidden: Callable[[], int]) -> None:
        self._memory = memory
        self._hidden = hidden

    def of(self, block: Block, guard: expr.Expr | None) -> Iterator[Item]:
        """Yield what a block does if its guard is 1; without a guard it always runs."""
        piece = Block(phase=block.phase if guard is not None else 0.0)
        for item in block.items:
            cut = isinstance(item, Assign) or (
                isinstance(item, Choice) and (item.then.assigns or item.otherwise.assigns)
            )
            if not cut:
                piece.items.append(item)
                continue
            yield from self._guarded(piece, guard)
            piece = Block()
            if isinstance(item, Choice):
                yield from self._choice(item, guard)
            elif isinstance(item, Assign):
                yield item if guard is None else self._kept_unless(guard, item)
        yield from self._guarded(piece, guard)

    def _guarded(self, piece: Block, guard: expr.Expr | None) -> Iterator[Item]:
        if guard is None:
            yield from piece.items
        elif piece.items:
            yield Choice(guard, piece, Block())

    def _choice(self, item: Choice, guard: expr.Expr | None) -> Iterator[Item]:
        """Yield both branches. Their conditions are stored before the first branch changes what they read."""
        then = self._hidden()
        yield Assign(then, item.condition if guard is None else logic.both(guard, item.condition))
        taken = self._memory.stored(then)
        if item.otherwise.items:
            other = self._hidden()
            yield Assign(other, logic.negate(taken) if guard is None else logic.both(guard, logic.negate(taken)))
            yield from self.of(item.then, taken)
            yield from self.of(item.otherwise, self._memory.stored(other))
        else:
            yield from self.of(item.then, taken)

    def _kept_unless(self, guard: expr.Expr, item: Assign) -> Assign:
        old = self._memory.stored(item.clbit)
        return Assign(item.clbit, _selected(guard, item.value, old))


def _selected(condition: expr.Expr, one: Bit, other: Bit) -> Bit:
    """Return the first bit if the condition is true, else the second."""
    return logic.either(logic.both(condition, one), logic.both(logic.negate(condition), other))
