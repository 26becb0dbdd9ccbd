"""The standard gates of OpenQASM 3, and Qiskit's operations for each gate.

Unitaries follow the specification, "Standard library", and `stdgates.inc`. `U` follows "Gates", Built-in gates: it is
e^(i theta / 2) times Qiskit's `u`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

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
    ECRGate,
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

from queuebit_quantum.qasm3.base_gates import BARRIER, BaseGate
from queuebit_quantum.qasm3.faults import UnlocatedError
from queuebit_quantum.qasm3.symbols import Symbol, qiskit_value

__all__ = ["BUILTIN", "STANDARD", "Known", "operations"]

_Steps: TypeAlias = list[tuple[Operation, tuple[int, ...]]]
_NATIVE: dict[tuple[str, int], Callable[..., Operation]] = {
    ("id", 0): IGate, ("x", 0): XGate, ("y", 0): YGate, ("z", 0): ZGate, ("h", 0): HGate, ("s", 0): SGate,
    ("sdg", 0): SdgGate, ("t", 0): TGate, ("tdg", 0): TdgGate, ("sx", 0): SXGate, ("sxdg", 0): SXdgGate,
    ("p", 0): PhaseGate, ("rx", 0): RXGate, ("ry", 0): RYGate, ("rz", 0): RZGate, ("swap", 0): SwapGate,
    ("x", 1): CXGate, ("y", 1): CYGate, ("z", 1): CZGate, ("h", 1): CHGate, ("sx", 1): CSXGate, ("p", 1): CPhaseGate,
    ("rx", 1): CRXGate, ("ry", 1): CRYGate, ("rz", 1): CRZGate, ("swap", 1): CSwapGate, ("u", 1): CUGate,
    ("x", 2): CCXGate, ("z", 2): CCZGate, ("ecr", 0): ECRGate,
}  # fmt: skip
"""Qiskit's gate for a base gate and number of controls, if its matrix is exactly equal."""
_MAX_MATRIX_QUBITS = 8


class Known(NamedTuple):
    """A gate that needs no definition: the numbers of its arguments, and its base gate."""

    params: int
    controls: int
    targets: int
    base: str
    angles: Callable[..., tuple[float | Symbol, ...]] | None = None
    """Computes the parameters of the base gate; None if they are those of the gate."""

    def base_gate(self, params: tuple[float | Symbol, ...], qubits: tuple[int, ...]) -> BaseGate:
        angles = params if self.angles is None else self.angles(*params)
        return BaseGate(self.base, angles, qubits[self.controls :], qubits[: self.controls])


BUILTIN = {"U": Known(3, 0, 1, "u", lambda theta, phi, lam: (theta, phi, lam, theta / 2))}
"""Gates that need no include; `gphase` is a separate statement."""
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


def operations(base_gate: BaseGate) -> tuple[float | Symbol, _Steps]:
    """Return the global phase and Qiskit's operations for a base gate."""
    if base_gate.base == BARRIER:
        return 0.0, [(Barrier(len(base_gate.targets)), base_gate.targets)]
    if not base_gate.controls:
        if base_gate.base == "phase":
            return base_gate.params[0], []
        if base_gate.base == "u":
            return base_gate.params[3], [(UGate(*map(qiskit_value, base_gate.params[:3])), base_gate.targets)]
    return 0.0, list(_written(base_gate))


def _written(base_gate: BaseGate) -> Iterator[tuple[Operation, tuple[int, ...]]]:
    native = _NATIVE.get((base_gate.base, len(base_gate.controls)))
    if native is not None:
        yield native(*map(qiskit_value, base_gate.params)), base_gate.qubits
    elif base_gate.base == "matrix":
        yield _controlled_matrix(base_gate), base_gate.targets + base_gate.controls
    elif base_gate.base == "x":
        yield MCXGate(len(base_gate.controls)), base_gate.qubits
    elif base_gate.base == "p":
        yield MCPhaseGate(qiskit_value(base_gate.params[0]), len(base_gate.controls)), base_gate.qubits
    else:
        for part in _parts(base_gate):
            yield from _written(part)


def _parts(base_gate: BaseGate) -> list[BaseGate]:
    """Decompose a gate with several controls into controlled `x`, `p` and global phase, and gates without controls."""
    controls, targets = base_gate.controls, base_gate.targets

    def inside(base: str, *params: Any) -> BaseGate:  # numbers, or one matrix
        return BaseGate(base, params, targets, controls)

    def around(base: str, *params: float) -> BaseGate:
        return BaseGate(base, params, targets)

    match base_gate.base:
        case "phase":
            return [BaseGate("p", base_gate.params, controls[-1:], controls[:-1])]
        case "id":
            return []
        case "z" | "s" | "sdg" | "t" | "tdg":
            turns = {"z": 1.0, "s": 0.5, "sdg": -0.5, "t": 0.25, "tdg": -0.25}[base_gate.base]
            return [inside("p", turns * math.pi)]
        case "y":
            return [around("sdg"), inside("x"), around("s")]
        case "h":
            return [around("ry", -math.pi / 4), inside("z"), around("ry", math.pi / 4)]
        case "sx" | "sxdg":
            return [around("h"), inside("p", math.pi / 2 * (1 if base_gate.base == "sx" else -1)), around("h")]
        case "rz":
            return [BaseGate("phase", (-base_gate.params[0] / 2,), (), controls), inside("p", *base_gate.params)]
        case "rx":
            return [around("h"), inside("rz", *base_gate.params), around("h")]
        case "ry":
            return [around("sdg"), around("h"), inside("rz", *base_gate.params), around("h"), around("s")]
        case "swap":
            first, second = targets
            outer = BaseGate("x", (), (first,), (second,))
            return [outer, BaseGate("x", (), (second,), (*controls, first)), outer]
        case "ecr":
            return [inside("matrix", ECRGate().to_matrix())]
    theta, phi, lam, gamma = base_gate.params
    return [
        BaseGate("phase", (gamma + (phi + lam) / 2,), (), controls),
        around("rz", (lam - phi) / 2),
        inside("x"),
        around("rz", -(phi + lam) / 2),
        around("ry", -theta / 2),
        inside("x"),
        around("ry", theta / 2),
        around("rz", phi),
    ]


def _controlled_matrix(base_gate: BaseGate) -> Operation:
    """Return a unitary that acts on the targets, the lower qubits, if all controls are 1."""
    if len(base_gate.qubits) > _MAX_MATRIX_QUBITS:
        raise UnlocatedError(
            f"a controlled fractional power on {len(base_gate.qubits)} qubits",
            f"at most {_MAX_MATRIX_QUBITS} qubits",
            "too_large",
        )
    inner = base_gate.params[0]
    whole = np.eye(len(inner) << len(base_gate.controls), dtype=complex)
    whole[-len(inner) :, -len(inner) :] = inner
    return UnitaryGate(whole)
