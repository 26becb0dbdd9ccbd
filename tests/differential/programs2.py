"""Random OpenQASM 2 programs."""

from __future__ import annotations

from hypothesis import strategies as st
from tests.differential.programs import LIBRARY, Gate, Program, Writer

__all__ = ["programs"]

_BUILT_IN = (Gate("U", 3, 1), Gate("CX", 0, 2))
_MAX_LOOKS = 5
"""Measurements and resets of one program: each may double the paths to follow."""


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Draw a program of up to five qubits; half of them include `qelib1.inc`, the others reuse its names."""
    writer = _Writer(draw)
    writer.definitions()
    writer.registers()
    for _ in range(writer.integer(1, 10)):
        writer.statement()
    writer.measure()
    return Program("\n".join(writer.lines) + "\n")


class _Writer(Writer):
    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(draw, _BUILT_IN)
        self.qubits: dict[str, int] = {}
        self.bits: dict[str, int] = {}
        self._looks = 0
        self.lines.append("OPENQASM 2.0;")
        self._includes = draw(st.booleans())
        if self._includes:
            self.lines.append('include "qelib1.inc";')
            self.gates += LIBRARY
            self._taken |= {gate.name for gate in LIBRARY} | {"u"}

    def definitions(self) -> None:
        for _ in range(self.integer(0, 3)):
            gate = self.signature(library_names=not self._includes)
            parameters, qubits = self.arguments(gate)
            body = " ".join(self._inner(parameters, qubits) for _ in range(self.integer(0, 4)))
            brackets = f"({', '.join(parameters)})" if parameters else self.pick(("", "()"))
            self.lines.append(f"gate {gate.name}{brackets} {', '.join(qubits)} {{ {body} }}")
            self.gates.append(gate)

    def registers(self) -> None:
        for kind, registers in (("qreg", self.qubits), ("creg", self.bits)):
            for _ in range(self.integer(1, 2)):
                name, width = self.name(), self.integer(1, 2)
                registers[name] = width
                self.lines.append(f"{kind} {name}[{width}];")

    def statement(self) -> None:
        condition = ""
        if self.chance(4):
            name = self.pick(list(self.bits))
            condition = f"if ({name} == {self.integer(0, 2 ** self.bits[name] - 1)}) "
        match self.pick(("gate", "gate", "gate", "broadcast", "barrier", "measure", "reset")):
            case "gate":
                elements = _elements(self.qubits)
                gate = self.pick([gate for gate in self.gates if gate.qubits <= len(elements)])
                self.lines.append(f"{condition}{self.call(gate)} {', '.join(self.places(elements, gate.qubits))};")
            case "broadcast":
                gate = self.pick([gate for gate in self.gates if gate.qubits == 1])
                self.lines.append(f"{condition}{self.call(gate)} {self.pick(list(self.qubits))};")
            case "barrier":
                self.lines.append(f"barrier {self.pick(list(self.qubits))};")
            case "measure" if self._looks < _MAX_LOOKS:
                self.measure(condition)
            case "reset" if self._looks < _MAX_LOOKS:
                self._looks += 1
                self.lines.append(f"{condition}reset {self.pick(_elements(self.qubits))};")

    def measure(self, condition: str = "") -> None:
        pairs = [
            (qubits, bits)
            for qubits, width in self.qubits.items()
            for bits, other in self.bits.items()
            if width == other
        ]
        if pairs and self.chance(3):
            qubits, bits = self.pick(pairs)
            self._looks += self.qubits[qubits]
        else:
            qubits, bits = self.pick(_elements(self.qubits)), self.pick(_elements(self.bits))
            self._looks += 1
        self.lines.append(f"{condition}measure {qubits} -> {bits};")

    def _inner(self, parameters: list[str], qubits: list[str]) -> str:
        gate = self.pick([gate for gate in self.gates if gate.qubits <= len(qubits)])
        return f"{self.call(gate, parameters)} {', '.join(self.places(qubits, gate.qubits))};"


def _elements(registers: dict[str, int]) -> list[str]:
    return [f"{name}[{place}]" for name, width in registers.items() for place in range(width)]
