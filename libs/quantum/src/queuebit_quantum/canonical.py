"""The digest of a circuit as a list of steps, whatever its source looks like.

Two sources with the same gates on the same qubits in the same order have the same digest: layout, comments, names of
registers and gates that the source defines do not matter. Gates that are swapped although that changes nothing do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

from queuebit_kernel import digest_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Instruction

__all__ = ["canonical_digest", "joined_digest"]

_FORM = "queuebit.steps/1"


class _NoForm(Exception):
    """A step has no canonical form."""


def canonical_digest(program: object) -> str | None:
    """The digest of a circuit of Qiskit; None for another program, or for one with a step that has no form here.

    Args:
        program: as the parser or a compiler made it.
    """
    from qiskit import QuantumCircuit

    if not isinstance(program, QuantumCircuit):
        return None
    try:
        steps = [*_steps(program)]
    except _NoForm:
        return None
    return digest_of({"form": _FORM, "qubits": program.num_qubits, "clbits": program.num_clbits, "steps": steps})


def joined_digest(digests: Sequence[str | None]) -> str | None:
    """The digest of several circuits in their order, or that of the only one; None if one is not known."""
    if not digests or any(it is None for it in digests):
        return None
    return digests[0] if len(digests) == 1 else digest_of([*digests])


def _steps(program: QuantumCircuit) -> Iterator[list[Any]]:  # plain JSON
    places: dict[Any, int] = {bit: place for bits in (program.qubits, program.clbits) for place, bit in enumerate(bits)}
    for step in program.data:
        yield [
            step.operation.name,
            [places[it] for it in step.qubits],
            [places[it] for it in step.clbits],
            _details(step.operation, places),
        ]


def _details(operation: Instruction, places: dict[Any, int]) -> list[Any]:  # plain JSON
    from qiskit.circuit import ControlFlowOp, IfElseOp

    if operation.name == "delay":  # it counts in its unit
        return [*map(_number, operation.params), operation.unit]
    if not isinstance(operation, ControlFlowOp):
        return [_number(it) for it in operation.params]
    blocks = [[*_steps(it)] for it in operation.blocks]
    match operation:
        case IfElseOp():
            return [_condition(operation.condition, places), blocks]
        case _ if operation.name == "for_loop":
            indices, parameter, _ = operation.params
            if parameter is not None:
                raise _NoForm
            return [len(indices), blocks]
        case _ if operation.name == "box":
            return blocks
        case _ if operation.name in ("break_loop", "continue_loop"):
            return []
        case _:
            raise _NoForm


def _condition(condition: Any, places: dict[Any, int]) -> list[Any]:  # as Qiskit has it
    if isinstance(condition, tuple):
        what, value = condition
        return ["==", _bits(what, places), int(value)]
    return _expression(condition, places)


def _expression(node: Any, places: dict[Any, int]) -> list[Any]:  # of Qiskit's classical expressions
    from qiskit.circuit.classical import expr

    match node:
        case expr.Var() if not node.standalone:
            return ["bits", _bits(node.var, places)]
        case expr.Value():
            return ["value", int(node.value) if isinstance(node.value, int) else repr(node.value)]
        case expr.Unary():
            return [node.op.name, _expression(node.operand, places)]
        case expr.Binary():
            return [node.op.name, _expression(node.left, places), _expression(node.right, places)]
        case expr.Cast():
            return ["cast", str(node.type), _expression(node.operand, places)]
        case _:
            raise _NoForm


def _bits(what: Any, places: dict[Any, int]) -> list[int]:  # a bit or a register
    from qiskit.circuit import Clbit

    return [places[it] for it in ([what] if isinstance(what, Clbit) else what)]


def _number(value: Any) -> str:  # a parameter of a gate
    from qiskit.circuit import ParameterExpression

    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, ParameterExpression):
        return str(value)
    raise _NoForm  # such as a matrix
