"""The exact outcomes of a Qiskit circuit, its control flow included, worked out from each operation's own matrix."""

from __future__ import annotations

import cmath
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import CASE_DEFAULT, ClassicalRegister, Clbit
from qiskit.circuit.classical import expr
from qiskit.circuit.controlflow import ControlFlowOp
from qiskit.quantum_info import Operator
from tests.differential.branches import Machine, Outcomes, explore

__all__ = ["outcomes"]

_NOTHING = frozenset({"barrier", "delay", "id"})
_MAX_TURNS = 1_000


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


def outcomes(circuit: QuantumCircuit, registers: tuple[int, ...]) -> Outcomes:
    """Return what a circuit leaves behind, its bits written as in a result of registers of these widths."""

    def run(machine: Machine) -> str:
        qubits = machine.allocate(circuit.num_qubits)
        bits = dict.fromkeys(circuit.clbits, 0)
        frame = _Frame(machine, bits, dict(zip(circuit.qubits, qubits, strict=True)), {b: b for b in bits}, {})
        frame.run(circuit)
        reading = "".join(map(str, bits.values()))
        pieces = []
        for width in registers:
            pieces.append(reading[:width][::-1])
            reading = reading[width:]
        return " ".join(reversed(pieces))

    return explore(run)


@dataclass
class _Frame:
    """One block of a circuit: where its qubits and bits lie in the whole."""

    machine: Machine
    bits: dict[Clbit, int]
    qubits: dict[Any, int]
    clbits: dict[Clbit, Clbit]
    variables: dict[Any, Any]

    def run(self, circuit: QuantumCircuit) -> None:
        self.machine.state = self.machine.state * cmath.exp(1j * float(circuit.global_phase))
        for item in circuit.data:
            self._step(item.operation, item.qubits, item.clbits)

    def _step(self, operation: Any, qubits: Sequence[Any], clbits: Sequence[Clbit]) -> None:
        places = [self.qubits[qubit] for qubit in qubits]
        if isinstance(operation, ControlFlowOp):
            self._branch(operation, qubits, clbits)
        elif operation.name == "measure":
            self.bits[self.clbits[clbits[0]]] = self.machine.measure(places[0])
        elif operation.name == "reset":
            self.machine.reset(places[0])
        elif operation.name == "store":
            self._store(operation.lvalue, self._value(operation.rvalue))
        elif operation.name == "break_loop":
            raise _Break
        elif operation.name == "continue_loop":
            raise _Continue
        elif operation.name not in _NOTHING:
            self.machine.apply(Operator(operation).data, places[::-1])

    def _branch(self, operation: Any, qubits: Sequence[Any], clbits: Sequence[Clbit]) -> None:
        def run(block: QuantumCircuit) -> None:
            inner_qubits = dict(zip(block.qubits, (self.qubits[qubit] for qubit in qubits), strict=True))
            inner_bits = dict(zip(block.clbits, (self.clbits[bit] for bit in clbits), strict=True))
            _Frame(self.machine, self.bits, inner_qubits, inner_bits, self.variables).run(block)

        blocks = operation.blocks
        match operation.name:
            case "if_else":
                chosen = blocks[:1] if self._holds(operation.condition) else blocks[1:]
                for block in chosen:
                    run(block)
            case "switch_case":
                subject = self._read(operation.target)
                for labels, block in operation.cases_specifier():
                    if any(label is CASE_DEFAULT or label == subject for label in labels):
                        run(block)
                        return
            case "for_loop":
                indices, parameter, block = operation.params
                turns = (block if parameter is None else block.assign_parameters({parameter: i}) for i in indices)
                self._loop(run, turns)
            case "while_loop":
                self._loop(run, self._while(operation.condition, blocks[0]))
            case "box":
                run(blocks[0])
            case name:
                raise ValueError(f"the control flow {name!r} has no evaluation here")

    def _loop(self, run: Callable[[QuantumCircuit], None], turns: Iterable[QuantumCircuit]) -> None:
        for block in turns:
            try:
                run(block)
            except _Continue:
                continue
            except _Break:
                break

    def _while(self, condition: Any, block: QuantumCircuit) -> Iterable[QuantumCircuit]:
        for _ in range(_MAX_TURNS):
            if not self._holds(condition):
                return
            yield block
        raise ValueError("the loop does not end")

    def _holds(self, condition: Any) -> bool:
        if isinstance(condition, expr.Expr):
            return bool(self._value(condition))
        subject, wanted = condition
        return self._read(subject) == int(wanted)

    def _read(self, subject: Any) -> int:
        if isinstance(subject, Clbit):
            return self.bits[self.clbits[subject]]
        if isinstance(subject, ClassicalRegister):
            return sum(self._read(bit) << place for place, bit in enumerate(subject))
        return int(self._value(subject))

    def _value(self, node: Any) -> Any:
        match node:
            case expr.Value():
                return node.value
            case expr.Var():
                known = isinstance(node.var, Clbit | ClassicalRegister)
                return self._read(node.var) if known else self.variables[node]
            case expr.Cast():
                return _cast(self._value(node.operand), node.type)
            case expr.Unary():
                return _unary(node, self._value(node.operand))
            case expr.Binary():
                return _BINARY[node.op.name](self._value(node.left), self._value(node.right))
            case expr.Index():
                return self._value(node.target) >> self._value(node.index) & 1
        raise ValueError(f"the expression {node} has no evaluation here")

    def _store(self, target: Any, value: Any) -> None:
        match target:
            case expr.Var(var=Clbit()):
                self.bits[self.clbits[target.var]] = int(value)
            case expr.Var(var=ClassicalRegister()):
                for place, bit in enumerate(target.var):
                    self.bits[self.clbits[bit]] = value >> place & 1
            case expr.Index():
                place = self._value(target.index)
                whole = self._value(target.target)
                self._store(target.target, whole & ~(1 << place) | int(value) << place)
            case _:
                self.variables[target] = value


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "BIT_AND": operator.and_,
    "BIT_OR": operator.or_,
    "BIT_XOR": operator.xor,
    "LOGIC_AND": lambda left, right: bool(left and right),
    "LOGIC_OR": lambda left, right: bool(left or right),
    "EQUAL": operator.eq,
    "NOT_EQUAL": operator.ne,
    "LESS": operator.lt,
    "LESS_EQUAL": operator.le,
    "GREATER": operator.gt,
    "GREATER_EQUAL": operator.ge,
    "SHIFT_LEFT": operator.lshift,
    "SHIFT_RIGHT": operator.rshift,
    "ADD": operator.add,
    "SUB": operator.sub,
    "MUL": operator.mul,
}


def _unary(node: Any, value: Any) -> Any:
    match node.op.name:
        case "LOGIC_NOT":
            return not value
        case "BIT_NOT":
            return ~value & (1 << getattr(node.type, "width", 1)) - 1
        case _:
            return -value


def _cast(value: Any, kind: Any) -> Any:
    match type(kind).__name__:
        case "Bool":
            return bool(value)
        case "Uint":
            return int(value) & (1 << kind.width) - 1
        case _:
            return float(value)
