"""Counts the operations of the expanded program without expanding it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits

__all__ = ["GateCost", "ProgramSize"]

_Raise = Callable[[str, str, str], CircuitError]
"""Builds an error at the current position in the source from message, expected and code."""


@dataclass(frozen=True, slots=True)
class GateCost:
    """The cost of one use of a gate."""

    operations: int = 1
    level: int = 0


@dataclass(slots=True)
class ProgramSize:
    """Totals of one program. Each addition is checked, so that a program that is too large is never built.

    The cost of a gate is computed once, at its definition, from the costs of the gates in its body: sixty nested
    definitions that each double the size need one addition per level.
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
            raise error(f"with register {name!r} the program has {total:,} {what}", f"at most {most:,}", "too_large")
        if quantum:
            self.qubits = total
        else:
            self.clbits = total
        self.registers[name] = size

    def define(self, name: str, body: list[GateCost], error: _Raise) -> None:
        """Compute the cost of a gate definition from the gates in its body."""
        level = 1 + max((used.level for used in body), default=0)
        if level > self.limits.max_nesting:
            raise error(
                f"gate {name!r} is {level} definitions deep", f"at most {self.limits.max_nesting} levels", "too_deep"
            )
        cost = GateCost(max(1, sum(used.operations for used in body)), level)  # an empty definition is expanded too
        self.check(cost.operations, error, f"gate {name!r}")
        self.gates[name] = cost

    def cost(self, gate: str) -> GateCost:
        """Return the cost of one use of a gate; an undefined gate counts as one operation."""
        return self.gates.get(gate, GateCost())

    def check(self, operations: int, error: _Raise, what: str = "the program") -> None:
        """Refuse a count above the limit."""
        if operations > self.limits.max_operations:
            shown = f"{operations:,}" if operations < 10**15 else f"about 10^{len(str(operations)) - 1}"
            raise error(
                f"{what} expands to {shown} operations",
                f"at most {self.limits.max_operations:,}",
                "too_many_operations",
            )
