"""Builds the Qiskit circuit: operations in blocks, and classical bits with their known values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import (
    BreakLoopOp,
    CircuitInstruction,
    Clbit,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    Operation,
    Qubit,
    Store,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr

from queuebit_quantum.qasm3.faults import UnlocatedError
from queuebit_quantum.qasm3.logic import Bit, sources
from queuebit_quantum.qasm3.symbols import Symbol, qiskit_value

__all__ = ["Assembly", "Block", "Memory"]


@dataclass(frozen=True, slots=True)
class _Step:
    operation: Operation
    qubits: tuple[int, ...]
    clbits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Assign:
    clbit: int
    value: Bit


@dataclass(frozen=True, slots=True)
class _Choice:
    condition: expr.Expr
    then: Block
    otherwise: Block


@dataclass(frozen=True, slots=True)
class _Loop:
    condition: Bit
    """The condition of a `while` loop; unused if `iterations` is given."""
    iterations: int | None
    body: Block


@dataclass(frozen=True, slots=True)
class _Jump:
    keyword: str


_Item: TypeAlias = "_Step | _Assign | _Choice | _Loop | _Jump"


@dataclass(slots=True)
class Block:
    """Operations in order, and their global phase."""

    items: list[_Item] = field(default_factory=list)
    phase: float | Symbol = 0.0

    @property
    def jumps(self) -> bool:
        return any(
            isinstance(item, _Jump) or (isinstance(item, _Choice) and (item.then.jumps or item.otherwise.jumps))
            for item in self.items
        )


class Memory:
    """The classical bits of the program; the bits of the result come first in the circuit."""

    def __init__(self) -> None:
        self.clbits: list[Clbit] = []
        self.visible: list[int] = []
        self._known: dict[int, bool] = {}
        self._index: dict[Clbit, int] = {}

    def allocate(self, width: int, *, visible: bool = False, zero: bool = True) -> tuple[int, ...]:
        """Add bits; `zero` if their value is known to be 0, which it is not inside loops."""
        start = len(self.clbits)
        fresh = tuple(range(start, start + width))
        for index in fresh:
            clbit = Clbit()
            self.clbits.append(clbit)
            self._index[clbit] = index
            if zero:
                self._known[index] = False
        if visible:
            self.visible += fresh
        return fresh

    def read(self, index: int) -> Bit:
        known = self._known.get(index)
        return expr.Var(self.clbits[index], _BOOL) if known is None else known

    def set_known(self, index: int, value: Bit | None) -> None:
        """Set the known value of a bit; None if only a run can decide it."""
        if isinstance(value, bool):
            self._known[index] = value
        else:
            self._known.pop(index, None)

    def index(self, clbit: Clbit) -> int:
        return self._index[clbit]

    def snapshot(self) -> dict[int, bool]:
        return dict(self._known)

    def clear_known(self) -> None:
        """Drop all known values: a later iteration of a loop may have others."""
        self._known.clear()

    def restore(self, known: dict[int, bool]) -> None:
        self._known = dict(known)

    def keep_common(self, other: dict[int, bool]) -> None:
        """Keep only the values that another path has too."""
        self._known = {index: value for index, value in self._known.items() if other.get(index) is value}


_BOOL = expr.lift(Clbit()).type


class Assembly:
    """The operations emitted so far."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._blocks = [Block()]
        self._measured = 0
        """The qubit that was measured last. There is one before any condition."""

    @property
    def block(self) -> Block:
        """The innermost open block."""
        return self._blocks[-1]

    @property
    def depth(self) -> int:
        """The number of open conditions and loops."""
        return len(self._blocks) - 1

    @contextmanager
    def inner(self) -> Iterator[Block]:
        """Collect the operations of the body of a condition or loop."""
        block = Block()
        self._blocks.append(block)
        try:
            yield block
        finally:
            self._blocks.pop()

    def add(self, operation: Operation, qubits: tuple[int, ...], clbits: tuple[int, ...] = ()) -> None:
        self.block.items.append(_Step(operation, qubits, clbits))
        if clbits:
            self._measured = qubits[0]

    def store(self, clbit: int, value: Bit, depth: int | None = None) -> None:
        """Set a bit in the block at `depth`. Refused inside blocks: Aer sets the bit even if the condition is false."""
        if depth is None:
            depth = self.depth
        if depth:
            raise UnlocatedError(
                "bits are assigned in a block that depends on a measurement", "an assignment outside the block"
            )
        self._blocks[depth].items.append(_Assign(clbit, value))

    def choose(self, condition: expr.Expr, then: Block, otherwise: Block) -> None:
        self.block.items.append(_Choice(condition, then, otherwise))

    def repeat(self, condition: Bit, iterations: int | None, body: Block) -> None:
        self.block.items.append(_Loop(condition, iterations, body))

    def jump(self, keyword: str) -> None:
        self.block.items.append(_Jump(keyword))

    def circuit(self, num_qubits: int, results: Sequence[int]) -> QuantumCircuit:
        """Return the circuit; the bits in `results` come first, in this order."""
        shown = set(results)
        order = [*results, *(index for index in range(len(self._memory.clbits)) if index not in shown)]
        clbits = [self._memory.clbits[index] for index in order]
        bits = QuantumRegister(num_qubits, "q")
        circuit = QuantumCircuit(bits, ClassicalRegister(name="c", bits=clbits))
        self._write(self._blocks[0], circuit, list(bits), None)
        return circuit

    def _write(self, block: Block, circuit: QuantumCircuit, qubits: list[Qubit], loop: _Bits | None) -> None:
        circuit.global_phase = qiskit_value(block.phase % math.tau)
        for item in block.items:
            match item:
                case _Step():
                    on = [qubits[index] for index in item.qubits]
                    to = [self._memory.clbits[index] for index in item.clbits]
                    circuit._append(CircuitInstruction(item.operation, on, to))
                case _Assign():
                    target = expr.lift(self._memory.clbits[item.clbit])
                    circuit.append(Store(target, expr.lift(item.value)), [], [], copy=False)
                case _Jump():
                    kind = BreakLoopOp if item.keyword == "break" else ContinueLoopOp
                    circuit.append(kind(circuit.num_qubits, circuit.num_clbits), circuit.qubits, circuit.clbits)
                case _Choice():
                    used = (
                        loop if loop is not None and (item.then.jumps or item.otherwise.jumps) else self._used([item])
                    )
                    blocks = [self._body(inner, used, qubits, loop) for inner in (item.then, item.otherwise)]
                    operation = IfElseOp(item.condition, blocks[0], blocks[1] if item.otherwise.items else None)
                    self._place(circuit, operation, used, qubits)
                case _Loop():
                    used = self._used([item])
                    body = self._body(item.body, used, qubits, used)
                    if item.iterations is None:
                        self._place(circuit, WhileLoopOp(expr.lift(item.condition), body), used, qubits)
                    else:
                        self._place(circuit, ForLoopOp(range(item.iterations), None, body), used, qubits)

    def _body(self, block: Block, used: _Bits, qubits: list[Qubit], loop: _Bits | None) -> QuantumCircuit:
        body = QuantumCircuit(
            [qubits[index] for index in sorted(used[0])], [self._memory.clbits[index] for index in sorted(used[1])]
        )
        self._write(block, body, qubits, loop)
        return body

    def _place(self, circuit: QuantumCircuit, operation: Operation, used: _Bits, qubits: list[Qubit]) -> None:
        on = [qubits[index] for index in sorted(used[0])]
        to = [self._memory.clbits[index] for index in sorted(used[1])]
        circuit.append(operation, on, to, copy=False)

    def _used(self, items: Iterable[_Item]) -> _Bits:
        """Return the qubits and bits that the operations use or depend on."""
        used: _Bits = (set(), set())
        self._collect(items, used)
        return used

    def _collect(self, items: Iterable[_Item], used: _Bits) -> None:
        for item in items:
            match item:
                case _Step():
                    used[0].update(item.qubits)
                    used[1].update(item.clbits)
                case _Assign():
                    used[1].add(item.clbit)
                    used[1].update(self._read(item.value))
                case _Choice():
                    self._enclose([*item.then.items, *item.otherwise.items], item.condition, used)
                case _Loop():
                    self._enclose(item.body.items, item.condition, used)

    def _enclose(self, items: Iterable[_Item], condition: Bit, used: _Bits) -> None:
        """Add the bits of a condition or loop, and at least one qubit: Aer runs blocks without qubits out of order."""
        qubits, clbits = self._used(items)
        used[0].update(qubits or {self._measured})
        used[1].update(clbits, self._read(condition))

    def _read(self, value: Bit) -> set[int]:
        return {self._memory.index(clbit) for clbit in sources(value)}


_Bits: TypeAlias = tuple[set[int], set[int]]
"""Indices of qubits and of classical bits."""
