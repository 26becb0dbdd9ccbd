"""Operations in order, in blocks: what a program is before it becomes a circuit of Qiskit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from qiskit.circuit import Operation
from qiskit.circuit.classical import expr

from queuebit_quantum.qasm3.logic import Bit
from queuebit_quantum.qasm3.symbols import Symbol

__all__ = ["Assign", "Block", "Choice", "Item", "Jump", "Loop", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    operation: Operation
    qubits: tuple[int, ...]
    clbits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Assign:
    clbit: int
    value: Bit


@dataclass(frozen=True, slots=True)
class Choice:
    condition: expr.Expr
    then: Block
    otherwise: Block


@dataclass(frozen=True, slots=True)
class Loop:
    condition: Bit
    """The condition of a `while` loop; unused if `iterations` is given."""
    iterations: int | None
    body: Block


@dataclass(frozen=True, slots=True)
class Jump:
    keyword: str


Item: TypeAlias = "Step | Assign | Choice | Loop | Jump"


@dataclass(slots=True)
class Block:
    """Operations in order, and their global phase."""

    items: list[Item] = field(default_factory=list)
    phase: float | Symbol = 0.0

    @property
    def jumps(self) -> bool:
        return any(
            isinstance(item, Jump) or (isinstance(item, Choice) and (item.then.jumps or item.otherwise.jumps))
            for item in self.items
        )

    @property
    def assigns(self) -> bool:
        """Whether a block, or one inside it, sets a bit without a measurement."""
        return any(
            isinstance(item, Assign) or (isinstance(item, Choice) and (item.then.assigns or item.otherwise.assigns))
            for item in self.items
        )
