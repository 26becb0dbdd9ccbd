"""Counts what a program would become, written out, without writing it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits

__all__ = ["GateCost", "Tally"]

_Raise = Callable[[str, str, str], CircuitError]
"""Builds an error at the place in the source that is being counted: message, expected, code."""


@dataclass(frozen=True, slots=True)
class GateCost:
    """What one use of a gate stands for."""

    operations: int = 1
    level: int = 0


@dataclass(slots=True)
class Tally:
    """Running totals of one program; each addition is checked at once, so nothing large is ever built.

    A gate's cost is computed once, at its definition, from the costs of the gates its body uses: a definition that
    doubles sixty times is one addition per level.
    """

    limits: Limits
    qubits: int = 0
    clbits: int = 0
    registers: dict[str, int] = field(default_factory=dict)
    gates: dict[str, GateCost] = field(default_factory=dict)

    def declare(self, name: str, size: int, *, quantum: bool, error: _Raise) -> None:
        """Count a register."""
        what, total, most = (
            ("qubits", self.qubits + size, self.limits.max_qubits)
            if quantum
            else ("classical bits", self.clbits + size, self.limits.max_clbits)
        )
        if size < 1:
            raise error(f"register {name!r} has no {what}", "a size of at least 1", "index")
        if total > most:
            raise error(f"register {name!r} brings the program to {total:,} {what}", f"at most {most:,}", "too_large")
        if quantum:
            self.qubits = total
        else:
            self.clbits = total
        self.registers[name] = size

    def define(self, name: str, body: list[GateCost], error: _Raise) -> None:
        """Count a gate definition from the gates its body uses."""
        level = 1 + max((used.level for used in body), default=0)
        if level > self.limits.max_nesting:
            raise error(
                f"gate {name!r} is {level} definitions deep", f"at most {self.limits.max_nesting} levels", "too_deep"
            )
        cost = GateCost(max(1, sum(used.operations for used in body)), level)  # an empty one is opened all the same
        self.check(cost.operations, error, f"gate {name!r}")
        self.gates[name] = cost

    def cost(self, gate: str) -> GateCost:
        """Return the operations of one use of a gate; an undefined gate counts as one operation."""
        return self.gates.get(gate, GateCost())

    def check(self, operations: int, error: _Raise, what: str = "the program") -> None:
        """Refuse a count past the limit."""
        if operations > self.limits.max_operations:
            shown = f"{operations:,}" if operations < 10**15 else f"about 10^{len(str(operations)) - 1}"
            raise error(
                f"{what} stands for {shown} operations once written out",
                f"at most {self.limits.max_operations:,}",
                "too_many_operations",
            )
