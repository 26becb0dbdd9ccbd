"""Pauli strings under Clifford gates: a few bits for each qubit, as in a stabiliser tableau.

A string is a pair of masks, of X and of Z, with its sign; Y has both bits (Aaronson and Gottesman 2004, Improved
simulation of stabilizer circuits, quant-ph/0406196).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["INVERSES", "Gate", "Pauli", "conjugated", "inverse", "statement"]


class Pauli(NamedTuple):
    """A Pauli string with a sign."""

    x: int
    """Bit i: X or Y on qubit i."""
    z: int
    """Bit i: Z or Y on qubit i."""
    negative: bool = False


class Gate(NamedTuple):
    """A Clifford gate of the standard library."""

    name: str
    """`h`, `s`, `sdg`, `x`, `y`, `z` or `cx`."""
    qubits: tuple[int, ...]


INVERSES = {"s": "sdg", "sdg": "s"}
"""Gates that are not their own inverse."""


def statement(gate: Gate) -> str:
    """A gate in OpenQASM, on the register `q`."""
    return f"{gate.name} {', '.join(f'q[{it}]' for it in gate.qubits)};"


def inverse(gates: Sequence[Gate]) -> list[Gate]:
    """The inverse of a circuit, gate by gate."""
    return [Gate(INVERSES.get(it.name, it.name), it.qubits) for it in reversed(gates)]


def conjugated(pauli: Pauli, gates: Iterable[Gate]) -> Pauli:
    """U P U†, where U applies the gates in order."""
    x, z, negative = pauli
    for name, qubits in gates:
        at = 1 << qubits[0]
        has_x, has_z = bool(x & at), bool(z & at)
        match name:
            case "h":
                negative ^= has_x and has_z
                if has_x != has_z:
                    x, z = x ^ at, z ^ at
            case "s" | "sdg":
                negative ^= has_x and has_z is (name == "s")
                z ^= at if has_x else 0
            case "x":
                negative ^= has_z
            case "z":
                negative ^= has_x
            case "y":
                negative ^= has_x != has_z
            case "cx":
                to = 1 << qubits[1]
                to_x, to_z = bool(x & to), bool(z & to)
                negative ^= has_x and to_z and to_x == has_z
                x ^= to if has_x else 0
                z ^= at if to_z else 0
            case _:
                raise ValueError(f"{name} is not one of the Clifford gates h, s, sdg, x, y, z and cx")
    return Pauli(x, z, negative)
