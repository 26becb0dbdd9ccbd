"""The instructions of QIR that are read, and what each stands for.

Names and arguments are those of the quantum instruction set that Microsoft's compiler and PyQIR write; the
specification of QIR leaves the set open. An angle is in radians, and a rotation about P is exp(-i angle/2 P).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["ARRAY", "BARRIER", "IGNORED", "INSTRUCTIONS", "RECORDS", "RESULT", "TUPLE", "Instruction", "feature_of"]

ARRAY: Final = "__quantum__rt__array_record_output"
TUPLE: Final = "__quantum__rt__tuple_record_output"
RESULT: Final = "__quantum__rt__result_record_output"
RECORDS: Final[Mapping[str, str]] = {
    "__quantum__rt__bool_record_output": "a truth value",
    "__quantum__rt__int_record_output": "an integer",
    "__quantum__rt__double_record_output": "a number",
    "__quantum__rt__string_record_output": "a text",
}
"""Instructions that record what is no measurement result."""
IGNORED: Final = frozenset({"__quantum__rt__initialize"})
BARRIER: Final = "__quantum__qis__barrier__body"


class Instruction(NamedTuple):
    """What an instruction does, and the arguments that it takes."""

    gate: str
    """The name of the gate in Qiskit; or `measure`, `reset`, or `measure_reset`: both."""
    arguments: str
    """A letter each: `a` angle, `q` qubit, `r` result."""


def _gates() -> dict[str, Instruction]:
    found = {f"{name}__body": Instruction(name, "q") for name in ("h", "x", "y", "z", "s", "t", "sx")}
    found |= {f"{name}__adj": Instruction(f"{name}dg", "q") for name in ("s", "t", "sx")}
    found |= {f"{name}__body": Instruction(name, "aq") for name in ("rx", "ry", "rz")}
    found |= {f"{name}__body": Instruction(name, "aqq") for name in ("rxx", "ryy", "rzz")}
    found |= {f"{name}__body": Instruction(name, "qq") for name in ("cx", "cy", "cz", "swap")}
    return found | {
        "i__body": Instruction("id", "q"),
        "cnot__body": Instruction("cx", "qq"),
        "ccx__body": Instruction("ccx", "qqq"),
        "toffoli__body": Instruction("ccx", "qqq"),
        "m__body": Instruction("measure", "qr"),
        "mz__body": Instruction("measure", "qr"),
        "mresetz__body": Instruction("measure_reset", "qr"),
        "reset__body": Instruction("reset", "q"),
    }


INSTRUCTIONS: Final[Mapping[str, Instruction]] = {
    f"__quantum__qis__{name}": instruction for name, instruction in _gates().items()
}

_READING = "reading a result while the program runs"
_MEMORY = "memory"
_FEATURES: Final[Mapping[str, str]] = {
    "br": "a branch on a condition",
    "switch": "a branch on a value",
    "indirectbr": "a branch on a value",
    "phi": "a value that depends on the path",
    "select": "a choice between values",
    "call": "the value of a call",
    "invoke": "a call that may not return",
    "unreachable": "an end without a result",
    "alloca": _MEMORY,
    "load": _MEMORY,
    "store": _MEMORY,
    "getelementptr": _MEMORY,
}
"""What opcodes stand for that the base profile does not have; all others compute."""


def feature_of(opcode: str, callee: str = "") -> str:
    """Name, in words, the feature that an opcode, or a call of a function, is for."""
    if callee.endswith(("read_result", "read_result__body", "result_get_one", "result_equal")):
        return _READING
    if "qubit_allocate" in callee or "qubit_release" in callee:
        return "allocating qubits while the program runs"
    return _FEATURES.get(opcode, "computing while the program runs")
