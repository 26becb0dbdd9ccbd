"""Reads the plain form of OpenQASM 2 quickly: the standard include, registers, and gates of the library on their bits.

This is the form that programs write. One regular expression reads a whole statement, where the general reader makes a
tuple of each token: a fifteenth of the time. Everything else is left to the general reader (`queuebit_quantum.qasm2`):
definitions, conditions, and every program with a fault, so that all errors and their places come from there.
"""

from __future__ import annotations

import re

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.loaded import Loaded
from queuebit_quantum.program_size import ProgramSize
from queuebit_quantum.qasm2 import library_instructions, library_parameters
from queuebit_quantum.renaming import RESERVED
from queuebit_quantum.structure import flatten

__all__ = ["load_plain"]

_COMMENT = re.compile(r"//[^\n]*+")
_HEADER = re.compile(r'\s*+OPENQASM\s++2\.0\s*+;\s*+include\s*+"qelib1\.inc"\s*+;', re.ASCII)
_NUMBER = r"(?:(?:[0-9]{1,17}(?:\.[0-9]{1,24})?|\.[0-9]{1,24})(?:[eE][-+]?[0-9]{1,3})?|[0-9]{1,17}\.)"
"""Within the limits of `tokens.read`. A point without digits has no exponent, which would look like a name."""
_TERM = rf"(?:{_NUMBER}|pi)(?![\w.])"
_ANGLE = rf"[-+]?\s*+{_TERM}(?:\s*+[-+*/]\s*+{_TERM}){{0,8}}"
_BITS = r"[A-Za-z_]\w*+(?:\s*+\[\s*+[0-9]{1,9}\s*+\])?"
_STATEMENT = re.compile(
    rf"""\s*+(?:
        (qreg|creg)\s++([A-Za-z_]\w*+)\s*+\[\s*+([0-9]{{1,9}})\s*+\]
        | ([A-Za-z_]\w*+)
          (?:\s*+(\(\s*+{_ANGLE}(?:\s*+,\s*+{_ANGLE}){{0,7}}\s*+\))\s*+ | \s++)
          ({_BITS}(?:\s*+(?:,|->)\s*+{_BITS})*+)
    )\s*+;""",
    re.VERBOSE | re.ASCII,
)
"""A register with its size, or a gate or measurement with its angles and bits. Takes linear time on any input."""
_WHOLE = re.compile(r"([A-Za-z_]\w*+)\s*+(?!\[)", re.ASCII)
_NEW_NAME = re.compile(r"\bown[0-9]")
_OPERATIONS = frozenset({"barrier", "measure", "reset"})
_MAX_LEVELS = 2
"""Levels of brackets of a plain program; `Limits` may allow fewer."""


def load_plain(text: str, limits: Limits) -> Loaded | None:
    """Load a program of the plain form; None if it has another form, or any fault.

    The circuit is the one that `qasm2.load` makes, with the same names of registers.
    """
    if not text.isascii() or len(text) > limits.max_source_bytes or limits.max_nesting < _MAX_LEVELS:
        return None
    if "//" in text:
        text = _COMMENT.sub("", text)
    header = _HEADER.match(text)
    if header is None:
        return None
    found = _Statements(limits)
    return _loaded(text, header.end(), found) if found.read(text, header.end()) else None


class _Statements:
    """What the statements of a plain program use."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._size = ProgramSize(limits)
        self.gates: set[str] = set()

    @property
    def registers(self) -> list[str]:
        """Their names, in the order of their declarations."""
        return [*self._size.registers]

    def read(self, text: str, end: int) -> bool:
        """Read all statements from `end` on; return whether each is plain, and all are within the limits."""
        known, match, total = library_parameters(), _STATEMENT.match, 0
        while (found := match(text, end)) is not None:
            kind, name, size, gate, angles, bits = found.groups()
            end = found.end()
            if kind:
                if not self._declare(kind, name, int(size)):
                    return False
                continue
            if gate not in _OPERATIONS and bool(known.get(gate)) is not bool(angles):
                return False
            self.gates.add(gate)
            every_bit = bits.count("[") == bits.count(",") + bits.count(">") + 1
            total += 1 if every_bit or gate == "barrier" else self._width(bits)
        return (
            not text[end:].strip()
            and total <= self._limits.max_operations
            and self.gates <= known.keys() | _OPERATIONS
            and self.gates.isdisjoint(self._size.registers)
            and _NEW_NAME.search(text) is None
        )

    def _declare(self, kind: str, name: str, size: int) -> bool:
        if name in RESERVED or name in self._size.registers:
            return False
        try:
            self._size.declare(name, size, quantum=kind == "qreg", error=lambda message, *_: CircuitError(message))
        except CircuitError:
            return False
        return True

    def _width(self, bits: str) -> int:
        """The size of the largest whole register among these."""
        return max((self._size.registers.get(it, 1) for it in _WHOLE.findall(bits)), default=1)


def _loaded(text: str, begin: int, found: _Statements) -> Loaded | None:
    """The circuit of Qiskit's parser; None if it refuses the program."""
    from qiskit import qasm2
    from qiskit.exceptions import QiskitError

    new = {name: f"own{number}" for number, name in enumerate(found.registers)}
    body = text[begin:]
    if new:
        names = re.compile(rf"\b(?:{'|'.join(new)})\b", re.ASCII)
        body = names.sub(lambda name: new[name[0]], body)
    try:
        parsed = qasm2.loads(
            text[:begin] + body, include_path=(), custom_instructions=library_instructions(found.gates)
        )
    except (QiskitError, TypeError, ValueError, ArithmeticError, RecursionError):
        return None
    return Loaded(flatten(parsed), tuple(register.size for register in parsed.cregs))
