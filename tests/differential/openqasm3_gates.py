"""Gates of OpenQASM 3 as matrices: definitions, modifiers and phases."""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from openqasm3 import ast
from tests.differential.branches import Array, apply, controlled, power
from tests.differential.openqasm3_values import Node, evaluate

__all__ = ["rotation", "unitary"]


def unitary(gates: Mapping[str, Node], call: Node, value: Callable[[Node], Any]) -> Array:
    """Return the matrix of one use of a gate or of `gphase`, its first qubit as highest bit.

    `value` evaluates the parameters and the modifiers' arguments.
    """
    if isinstance(call, ast.QuantumPhase):
        matrix = np.array([[cmath.exp(1j * value(call.argument))]])
    else:
        matrix = _matrix(gates, call.name.name, [float(value(argument)) for argument in call.arguments])
    for modifier in reversed(call.modifiers):
        argument = value(modifier.argument) if modifier.argument else 1
        match modifier.modifier:
            case ast.GateModifierName.inv:
                matrix = matrix.conj().T
            case ast.GateModifierName.pow:
                matrix = power(matrix, argument)
            case ast.GateModifierName.ctrl:
                matrix = controlled(matrix, argument, 1)
            case ast.GateModifierName.negctrl:
                matrix = controlled(matrix, argument, 0)
    return matrix


def _matrix(gates: Mapping[str, Node], name: str, parameters: list[float]) -> Array:
    if name == "U":
        return rotation(*parameters)
    gate = gates[name]
    known = dict(zip((argument.name for argument in gate.arguments), parameters, strict=True))
    names = [qubit.name for qubit in gate.qubits]
    count = len(names)
    tensor = np.eye(2**count, dtype=np.complex128).reshape((2,) * (2 * count))

    def value(node: Node) -> Any:
        return evaluate(node, known.__getitem__, _refuse)

    for statement in gate.body:
        if isinstance(statement, ast.QuantumGate | ast.QuantumPhase):
            places = [names.index(qubit.name) for qubit in statement.qubits]
            tensor = apply(tensor, unitary(gates, statement, value), places)
        elif not isinstance(statement, ast.QuantumBarrier):
            raise ValueError(f"{type(statement).__name__} cannot stand in a gate")
    return tensor.reshape(2**count, 2**count)


def rotation(theta: float, phi: float, lam: float) -> Array:
    """The built-in gate `U`, as the specification's section on gates has it since version 3.0."""
    turn = cmath.exp(1j * theta)
    left, right = cmath.exp(1j * phi), cmath.exp(1j * lam)
    rows = [[1 + turn, -1j * right * (1 - turn)], [1j * left * (1 - turn), left * right * (1 + turn)]]
    return np.array(rows, dtype=np.complex128) / 2


def _refuse(node: Node) -> Any:
    raise ValueError(f"a gate cannot call {node.name.name!r}")
