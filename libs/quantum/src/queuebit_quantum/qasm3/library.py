"""The standard gates of OpenQASM 3, and Qiskit's operations for each gate.

Unitaries are those of the specification's "Standard library" and `stdgates.inc`; `U` is that of "Gates", Built-in
gates, which is e^(i theta / 2) times Qiskit's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from qiskit.circuit import Operation
from qiskit.circuit.library import (
    Barrier,
    CCXGate,
    CCZGate,
    CHGate,
    CPhaseGate,
    CRXGate,
    CRYGate,
    CRZGate,
    CSwapGate,
    CSXGate,
    CUGate,
    CXGate,
    CYGate,
    CZGate,
    HGate,
    IGate,
    MCPhaseGate,
    MCXGate,
    PhaseGate,
    RXGate,
    RYGate,
    RZGate,
    SdgGate,
    SGate,
    SwapGate,
    SXdgGate,
    SXGate,
    TdgGate,
    TGate,
    UGate,
    UnitaryGate,
    XGate,
    YGate,
    ZGate,
)  # fmt: skip

from queuebit_quantum.qasm3.faults import Mistake
from queuebit_quantum.qasm3.leaves import BARRIER, Leaf

__all__ = ["BUILTIN", "STANDARD", "Known", "operations"]

_Steps: TypeAlias = list[tuple[Operation, tuple[int, ...]]]
_NATIVE: dict[tuple[str, int], Callable[..., Operation]] = {
    ("id", 0): IGate, ("x", 0): XGate, ("y", 0): YGate, ("z", 0): ZGate, ("h", 0): HGate, ("s", 0): SGate,
    ("sdg", 0): SdgGate, ("t", 0): TGate, ("tdg", 0): TdgGate, ("sx", 0): SXGate, ("sxdg", 0): SXdgGate,
    ("p", 0): PhaseGate, ("rx", 0): RXGate, ("ry", 0): RYGate, ("rz", 0): RZGate, ("swap", 0): SwapGate,
    ("x", 1): CXGate, ("y", 1): CYGate, ("z", 1): CZGate, ("h", 1): CHGate, ("sx", 1): CSXGate, ("p", 1): CPhaseGate,
    ("rx", 1): CRXGate, ("ry", 1): CRYGate, ("rz", 1): CRZGate, ("swap", 1): CSwapGate, ("u", 1): CUGate,
    ("x", 2): CCXGate, ("z", 2): CCZGate,
}  # fmt: skip
"""Qiskit's gate for a base gate with so many controls, where its matrix is exactly that."""
_MAX_MATRIX_QUBITS = 8


class Known(NamedTuple):
    """A gate that needs no definition: how many of what it takes, and the leaf it is."""

    params: int
    controls: int
    targets: int
    base: str
    angles: Callable[..., tuple[float, ...]] | None = None
    """The base gate's parameters, where they are not the gate's own."""

    def leaf(self, params: tuple[float, ...], qubits: tuple[int, ...]) -> Leaf:
        angles = params if self.angles is None else self.angles(*params)
        return Leaf(self.base, angles, qubits[self.controls :], qubits[: self.controls])


BUILTIN = {"U": Known(3, 0, 1, "u", lambda theta, phi, lam: (theta, phi, lam, theta / 2))}
"""Gates that need no include; `gphase` is a statement of its own."""
STANDARD = {
    **{name: Known(0, 0, 1, name) for name in ("id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx")},
    **{name: Known(1, 0, 1, name) for name in ("p", "rx", "ry", "rz")},
    **{f"c{name}": Known(0, 1, 1, name) for name in ("x", "y", "z", "h")},
    **{f"c{name}": Known(1, 1, 1, name) for name in ("p", "rx", "ry", "rz")},
    "CX": Known(0, 1, 1, "x"),
    "ccx": Known(0, 2, 1, "x"),
    "cphase": Known(1, 1, 1, "p"),
    "cswap": Known(0, 1, 2, "swap"),
    "cu": Known(4, 1, 1, "u"),
    "phase": Known(1, 0, 1, "p"),
    "swap": Known(0, 0, 2, "swap"),
    "u1": Known(1, 0, 1, "p"),
    "u2": Known(2, 0, 1, "u", lambda phi, lam: (math.pi / 2, phi, lam, -(phi + lam) / 2)),
    "u3": Known(3, 0, 1, "u", lambda theta, phi, lam: (theta, phi, lam, -(phi + lam) / 2)),
}
"""The gates of `stdgates.inc`."""


def operations(leaf: Leaf) -> tuple[float, _Steps]:
    """Return Qiskit's operations for a gate, and the global phase that comes with them."""
    if leaf.base == BARRIER:
        return 0.0, [(Barrier(len(leaf.targets)), leaf.targets)]
    if not leaf.controls:
        if leaf.base == "phase":
            return leaf.params[0], []
        if leaf.base == "u":
            return leaf.params[3], [(UGate(*leaf.params[:3]), leaf.targets)]
    return 0.0, list(_written(leaf))


def _written(leaf: Leaf) -> Iterator[tuple[Operation, tuple[int, ...]]]:
    native = _NATIVE.get((leaf.base, len(leaf.controls)))
    if native is not None:
        yield native(*leaf.params), leaf.qubits
    elif leaf.base == "matrix":
        yield _controlled_matrix(leaf), leaf.targets + leaf.controls
    elif leaf.base == "x":
        yield MCXGate(len(leaf.controls)), leaf.qubits
    elif leaf.base == "p":
        yield MCPhaseGate(leaf.params[0], len(leaf.controls)), leaf.qubits
    else:
        for part in _parts(leaf):
            yield from _written(part)


def _parts(leaf: Leaf) -> list[Leaf]:
    """Write a gate with several controls with controlled `x`, `p` and global phase, and gates without controls."""
    controls, targets = leaf.controls, leaf.targets

    def inside(base: str, *params: float) -> Leaf:
        return Leaf(base, params, targets, controls)

    def around(base: str, *params: float) -> Leaf:
        return Leaf(base, params, targets)

    match leaf.base:
        case "phase":
            return [Leaf("p", leaf.params, controls[-1:], controls[:-1])]
        case "id":
            return []
        case "z" | "s" | "sdg" | "t" | "tdg":
            turns = {"z": 1.0, "s": 0.5, "sdg": -0.5, "t": 0.25, "tdg": -0.25}[leaf.base]
            return [inside("p", turns * math.pi)]
        case "y":
            return [around("sdg"), inside("x"), around("s")]
        case "h":
            return [around("ry", -math.pi / 4), inside("z"), around("ry", math.pi / 4)]
        case "sx" | "sxdg":
            return [around("h"), inside("p", math.pi / 2 * (1 if leaf.base == "sx" else -1)), around("h")]
        case "rz":
            return [Leaf("phase", (-leaf.params[0] / 2,), (), controls), inside("p", *leaf.params)]
        case "rx":
            return [around("h"), inside("rz", *leaf.params), around("h")]
        case "ry":
            return [around("sdg"), around("h"), inside("rz", *leaf.params), around("h"), around("s")]
        case "swap":
            first, second = targets
            outer = Leaf("x", (), (first,), (second,))
            return [outer, Leaf("x", (), (second,), (*controls, first)), outer]
    theta, phi, lam, gamma = leaf.params
    return [
        Leaf("phase", (gamma + (phi + lam) / 2,), (), controls),
        around("rz", (lam - phi) / 2),
        inside("x"),
        around("rz", -(phi + lam) / 2),
        around("ry", -theta / 2),
        inside("x"),
        around("ry", theta / 2),
        around("rz", phi),
    ]


def _controlled_matrix(leaf: Leaf) -> Operation:
    """Return a unitary that acts on its targets, the lower qubits, where all controls are 1."""
    if len(leaf.qubits) > _MAX_MATRIX_QUBITS:
        raise Mistake(
            f"a controlled fractional power on {len(leaf.qubits)} qubits",
            f"at most {_MAX_MATRIX_QUBITS} qubits",
            "too_large",
        )
    inner = leaf.params[0]
    whole = np.eye(len(inner) << len(leaf.controls), dtype=complex)
    whole[-len(inner) :, -len(inner) :] = inner
    return UnitaryGate(whole)
