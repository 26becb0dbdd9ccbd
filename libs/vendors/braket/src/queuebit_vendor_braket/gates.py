"""The gates of Amazon Braket, by the names that Qiskit has for them.

Sources: the unitary matrices of `braket.circuits.gates` in the SDK, and "Supported gates" in the developer guide of
Amazon Braket. Gates with one name here have the same matrix in both up to a global phase.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

__all__ = ["Gate", "accepted", "native"]


class Gate(NamedTuple):
    """How a gate of Qiskit is written for Amazon Braket."""

    name: str
    angles: tuple[float, ...] = ()
    """Angles in radians that the gate of Qiskit implies; written after those that it has."""


_ACCEPTED: Final[Mapping[str, Gate]] = {
    "id": Gate("i"),
    "x": Gate("x"),
    "y": Gate("y"),
    "z": Gate("z"),
    "h": Gate("h"),
    "s": Gate("s"),
    "sdg": Gate("si"),
    "t": Gate("t"),
    "tdg": Gate("ti"),
    "sx": Gate("v"),
    "sxdg": Gate("vi"),
    "rx": Gate("rx"),
    "ry": Gate("ry"),
    "rz": Gate("rz"),
    "p": Gate("phaseshift"),
    "cx": Gate("cnot"),
    "cy": Gate("cy"),
    "cz": Gate("cz"),
    "cp": Gate("cphaseshift"),
    "swap": Gate("swap"),
    "iswap": Gate("iswap"),
    "rxx": Gate("xx"),
    "ryy": Gate("yy"),
    "rzz": Gate("zz"),
    "ccx": Gate("ccnot"),
    "cswap": Gate("cswap"),
}

_ONE_QUBIT: Final[tuple[tuple[frozenset[str], Mapping[str, Gate]], ...]] = (
    (frozenset({"prx"}), {"r": Gate("prx")}),
    (
        frozenset({"rx", "rz"}),
        {
            "rz": Gate("rz"),
            "sx": Gate("rx", (math.pi / 2,)),
            "x": Gate("rx", (math.pi,)),
            "sxdg": Gate("rx", (-math.pi / 2,)),
        },
    ),
)
"""Sets of native gates on one qubit. A device with a native `rx` has it for multiples of a quarter turn only."""

_TWO_QUBITS: Final[tuple[str, ...]] = ("cz", "iswap")


def native(names: Collection[str]) -> dict[str, Gate]:
    """The native gates of a device that the compiler can use; empty if they are not enough for every circuit.

    Args:
        names: what the device calls its native gates, in any case.
    """
    known = {it.lower() for it in names}
    single = next((gates for needed, gates in _ONE_QUBIT if needed <= known), None)
    pairs = {it: Gate(it) for it in _TWO_QUBITS if it in known}
    return {**single, **pairs} if single and pairs else {}


def accepted(names: Collection[str]) -> dict[str, Gate]:
    """The gates that a device takes, and compiles itself to its native ones."""
    known = {it.lower() for it in names}
    return {name: gate for name, gate in _ACCEPTED.items() if gate.name in known}
