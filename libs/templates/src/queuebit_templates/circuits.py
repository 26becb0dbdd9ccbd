"""Writes OpenQASM 3."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import pi

__all__ = ["angle", "fourier", "multi_z", "openqasm"]


def openqasm(
    qubits: int, body: Iterable[str], *, inputs: Sequence[str] = (), measured: Sequence[int] | None = None
) -> str:
    """A program on a register `q`; its results are the bits `c`.

    Args:
        qubits: the size of `q`.
        body: statements; it may use names of `inputs`, and bits only if `measured` is empty.
        inputs: names of real inputs.
        measured: the qubits that are measured at the end, into bits of the same order; default: all.
    """
    head = ["OPENQASM 3.0;", 'include "stdgates.inc";', *(f"input float[64] {name};" for name in inputs)]
    if measured is None:
        end = ["c = measure q;"]
        bits = qubits
    else:
        end = [f"c[{bit}] = measure q[{qubit}];" for bit, qubit in enumerate(measured)]
        bits = len(measured)
    return "\n".join([*head, f"qubit[{qubits}] q;", *([f"bit[{bits}] c;"] if bits else []), *body, *end, ""])


def angle(radians: float) -> str:
    """A number as OpenQASM has it, exact."""
    return repr(float(radians))


def multi_z(qubits: Sequence[int]) -> str:
    """The sign flip of the state in which all of these qubits are 1."""
    places = ", ".join(f"q[{it}]" for it in qubits)
    return f"z {places};" if len(qubits) == 1 else f"ctrl({len(qubits) - 1}) @ z {places};"


def fourier(qubits: Sequence[int], *, inverse: bool = False) -> list[str]:
    """The quantum Fourier transform; the first qubit is the lowest bit.

    It maps x to the sum over y of exp(2 pi i x y / N) |y> / sqrt(N), with N = 2 ** len(qubits) (Nielsen and Chuang,
    "Quantum Computation and Quantum Information", section 5.1).
    """
    steps: list[tuple[float | None, str]] = []
    for high in reversed(range(len(qubits))):
        steps.append((None, f"h q[{qubits[high]}];"))
        steps += [(pi / 2 ** (high - low), f" q[{qubits[low]}], q[{qubits[high]}];") for low in reversed(range(high))]
    for low in range(len(qubits) // 2):
        steps.append((None, f"swap q[{qubits[low]}], q[{qubits[-1 - low]}];"))
    sign = -1 if inverse else 1
    found = [text if turn is None else f"cp({angle(sign * turn)}){text}" for turn, text in steps]
    return found[::-1] if inverse else found
