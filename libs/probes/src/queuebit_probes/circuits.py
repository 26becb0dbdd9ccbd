"""Reference circuits: small ones whose result is known exactly, without a simulator.

| name | what a wrong result points to |
|---|---|
| `readout` | preparation and readout: every second qubit is flipped |
| `ghz` | a chain of two-qubit gates; of two qubits it is a Bell pair |
| `mirror` | gates of all kinds: random layers, a layer of Pauli gates, and the inverse of the layers |

The mirror circuits are those of Proctor et al. 2022 ("Measuring the capabilities of quantum computers", Nature Physics
18, 75; arXiv:2008.11294), with one fixed set of random layers for each seed. All gates are Clifford gates, so that the
Pauli layer only flips bits of the result, and which ones follows from plain bookkeeping. Barriers keep a compiler from
cancelling the layers against their inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from queuebit_contracts.probe_documents import LEAST_QUBITS, MOST_QUBITS

__all__ = ["CIRCUITS", "Reference", "reference"]

_INVERSE: Final = {"h": "h", "s": "sdg", "sdg": "s", "x": "x", "id": "id", "cx": "cx"}
_SINGLE: Final = ("h", "s", "sdg", "x")
_LAYERS: Final = 4
"""Random layers of a mirror circuit before the Pauli gates; as many follow them."""

_Gate = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Reference:
    """A circuit and its exact result."""

    name: str
    qubits: int
    source: str
    """OpenQASM 3."""
    expected: Mapping[str, float]
    """Probabilities by bit string; the leftmost bit is the last qubit, as in counts."""


def reference(name: str, qubits: int = 2, seed: int = 1) -> Reference:
    """A reference circuit.

    Args:
        name: one of `CIRCUITS`.
        qubits: its size, at least that of `LEAST_QUBITS`.
        seed: of the random layers of `mirror`; the others ignore it.

    Raises:
        ValueError: there is no such circuit, or not of this size.
    """
    if name not in CIRCUITS:
        raise ValueError(f"there is no reference circuit {name}: use one of {', '.join(CIRCUITS)}")
    least = LEAST_QUBITS[name]
    if not least <= qubits <= MOST_QUBITS:
        raise ValueError(f"{name} has {least} to {MOST_QUBITS} qubits, not {qubits}")
    lines, expected = CIRCUITS[name](qubits, seed)
    head = ("OPENQASM 3.0;", 'include "stdgates.inc";', f"qubit[{qubits}] q;", f"bit[{qubits}] c;")
    return Reference(name, qubits, "\n".join([*head, *lines, "c = measure q;", ""]), expected)


_Made = tuple[list[str], Mapping[str, float]]


def _readout(qubits: int, seed: int) -> _Made:
    flipped = [it % 2 == 0 for it in range(qubits)]
    return [f"x q[{it}];" for it in range(0, qubits, 2)], {_bits(flipped): 1.0}


def _ghz(qubits: int, seed: int) -> _Made:
    lines = ["h q[0];", *(f"cx q[{it}], q[{it + 1}];" for it in range(qubits - 1))]
    return lines, {"0" * qubits: 0.5, "1" * qubits: 0.5}


def _mirror(qubits: int, seed: int) -> _Made:
    random = _bytes(f"mirror/{qubits}/{seed}")
    layers = [_layer(qubits, number, random) for number in range(_LAYERS)]
    flips = [next(random) % 2 == 1 for _ in range(qubits)]
    if not any(flips):
        flips[0] = True
    back = [[(_INVERSE[name], places) for name, places in reversed(layer)] for layer in reversed(layers)]
    middle: list[_Gate] = [("x", (it,)) for it, flip in enumerate(flips) if flip]
    lines = list[str]()
    for layer in (*layers, middle, *back):
        lines += [_line(it) for it in layer]
        lines.append("barrier q;")
    return lines, {_bits(_carried(flips, [gate for layer in back for gate in layer])): 1.0}


def _layer(qubits: int, number: int, random: Iterator[int]) -> list[_Gate]:
    """A gate on each qubit, then two-qubit gates on every second pair of neighbours."""
    singles: list[_Gate] = [(_SINGLE[next(random) % len(_SINGLE)], (it,)) for it in range(qubits)]
    pairs: list[_Gate] = []
    for first in range(number % 2, qubits - 1, 2):
        pair = (first, first + 1) if next(random) % 2 else (first + 1, first)
        pairs.append(("cx", pair))
    return [*singles, *pairs]


def _carried(flips: list[bool], gates: list[_Gate]) -> list[bool]:
    """Which bits are flipped at the end, if a Pauli X layer stands before these gates.

    A Clifford gate turns a Pauli operator into another one. Phases do not change what is measured.
    """
    x, z = list(flips), [False] * len(flips)
    for name, places in gates:
        if name == "h":
            x[places[0]], z[places[0]] = z[places[0]], x[places[0]]
        elif name in ("s", "sdg"):
            z[places[0]] ^= x[places[0]]
        elif name == "cx":
            control, target = places
            x[target] ^= x[control]
            z[control] ^= z[target]
    return x


def _bytes(seed: str) -> Iterator[int]:
    """Bytes that follow from a seed."""
    block = sha256(seed.encode()).digest()
    while True:
        yield from block
        block = sha256(block).digest()


def _bits(ones: list[bool]) -> str:
    return "".join("1" if it else "0" for it in reversed(ones))


def _line(gate: _Gate) -> str:
    name, places = gate
    return f"{name} {', '.join(f'q[{it}]' for it in places)};"


CIRCUITS: Final[Mapping[str, Callable[[int, int], _Made]]] = MappingProxyType({
    "readout": _readout,
    "ghz": _ghz,
    "mirror": _mirror,
})  # fmt: skip
"""How each of `LEAST_QUBITS` is made."""
