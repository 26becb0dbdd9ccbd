"""The exact outcomes of an OpenQASM 3 program as Amazon Braket's local interpreter understands it.

Braket parses the program and runs its classical part; each quantum operation it arrives at is applied to our machine,
so that the result is exact where Braket itself would sample. Braket has its own gate names, so the standard library is
declared as aliases of them, and its `U` is OpenQASM 2's, so the specification's stands in.

Version 1.41 gets some constructs wrong or refuses them, and programs with them are not for it: a power is spread over
the statements of a gate that has several, two powers are multiplied into one, a phase inside a gate escapes the gate's
control, a negatively controlled phase is refused, gates cannot call functions, registers cannot be compared with
numbers, `let` knows no slices, and `switch` is unknown. A gate named as one of Braket's own hides it from the library,
and a qubit named as a gate's parameter stands where the parameter should.
"""

from __future__ import annotations

import cmath
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
from braket.default_simulator.gate_operations import BRAKET_GATES
from braket.default_simulator.openqasm.interpreter import Interpreter
from braket.default_simulator.openqasm.parser.openqasm_ast import (
    ArrayLiteral,
    BitType,
    Identifier,
    Include,
    IntegerLiteral,
)
from braket.default_simulator.openqasm.parser.openqasm_parser import parse
from braket.default_simulator.openqasm.program_context import ProgramContext
from tests.differential.branches import Machine, Outcomes, controlled, explore
from tests.differential.branches import power as raised
from tests.differential.openqasm3_gates import rotation

__all__ = ["outcomes"]

_ALIASES = """
gate p(angle_) a { phaseshift(angle_) a; }
gate phase(angle_) a { phaseshift(angle_) a; }
gate u1(angle_) a { phaseshift(angle_) a; }
gate id a { i a; }
gate sdg a { si a; }
gate tdg a { ti a; }
gate sx a { v a; }
gate cx a, b { cnot a, b; }
gate CX a, b { cnot a, b; }
gate ccx a, b, c { ccnot a, b, c; }
gate cp(angle_) a, b { cphaseshift(angle_) a, b; }
gate cphase(angle_) a, b { cphaseshift(angle_) a, b; }
gate crx(angle_) a, b { ctrl @ rx(angle_) a, b; }
gate cry(angle_) a, b { ctrl @ ry(angle_) a, b; }
gate crz(angle_) a, b { ctrl @ rz(angle_) a, b; }
gate ch a, b { ctrl @ h a, b; }
"""


def outcomes(source: str) -> Outcomes:
    """Return what a program leaves behind; see `branches.Outcomes`.

    Raises:
        Exception: of any kind, if Braket does not understand the program.
    """
    statements = [
        part
        for statement in parse(source).statements
        for part in (_aliases() if isinstance(statement, Include) else [statement])
    ]

    def run(machine: Machine) -> str:
        context = _Context(machine)
        interpreter = Interpreter(context)
        for statement in deepcopy(statements):  # the interpreter rewrites what it visits
            interpreter.visit(statement)
        return context.reading()

    return explore(run)


@cache
def _aliases() -> list[Any]:
    return list(parse(_ALIASES).statements)


class _Context(ProgramContext):  # type: ignore[misc]
    """Where the interpreter keeps names and values, and reports what happens to qubits."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine

    def reading(self) -> str:
        values = [self.get_value(register.name) for register in self._circuit.classical_registers]
        return " ".join(reversed([_written(value) for value in values]))

    def is_mcm_dependent(self, expression: Any) -> bool:
        """Say that nothing waits for a measurement: outcomes are known at once."""
        return False

    def declare_variable(self, name: str, symbol_type: Any, value: Any = None, const: bool = False) -> None:
        super().declare_variable(name, symbol_type, value, const)
        if isinstance(symbol_type, BitType) and isinstance(value, ArrayLiteral):
            value.values = [bit or IntegerLiteral(0) for bit in value.values]
        elif isinstance(symbol_type, BitType) and value is None:
            self.update_value(Identifier(name), IntegerLiteral(0))

    def add_qubits(self, name: str, num_qubits: int | None = 1) -> None:
        super().add_qubits(name, num_qubits)
        self._machine.allocate(num_qubits or 1)

    def add_gate_instruction(
        self, gate_name: str, target: tuple[int, ...], params: Any, ctrl_modifiers: list[int], power: float
    ) -> None:
        matrix = rotation(*params) if gate_name == "U" else BRAKET_GATES[gate_name](target, *params)._base_matrix
        matrix = raised(np.asarray(matrix, dtype=np.complex128), power)
        for value in reversed(ctrl_modifiers):
            matrix = controlled(matrix, 1, value)
        self._machine.apply(matrix, target)

    def add_phase_instruction(self, target: Any, phase_value: float) -> None:
        self._machine.apply(np.array([[cmath.exp(1j * phase_value)]]), ())

    def add_reset(self, target: list[int]) -> None:
        for qubit in target:
            self._machine.reset(qubit)

    def add_measure(
        self, target: tuple[int, ...], classical_targets: Any = None, *, classical_destination: Any = None
    ) -> None:
        register, places = self._resolve_destination(classical_destination, classical_targets, target)
        value = self.get_value(register.name)
        for qubit, place in zip(target, places, strict=True):
            bit = IntegerLiteral(self._machine.measure(qubit))
            if isinstance(value, ArrayLiteral):
                value.values[place] = bit
            else:
                value = bit
        self.update_value(Identifier(register.name), value)


def _written(value: Any) -> str:
    bits = value.values if isinstance(value, ArrayLiteral) else [value]
    return "".join(str(int(bit.value)) if bit is not None else "0" for bit in reversed(bits))
