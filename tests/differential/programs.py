"""What random programs of both languages have in common: names, numbers, gates and the registers they act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from hypothesis import strategies as st

__all__ = ["HOST_NAMES", "LIBRARY", "Gate", "Program", "Writer"]

_T = TypeVar("_T")

HOST_NAMES = (
    *("p", "u", "store", "if_else", "for_loop", "while_loop", "switch_case", "break_loop", "continue_loop", "circuit"),
    *("unitary", "global_phase", "initialize", "name", "params", "self", "lambda_", "e", "i", "theta", "alpha", "z9"),
)
"""Names that mean something to the libraries below Queuebit, or that sort differently than they stand."""
_NUMBERS = ("0", "pi", "pi/2", "-pi/3", "2*pi", "0.7", "-1.3", "3*pi/4", "1.1e-1", "pi-0.4", "2.5")
_MANY_PARAMETERS = (11, 12, 13)


@dataclass(frozen=True)
class Gate:
    """A gate that a program may call."""

    name: str
    parameters: int
    qubits: int
    phased: bool = False
    """Its definition holds more than Braket can put a modifier on."""


LIBRARY = tuple(
    Gate(name, parameters, qubits)
    for names, parameters, qubits in (
        ("x y z h s sdg t tdg id sx", 0, 1),
        ("rx ry rz u1 p", 1, 1),
        ("u2", 2, 1),
        ("u3", 3, 1),
        ("cx cy cz ch swap", 0, 2),
        ("crx cry crz cp", 1, 2),
        ("cu", 4, 2),
        ("ccx cswap", 0, 3),
    )
    for name in names.split()
)
"""Gates of `qelib1.inc` and `stdgates.inc` alike."""


@dataclass(frozen=True)
class Program:
    """One random program."""

    source: str
    for_braket: bool = False
    """Braket's interpreter is right about everything in it."""


class Writer:
    """Draws the pieces that programs are made of."""

    def __init__(self, draw: st.DrawFn, gates: Sequence[Gate]) -> None:
        self.draw = draw
        self.gates = list(gates)
        self.lines: list[str] = []
        self.functions = True
        """Expressions may call functions."""
        self._taken: set[str] = set()

    def pick(self, values: Sequence[_T]) -> _T:
        return self.draw(st.sampled_from(values))

    def integer(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def chance(self, one_in: int) -> bool:
        """Return True rarely; shrinking makes it False."""
        return self.draw(st.integers(0, one_in - 1)) == one_in - 1

    def name(self, avoid: Sequence[str] = ()) -> str:
        """Return a name that the program does not use yet."""
        free = [name for name in HOST_NAMES if name not in self._taken and name not in avoid]
        chosen = self.pick(free) if free else f"name{len(self._taken)}"
        self._taken.add(chosen)
        return chosen

    def names(self, count: int) -> list[str]:
        """Return different names for a gate's own scope."""
        pool = [*(name for name in HOST_NAMES if name not in self._taken), *(f"p_{n}" for n in range(count))]
        return self.draw(st.permutations(pool))[:count]

    def signature(self, *, library_names: bool) -> Gate:
        """Return the name and the numbers of arguments of a new gate, perhaps those of a library's gate."""
        free = [gate for gate in LIBRARY if gate.name not in self._taken]
        parameters = self.pick(_MANY_PARAMETERS) if self.chance(8) else self.integer(0, 4)
        gate = Gate(self.name(), parameters, self.integer(1, 3))
        if library_names and free and self.chance(2):
            known = self.pick(free)
            gate = known if self.chance(2) else replace(gate, name=known.name)
            self._taken.add(gate.name)
        return gate

    def arguments(self, gate: Gate) -> tuple[list[str], list[str]]:
        """Return names for a gate's parameters and qubits."""
        parameters = self.names(gate.parameters)
        return parameters, [f"{name}_" if name in parameters else name for name in ("a", "q1", "b")][: gate.qubits]

    def number(self, names: Sequence[str] = ()) -> str:
        """Return an expression over some names."""
        if not names or self.chance(4):
            return self.pick(_NUMBERS)
        first = self.pick(names)
        shapes = ["{0}", "{0}/2", "-{0}", "{0}+{1}", "2*{0}-{1}", "({0}-pi)/3", "{0}*{1}"]
        shape = self.pick(shapes + ["cos({0})"] * self.functions)
        return shape.format(first, self.pick(names))

    def call(self, gate: Gate, names: Sequence[str] = ()) -> str:
        """Return a gate with its parameters."""
        if not gate.parameters:
            return gate.name
        return f"{gate.name}({', '.join(self.number(names) for _ in range(gate.parameters))})"

    def places(self, elements: Sequence[str], count: int) -> list[str]:
        """Return different elements in random order."""
        return self.draw(st.permutations(elements))[:count]
