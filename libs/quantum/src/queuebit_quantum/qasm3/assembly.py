"""Builds the Qiskit circuit from blocks of operations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import (
    BreakLoopOp,
    CircuitInstruction,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    Operation,
    Qubit,
    Store,
    WhileLoopOp,
)
from qiskit.circuit.classical import expr

from queuebit_quantum.qasm3.blocks import Assign, Block, Choice, Item, Jump, Loop, Step
from queuebit_quantum.qasm3.faults import UnlocatedError
from queuebit_quantum.qasm3.logic import Bit, sources
from queuebit_quantum.qasm3.memory import Memory
from queuebit_quantum.qasm3.predication import without_inner_assignments
from queuebit_quantum.qasm3.symbols import qiskit_value

__all__ = ["Assembly"]


class Assembly:
    """The operations emitted so far."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._blocks = [Block()]
        self._loops = 0
        """The number of open loops."""
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

    @property
    def in_loop(self) -> bool:
        """Whether a loop that the backend runs is open."""
        return self._loops > 0

    @contextmanager
    def inner(self, *, loop: bool = False) -> Iterator[Block]:
        """Collect the operations of the body of a condition or loop."""
        block = Block()
        self._blocks.append(block)
        self._loops += loop
        try:
            yield block
        finally:
            self._blocks.pop()
            self._loops -= loop

    def add(self, operation: Operation, qubits: tuple[int, ...], clbits: tuple[int, ...] = ()) -> None:
        self.block.items.append(Step(operation, qubits, clbits))
        if clbits:
            self._measured = qubits[0]

    def store(self, clbit: int, value: Bit, depth: int | None = None) -> None:
        """Set a bit in the block at `depth`. Refused in a loop that the backend runs: Aer then sets the bit always."""
        if self._loops:
            raise UnlocatedError(
                "bits are assigned in a loop that has no known number of turns", "a `for` loop with a `break`"
            )
        self._blocks[self.depth if depth is None else depth].items.append(Assign(clbit, value))

    def choose(self, condition: expr.Expr, then: Block, otherwise: Block) -> None:
        self.block.items.append(Choice(condition, then, otherwise))

    def repeat(self, condition: Bit, iterations: int | None, body: Block) -> None:
        self.block.items.append(Loop(condition, iterations, body))

    def jump(self, keyword: str) -> None:
        self.block.items.append(Jump(keyword))

    def circuit(self, num_qubits: int, results: Sequence[int], hidden: Callable[[], int]) -> QuantumCircuit:
        """Return the circuit; the bits in `results` come first, in this order. `hidden` adds a bit that is not one."""
        program = without_inner_assignments(self._blocks[0], self._memory, hidden)
        shown = set(results)
        order = [*results, *(index for index in range(len(self._memory.clbits)) if index not in shown)]
        clbits = [self._memory.clbits[index] for index in order]
        bits = QuantumRegister(num_qubits, "q")
        circuit = QuantumCircuit(bits, ClassicalRegister(name="c", bits=clbits))
        self._write(program, circuit, list(bits), None)
        return circuit

    def _write(self, block: Block, circuit: QuantumCircuit, qubits: list[Qubit], loop: _Bits | None) -> None:
        circuit.global_phase = qiskit_value(block.phase % math.tau)
        for item in block.items:
            match item:
                case Step():
                    on = [qubits[index] for index in item.qubits]
                    to = [self._memory.clbits[index] for index in item.clbits]
                    circuit._append(CircuitInstruction(item.operation, on, to))
                case Assign():
                    target = expr.lift(self._memory.clbits[item.clbit])
                    circuit.append(Store(target, expr.lift(item.value)), [], [], copy=False)
                case Jump():
                    kind = BreakLoopOp if item.keyword == "break" else ContinueLoopOp
                    circuit.append(kind(circuit.num_qubits, circuit.num_clbits), circuit.qubits, circuit.clbits)
                case Choice():
                    used = (
                        loop if loop is not None and (item.then.jumps or item.otherwise.jumps) else self._used([item])
                    )
                    blocks = [self._body(inner, used, qubits, loop) for inner in (item.then, item.otherwise)]
                    operation = IfElseOp(item.condition, blocks[0], blocks[1] if item.otherwise.items else None)
                    self._place(circuit, operation, used, qubits)
                case Loop():
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

    def _used(self, items: Iterable[Item]) -> _Bits:
        """Return the qubits and bits that the operations use or depend on."""
        used: _Bits = (set(), set())
        self._collect(items, used)
        return used

    def _collect(self, items: Iterable[Item], used: _Bits) -> None:
        for item in items:
            match item:
                case Step():
                    used[0].update(item.qubits)
                    used[1].update(item.clbits)
                case Assign():
                    used[1].add(item.clbit)
                    used[1].update(self._read(item.value))
                case Choice():
                    self._enclose([*item.then.items, *item.otherwise.items], item.condition, used)
                case Loop():
                    self._enclose(item.body.items, item.condition, used)

    def _enclose(self, items: Iterable[Item], condition: Bit, used: _Bits) -> None:
        """Add the bits of a condition or loop, and at least one qubit: Aer runs blocks without qubits out of order."""
        qubits, clbits = self._used(items)
        used[0].update(qubits or {self._measured})
        used[1].update(clbits, self._read(condition))

    def _read(self, value: Bit) -> set[int]:
        return {self._memory.index(clbit) for clbit in sources(value)}


_Bits: TypeAlias = tuple[set[int], set[int]]
"""Indices of qubits and of classical bits."""
