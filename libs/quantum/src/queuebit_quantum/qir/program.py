"""Reads a module of QIR into the steps of a program, and the order of its results."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from queuebit_quantum.limits import Limits
from queuebit_quantum.qir.calls import Call, calls
from queuebit_quantum.qir.instructions import ARRAY, BARRIER, IGNORED, INSTRUCTIONS, RECORDS, RESULT, TUPLE, feature_of
from queuebit_quantum.qir.module import Function, entry_point
from queuebit_quantum.qir.outputs import Outputs
from queuebit_quantum.qir.tokens import Text, Token

__all__ = ["QirProgram", "Step", "read_program"]

_NUMBERS = {"q": ("qubit", "%Qubit"), "r": ("result", "%Result")}
_NAMES = {
    "qubit": ("required_num_qubits", "num_required_qubits", "requiredQubits"),
    "result": ("required_num_results", "num_required_results", "requiredResults"),
}
"""Attributes that say how many there are; the first of each is the specification's, the others are older."""


class Step(NamedTuple):
    """An operation."""

    gate: str
    """As in `Instruction`, or `barrier`."""
    qubits: tuple[int, ...]
    angles: tuple[float, ...] = ()
    """In radians."""
    result: int | None = None
    """What a measurement writes."""


@dataclass(frozen=True, slots=True)
class QirProgram:
    """A program of the base profile."""

    num_qubits: int
    steps: tuple[Step, ...]
    registers: tuple[tuple[int, ...], ...]
    """Results in the order in which the program records them. Each array, and each run of results beside one another
    in a tuple, is a register; in the bit string of a shot, the first result of a register is its last bit."""


def read_program(text: Text, limits: Limits) -> QirProgram:
    """Read the entry point of a module.

    Raises:
        CircuitError: the module is malformed, too large, or uses what the base profile does not have.
    """
    function = entry_point(text)
    return _Reader(text, function, limits).read()


class _Reader:
    def __init__(self, text: Text, function: Function, limits: Limits) -> None:
        self._text = text
        self._function = function
        self._limits = limits
        self._declared = {kind: self._count(kind) for kind in _NAMES}
        self._used = {"qubit": 0, "result": 0}
        self._steps: list[Step] = []
        self._outputs = Outputs(text)
        self._measured: set[int] = set()

    def read(self) -> QirProgram:
        for call in calls(self._text, self._function):
            self._call(call)
        registers = self._outputs.registers(self._function.name, self._measured)
        return QirProgram(self._declared["qubit"] or self._used["qubit"], tuple(self._steps), registers)

    def _call(self, call: Call) -> None:
        name, arguments = call.callee.name, call.arguments
        if (instruction := INSTRUCTIONS.get(name)) is not None:
            self._step(call, instruction.gate, instruction.arguments)
        elif name == RESULT:
            self._require_arguments(call, 2)
            self._outputs.result(self._number(arguments[0], call.callee, "r"), call.callee)
        elif name in (ARRAY, TUPLE):
            self._require_arguments(call, 2)
            self._outputs.group(self._size(arguments[0], call.callee))
        elif name == BARRIER:
            qubits = tuple(self._number(it, call.callee, "q") for it in arguments)
            self._add(Step("barrier", qubits), call.callee)
        elif name in RECORDS:
            raise self._text.error(
                call.callee, f"recording {RECORDS[name]} is not supported", "results of measurements"
            )
        elif name not in IGNORED:
            raise self._unknown(call.callee)

    def _step(self, call: Call, gate: str, signature: str) -> None:
        self._require_arguments(call, len(signature))
        angles: list[float] = []
        numbers: dict[str, list[int]] = {"q": [], "r": []}
        for letter, argument in zip(signature, call.arguments, strict=True):
            if letter == "a":
                angles.append(self._angle(argument, call.callee))
            else:
                numbers[letter].append(self._number(argument, call.callee, letter))
        qubits = numbers["q"]
        if len({*qubits}) < len(qubits):
            raise self._text.error(call.callee, "an instruction has one qubit twice", "different qubits", "arguments")
        result = numbers["r"][0] if numbers["r"] else None
        if result is not None:
            self._measured.add(result)
        self._add(Step(gate, tuple(qubits), tuple(angles), result), call.callee)

    def _add(self, step: Step, at: Token) -> None:
        self._steps.append(step)
        if len(self._steps) > (most := self._limits.max_operations):
            text = f"the program has more than {most:,} operations"
            raise self._text.error(at, text, f"at most {most:,}", "too_many_operations")

    def _require_arguments(self, call: Call, wanted: int) -> None:
        if (found := len(call.arguments)) != wanted:
            text = f"{call.callee.name} has {found} arguments"
            raise self._text.error(call.callee, text, f"{wanted}", "arguments")

    def _unknown(self, callee: Token) -> Exception:
        name = callee.name
        if name.endswith(("__ctl", "__ctladj")):
            return self._text.error(
                callee, f"controls of any number are not supported: {name:.80}", "cx, cy, cz or ccx"
            )
        if feature_of("", name) != feature_of(""):
            return self._text.error(callee, f"{feature_of('', name)} is not supported: {name:.80}", "the base profile")
        if not name.startswith("__quantum__"):
            return self._text.error(callee, f"a call of a function of its own is not supported: {name:.80}", "inlining")
        known = "h, x, y, z, s, t, sx, rx, ry, rz, rxx, ryy, rzz, cx, cy, cz, swap, ccx, mz, mresetz or reset"
        return self._text.error(callee, f"the instruction {name:.80} is not known", known, "undefined")

    def _number(self, argument: Sequence[Token], at: Token, letter: str) -> int:
        """Which qubit or result an argument is."""
        kind, type_ = _NUMBERS[letter]
        at = argument[0] if argument else at
        expected = f"a {kind}, such as {type_}* inttoptr (i64 1 to {type_}*), or ptr null"
        if at.kind == "local" and at.name in ("Qubit", "Result") and f"%{at.name}" != type_:
            raise self._text.error(at, f"a {at.name} is given in place of a {kind}", expected, "arguments")
        words = [it.text for it in argument]
        if words[-1:] == ["null"]:
            number = 0
        elif "inttoptr" in words:
            match words[words.index("inttoptr") :]:
                case ["inttoptr", "(", "i64" | "i32", str(digits), "to", *_] if digits.isdigit() and len(digits) < 19:
                    number = int(digits)
                case _:
                    raise self._text.error(at, f"this is no number of a {kind}", expected, "arguments")
        elif any(it.kind == "local" for it in argument[1:]):
            raise self._text.error(at, f"a {kind} that is computed while the program runs is not supported", expected)
        else:
            raise self._text.error(at, f"this is no {kind}", expected, "arguments")
        return self._checked(number, kind, at)

    def _checked(self, number: int, kind: str, at: Token) -> int:
        declared = self._declared[kind]
        if declared is not None and number >= declared:
            text = f"there is no {kind} {number:,}: the entry point has {declared:,}"
            raise self._text.error(at, text, f"a {kind} below {declared:,}, or a larger {_NAMES[kind][0]}", "index")
        if declared is None:
            self._require_size(number + 1, kind, at)
        self._used[kind] = max(self._used[kind], number + 1)
        return number

    def _require_size(self, count: int, kind: str, at: Token) -> None:
        most = self._limits.max_qubits if kind == "qubit" else self._limits.max_clbits
        if count > most:
            raise self._text.error(at, f"the program has {count:,} {kind}s", f"at most {most:,}", "too_large")

    def _count(self, kind: str) -> int | None:
        """How many qubits or results there are, as the entry point says; None if it does not say."""
        attributes, at = self._function.attributes, self._function.name
        name = next((it for it in _NAMES[kind] if it in attributes), None)
        if name is None:
            return None
        value = attributes[name]
        if not (value.isascii() and value.isdigit() and len(value) < 19):
            raise self._text.error(at, f'the attribute "{name}" is {value[:40]!r}', "a whole number", "header")
        self._require_size(int(value), kind, at)
        return int(value)

    def _size(self, argument: Sequence[Token], at: Token) -> int:
        """How many values an array or a tuple has."""
        match [it.text for it in argument]:
            case ["i64" | "i32", str(digits)] if digits.isdigit() and len(digits) < 19:
                return int(digits)
            case _:
                raise self._text.error(at, "the number of recorded values is no constant", "i64 2", "arguments")

    def _angle(self, argument: Sequence[Token], at: Token) -> float:
        at = argument[0] if argument else at
        match [*argument]:
            case [Token(_, "double"), Token("number", digits)]:
                angle = _double(digits)
            case [Token(_, "double"), Token("local")]:
                raise self._text.error(
                    at, "an angle that is computed while the program runs is not supported", "a number"
                )
            case _:
                raise self._text.error(at, "this is no angle", "a number, such as double 0.5", "arguments")
        if not math.isfinite(angle):
            raise self._text.error(at, f"the angle is {angle}", "a finite number", "parameter")
        return angle


def _double(digits: str) -> float:
    """A number as LLVM writes it: decimal, or the 64 bits of a double in hexadecimal."""
    bits = digits.lstrip("+-")
    if not bits.startswith("0x"):
        return float(digits)
    if bits[2:3] in "KLMHR" or len(bits) > 18:
        return math.nan
    value: float = struct.unpack(">d", int(bits, 16).to_bytes(8))[0]
    return value
