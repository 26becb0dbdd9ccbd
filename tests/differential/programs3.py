"""Random OpenQASM 3 programs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from tests.differential.programs import LIBRARY, Gate, Program, Writer

__all__ = ["programs"]

_U = Gate("U", 3, 1)
_NOT_FOR_BRAKET = frozenset({"cu", "u2", "u3"})
_MAX_LOOKS = 5
"""Measurements and resets of one program: each may double the paths to follow."""
_MAX_DEPTH = 2
_WHOLE_POWERS = ("2", "-1", "3", "-2", "0")
_POWERS = (*_WHOLE_POWERS, "0.5", "1.5", "1/4.0")


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Draw a program of up to five qubits; a third of them keep to what Braket gets right.

    Most include `stdgates.inc`; the others have `U` and `gphase` alone and reuse the library's names.
    """
    kind = draw(st.sampled_from(("library", "braket", "bare")))
    writer = _Writer(draw, for_braket=kind == "braket", includes=kind != "bare")
    writer.definitions()
    writer.registers()
    writer.numbers()
    for _ in range(writer.integer(1, 8)):
        writer.step()
    writer.lines.append(writer.measure())
    writer.show_counters()
    return Program("\n".join(writer.lines) + "\n", writer.for_braket)


class _Writer(Writer):
    def __init__(self, draw: st.DrawFn, *, for_braket: bool, includes: bool) -> None:
        super().__init__(draw, [_U])
        self.for_braket = for_braket
        self.functions = not for_braket
        self._includes = includes
        self._registers: dict[str, list[int]] = {}
        """Quantum registers and aliases: the qubits behind each name, all of which may be indexed."""
        self._spelled: list[list[str]] = []
        """Every way to write each qubit."""
        self._bits: dict[str, int] = {}
        """Classical registers by width; a width of 0 is a single bit."""
        self._numbers: list[str] = []
        self._integers: list[str] = []
        """Those that are no constants."""
        self._counters: dict[str, int] = {}
        """Variables that may depend on measurements, with the width of a `uint`; 0 for an `int`."""
        self._looks = 0
        self.lines.append(self.pick(("OPENQASM 3.0;", "OPENQASM 3;")))
        if includes:
            self.lines.append('include "stdgates.inc";')
            self.gates += [gate for gate in LIBRARY if not for_braket or gate.name not in _NOT_FOR_BRAKET]
            self._taken |= {gate.name for gate in LIBRARY}
        if for_braket:
            self._taken.add("i")

    def definitions(self) -> None:
        for _ in range(self.integer(0, 3)):
            gate = self.signature(library_names=not self._includes)
            parameters, qubits = self.arguments(gate)
            if self.for_braket:
                self._taken.update(parameters)
            statements = [self._inner(parameters, qubits) for _ in range(self.integer(0, 4))]
            brackets = f"({', '.join(parameters)})" if parameters else ""
            self.lines.append(f"gate {gate.name}{brackets} {', '.join(qubits)} {{ {' '.join(statements)} }}")
            self.gates.append(replace(gate, phased=len(statements) != 1))

    def registers(self) -> None:
        for _ in range(self.integer(1, 2)):
            name, width = self.name(), self.integer(0, 2)
            first = len(self._spelled)
            self.lines.append(f"qubit[{width}] {name};" if width else f"qubit {name};")
            self._spelled += [[f"{name}[{place}]"] for place in range(width)] or [[name]]
            if width:
                self._registers[name] = list(range(first, first + width))
        for _ in range(self.integer(1, 2)):
            self._declare_bits()
        for _ in range(self.integer(0, 2) if self._registers else 0):
            self._alias()

    def numbers(self) -> None:
        """Declare constants and variables that angles may use."""
        for _ in range(self.integer(0, 2)):
            kind, value = self.pick((("float", self.number()), ("int", str(self.integer(-2, 3))), ("uint", "2")))
            if self.for_braket:  # it divides integers as if they were floats
                kind = "float"
            name = self.name()
            self.lines.append(f"{self.pick(('const ', ''))}{kind} {name} = {value};")
            self._numbers.append(name)
            if kind == "int" and not self.lines[-1].startswith("const"):
                self._integers.append(name)
        for _ in range(0 if self.for_braket else self.integer(0, 2)):
            name, width = self.name(), self.pick((0, 2, 3))
            self.lines.append(f"{f'uint[{width}]' if width else 'int'} {name} = {self.integer(0, 3)};")
            self._counters[name] = width

    def step(self) -> None:
        """Write a statement of the outermost block, where declarations and calls may stand as well."""
        kinds = ["statement"] * 8 + ["count"] * bool(self._integers)
        if self._looks < _MAX_LOOKS:
            kinds += ["declaration"] + ["subroutine", "discard"] * (not self.for_braket)
        match self.pick(kinds):
            case "count":
                name = self.pick(self._integers)
                self.lines.append(f"{name} {self.pick(('+=', '-=', '='))} {self.integer(0, 3)};")
            case "declaration":
                self._looks += 1
                name, qubit = self.name(), self._qubits(1)[0]
                self.lines.append(f"bit {name} = measure {qubit};")
                self._bits[name] = 0
            case "discard":
                self._looks += 1
                self.lines.append(f"measure {self._qubits(1)[0]};")
            case "subroutine":
                self._subroutine()
            case _:
                self.lines.append(self._statement(0, self._numbers))

    def show_counters(self) -> None:
        """Make counters part of the result."""
        for counter, width in self._counters.items():
            if width:
                self.lines.append(f"bit[{width}] {self.name()} = {counter};")

    def _subroutine(self) -> None:
        """Define a subroutine of one qubit and an angle that may measure, and call it."""
        self._looks += 1
        name, angle, qubit = self.name(), *self.names(2)
        body = f"{self.call(self._one_qubit_gate(), [angle])} {qubit}; return measure {qubit};"
        if self.chance(3) and self._looks < _MAX_LOOKS:
            self._looks += 1
            bit = self.name()
            body = f"bit {bit} = measure {qubit}; if ({bit}) {{ {self._flip(qubit)} return !{bit}; }} {body}"
        call = f"{name}({self.number(self._numbers)}, {self._qubits(1)[0]})"
        self.lines.append(f"def {name}(float {angle}, qubit {qubit}) -> bit {{ {body} }}")
        self.lines.append(f"{self.pick(self._bit_elements())} = {call};")

    def block(self, count: int, depth: int, names: list[str]) -> list[str]:
        """Return some statements that may use numbers by name."""
        return [self._statement(depth, names) for _ in range(count)]

    def measure(self) -> str:
        """Return a measurement of one qubit, or of a register into another of its width."""
        pairs = [
            (qubits, bits)
            for qubits, members in self._registers.items()
            for bits, width in self._bits.items()
            if len(members) == width
        ]
        if pairs and self.chance(3):
            qubits, bits = self.pick(pairs)
            self._looks += len(self._registers[qubits])
        else:
            qubits, bits = self._qubits(1)[0], self.pick(self._bit_elements())
            self._looks += 1
        return self.pick((f"{bits} = measure {qubits};", f"measure {qubits} -> {bits};"))

    def _statement(self, depth: int, names: list[str]) -> str:
        kinds = ["gate"] * 4 + ["broadcast", "barrier"]
        if self._looks < _MAX_LOOKS and names == self._numbers:  # in no loop, which would repeat it
            kinds += ["measure", "reset", "while"]
        if depth < _MAX_DEPTH:
            kinds += ["if", "if", "for", "box"]
        if not self.for_braket:
            kinds += ["phase", "delay", "set"] + ["compute"] * 2 * bool(self._counters)
        match self.pick(kinds):
            case "set":
                return self._set()
            case "compute":
                return self._compute()
            case "gate":
                return self._gate(names)
            case "broadcast":
                return self._broadcast(names)
            case "measure":
                return self.measure()
            case "reset":
                self._looks += 1
                return f"reset {self._qubits(1)[0]};"
            case "barrier":
                return f"barrier {self._qubits(1)[0]};"
            case "delay":
                return f"delay[{self.pick(('100ns', '2us', '16dt'))}] {self._qubits(1)[0]};"
            case "phase":
                controls = self.integer(0, min(2, len(self._spelled)))
                return self._phase(self.number(names), self._qubits(controls))
            case "while":
                self._looks += 2
                qubit, bit = self._qubits(1)[0], self.pick(self._bit_elements())
                return f"while ({bit}) {{ {self._flip(qubit)} {bit} = measure {qubit}; }}"
            case "for":
                return self._for(depth, names)
            case "box":
                return f"box {{ {self._gate(names)} }}"
            case _:
                return self._if(depth, names)

    def _if(self, depth: int, names: list[str]) -> str:
        body = " ".join(self.block(self.integer(1, 2), depth + 1, names))
        if self.chance(4):
            return f"if ({self._condition()}) {self._gate(names)}"
        other = f" else {{ {' '.join(self.block(1, depth + 1, names))} }}" if self.chance(2) else ""
        return f"if ({self._condition()}) {{ {body} }}{other}"

    def _for(self, depth: int, names: list[str]) -> str:
        name = self.name()
        turns = self.pick(("[0:1]", "[0:2:4]", "[3:-1:1]", "{0, 2}", "[1:0]"))
        body = self.block(self.integer(1, 2), depth + 1, [*names, name])
        wide = [register for register, members in self._registers.items() if len(members) == 2]
        if turns == "[0:1]" and wide:
            place = self.pick((name, f"1-{name}"))
            body.append(f"{self.call(self._one_qubit_gate(), [name])} {self.pick(wide)}[{place}];")
        if not self.for_braket and self.chance(4):
            body.append(f"if ({self._condition()}) {{ {self.pick(('break', 'continue'))}; }}")
            body.append(self._gate(names))
        return f"for {self.pick(('int', 'uint'))} {name} in {turns} {{ {' '.join(body)} }}"

    def _set(self) -> str:
        """Assign a bit without a measurement."""
        bit, other = self.pick(self._bit_elements()), self.pick(self._bit_elements())
        return f"{bit} = {self.pick(('0', '1', other, f'!{other}', f'{bit} ^ {other}', f'{bit} & {other}'))};"

    def _compute(self) -> str:
        """Assign to a counter."""
        counter = self.pick(list(self._counters))
        terms = [*self._counters, *(name for name, width in self._bits.items() if width), "1", "2"]
        if self._counters[counter]:
            shapes = [f"{counter} <<= 1;", f"{counter} = {counter} % 2;", f"{counter} = {counter} / 2;"]
            if self.chance(3):
                return self.pick(shapes)
        if self.chance(2):
            return f"{counter} {self.pick(('+=', '-=', '='))} {self.pick(terms)};"
        left, right = f"int({self.pick(terms)})", self.pick(terms)
        return f"{counter} = {left} {self.pick(('+', '-', '*'))} {right};"

    def _condition(self) -> str:
        if self._counters and self.chance(4):
            other = self.pick((*self._counters, *map(str, range(4))))
            return f"{self.pick(list(self._counters))} {self.pick(('==', '!=', '<', '>='))} {other}"
        if self._integers and self.chance(4):
            return f"{self.pick(self._integers)} {self.pick(('==', '!=', '<', '>='))} {self.integer(0, 3)}"
        bit = self.pick(self._bit_elements())
        shapes = [bit, f"{bit} == 1", f"{bit} == 0", f"{bit} != 1"]
        if not self.for_braket:
            other = self.pick(self._bit_elements())
            shapes += [f"!{bit}", f"{bit} && {other}", f"{bit} || !{other}", f"{bit} ^ {other}", f"!({bit} && {other})"]
            shapes += [
                f"{name} {self.pick(('==', '!=', '<', '>='))} {self.integer(0, 2**width - 1)}"
                for name, width in self._bits.items()
                if width
            ]
        return self.pick(shapes)

    def _gate(self, names: list[str]) -> str:
        gate = self.pick([gate for gate in self.gates if gate.qubits <= len(self._spelled)])
        modifiers, controls = self._modifiers(gate, len(self._spelled))
        return f"{modifiers}{self.call(gate, names)} {', '.join(self._qubits(gate.qubits + controls))};"

    def _broadcast(self, names: list[str]) -> str:
        if not self._registers:
            return self._gate(names)
        first = self.pick(list(self._registers))
        members = self._registers[first]
        partners = [
            name
            for name, others in self._registers.items()
            if len(others) == len(members) and not set(others) & set(members)
        ]
        pairs = [gate for gate in self.gates if gate.qubits == 2]
        if partners and pairs and self.chance(2):
            return f"{self.call(self.pick(pairs), names)} {first}, {self.pick(partners)};"
        return f"{self.call(self._one_qubit_gate(), names)} {first};"

    def _inner(self, parameters: list[str], qubits: list[str]) -> str:
        if not self.for_braket and self.chance(5):
            return self._phase(self.number(parameters), self.places(qubits, self.integer(0, len(qubits))))
        gate = self.pick([gate for gate in self.gates if gate.qubits <= len(qubits)])
        modifiers, controls = self._modifiers(gate, len(qubits))
        return f"{modifiers}{self.call(gate, parameters)} {', '.join(self.places(qubits, gate.qubits + controls))};"

    def _phase(self, angle: str, controls: list[str]) -> str:
        modifiers = "".join(self.pick(("ctrl @ ", "negctrl @ ")) for _ in controls)
        return f"{modifiers}gphase({angle}){' ' * bool(controls)}{', '.join(controls)};"

    def _modifiers(self, gate: Gate, available: int) -> tuple[str, int]:
        written, controls = "", 0
        for _ in range(self.pick((0, 0, 1, 1, 2))):
            room = available - gate.qubits - controls
            powerless = self.for_braket and (gate.phased or "pow" in written)
            kinds = ["inv"] + ["pow"] * (not powerless) + ["ctrl", "negctrl"] * (room > 0)
            match self.pick(kinds):
                case "inv":
                    written += "inv @ "
                case "pow":
                    written += f"pow({self.pick(_WHOLE_POWERS if self.for_braket else _POWERS)}) @ "
                case kind:
                    count = self.integer(1, min(room, 2))
                    controls += count
                    written += f"{kind} @ " if count == 1 else f"{kind}({count}) @ "
        return written, controls

    def _alias(self) -> None:
        source = self.pick(list(self._registers))
        members = self._registers[source]
        shapes = {source: members}
        for other, others in self._registers.items():
            if not set(others) & set(members):
                shapes[f"{source} ++ {other}"] = members + others
        if not self.for_braket and len(members) > 1:
            shapes |= {
                f"{source}[0:1]": members[:2],
                f"{source}[-1:-1:0]": members[::-1],
                f"{source}[{{1, 0}}]": [members[1], members[0]],
                f"{source}[1:]": members[1:],
            }
        value = self.pick(list(shapes))
        name = self.name()
        self.lines.append(f"let {name} = {value};")
        self._registers[name] = shapes[value]
        for place, qubit in enumerate(shapes[value]):
            self._spelled[qubit].append(f"{name}[{place}]")

    def _declare_bits(self) -> None:
        name, width = self.name(), self.integer(0, 2)
        self._bits[name] = width
        self.lines.append(f"bit[{width}] {name};" if width else f"bit {name};")

    def _bit_elements(self) -> list[str]:
        return [
            f"{name}[{place}]" if width else name
            for name, width in self._bits.items()
            for place in range(max(width, 1))
        ]

    def _qubits(self, count: int) -> list[str]:
        order = self.draw(st.permutations(range(len(self._spelled))))
        return [self.pick(self._spelled[qubit]) for qubit in order[:count]]

    def _one_qubit_gate(self) -> Gate:
        return self.pick([gate for gate in self.gates if gate.qubits == 1])

    def _flip(self, qubit: str) -> str:
        return f"x {qubit};" if self._includes else f"U(pi, 0, pi) {qubit};"
