"""The gates that Amazon Braket has without an include, written with the standard gates of OpenQASM 3.

Matrices are those of Braket's documentation and of its local simulator, exact including the global phase.
"""

from __future__ import annotations

from functools import cache

from openqasm3.parser import parse

from queuebit_quantum.qasm3.faults import Node
from queuebit_quantum.qasm3.library import STANDARD, Known

__all__ = ["SIMPLE", "definitions", "knows"]

_SAME = ("h", "x", "y", "z", "s", "t", "rx", "ry", "rz", "swap", "cy", "cz", "cswap")
_RENAMED = {
    "i": "id", "si": "sdg", "ti": "tdg", "v": "sx", "phaseshift": "p", "cnot": "cx", "ccnot": "ccx",
    "cphaseshift": "cp",
}  # fmt: skip
SIMPLE = {
    **{name: STANDARD[name] for name in _SAME},
    **{name: STANDARD[standard] for name, standard in _RENAMED.items()},
    "vi": Known(0, 0, 1, "sxdg"),
    "cv": Known(0, 1, 1, "sx"),
    "ecr": Known(0, 0, 2, "ecr"),
    "U": Known(3, 0, 1, "u", lambda theta, phi, lam: (theta, phi, lam, 0.0)),
}
"""Gates that are one gate here. `U` differs from that of OpenQASM 3 by a phase."""

_DEFINITIONS = """
gate cphaseshift00(angle_) a, b { x a; x b; cphaseshift(angle_) a, b; x a; x b; }
gate cphaseshift01(angle_) a, b { x a; cphaseshift(angle_) a, b; x a; }
gate cphaseshift10(angle_) a, b { x b; cphaseshift(angle_) a, b; x b; }
gate iswap a, b { s a; s b; h a; cnot a, b; cnot b, a; h b; }
gate pswap(angle_) a, b { swap a, b; cnot a, b; phaseshift(angle_) b; cnot a, b; }
gate zz(angle_) a, b { cnot a, b; rz(angle_) b; cnot a, b; }
gate xx(angle_) a, b { h a; h b; zz(angle_) a, b; h a; h b; }
gate yy(angle_) a, b { rx(pi / 2) a; rx(pi / 2) b; zz(angle_) a, b; rx(-pi / 2) a; rx(-pi / 2) b; }
gate xy(angle_) a, b { xx(-angle_ / 2) a, b; yy(-angle_ / 2) a, b; }
gate gpi(angle_) a { x a; rz(2 * angle_) a; }
gate prx(angle_, axis_) a { rz(-axis_) a; rx(angle_) a; rz(axis_) a; }
gate gpi2(angle_) a { prx(pi / 2, angle_) a; }
gate ms(first_, second_, angle_) a, b {
  rz(-first_) a; rz(-second_) b; xx(angle_) a, b; rz(first_) a; rz(second_) b;
}
"""


@cache
def definitions() -> tuple[Node, ...]:
    """The gates that are several gates here, as definitions in the order of their uses."""
    return tuple(parse(_DEFINITIONS).statements)


def knows(name: str) -> bool:
    """Whether Braket has a gate of this name."""
    return name in SIMPLE or any(node.name.name == name for node in definitions())
