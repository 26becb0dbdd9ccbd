"""Mirror circuits: random circuits with one right outcome, on as many qubits as a device has."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Self

from pydantic import model_validator

from queuebit_templates.circuits import openqasm
from queuebit_templates.cliffords import cliffords
from queuebit_templates.definition import Item, Measured, Parameters, Program, Reading, Template, one_job, quantity
from queuebit_templates.paulis import Gate, Pauli, conjugated, inverse, statement

__all__ = ["mirror"]


class _Mirrors(Parameters):
    n: int = quantity(4, "qubits", "width of the circuits; CX gates join neighbours on a line", ge=1, le=64)
    depths: tuple[int, ...] = quantity(
        (2, 4, 8, 16), "layers", "layers before the mirror, and as many after it", min_length=1, max_length=20
    )
    samples: int = quantity(4, "circuits", "random circuits of each depth", ge=1, le=50)
    two_qubit_share: float = quantity(0.5, "", "probability that a pair of neighbours has a CX", ge=0, le=1)
    shots: int = quantity(500, "shots", "of each circuit", ge=1, le=10**6)
    seed: int = quantity(1, "", "of the random circuits", ge=0)

    @model_validator(mode="after")
    def _are_depths(self) -> Self:
        if min(self.depths) < 1 or max(self.depths) > 200 or len(set(self.depths)) < len(self.depths):
            raise ValueError("depths must be different numbers from 1 to 200")
        return self


def _circuits(given: _Mirrors) -> list[tuple[list[list[Gate]], str]]:
    """The layers of each circuit, and its right outcome."""
    draw = Random(given.seed)
    return [_circuit(given, depth, draw) for depth in given.depths for _ in range(given.samples)]


def _circuit(given: _Mirrors, depth: int, draw: Random) -> tuple[list[list[Gate]], str]:
    """Layers, then their inverses from the last on; random Pauli gates stand at the mirror and between all layers.

    Each Pauli gate moves through the layers after it to the end, where its X part flips bits of the outcome.
    """
    half = [_single_layer(given, draw)]
    half += [[*_single_layer(given, draw), *_pairs(given, draw)] for _ in range(depth)]
    layers = list(half)
    inserted: list[tuple[int, Pauli]] = []
    for layer in reversed(half):
        pauli = Pauli(draw.getrandbits(given.n), draw.getrandbits(given.n))
        layers.append(_gates(pauli, given.n))
        inserted.append((len(layers), pauli))
        layers.append(inverse(layer))
    flips = 0
    for after, pauli in inserted:
        flips ^= conjugated(pauli, [gate for layer in layers[after:] for gate in layer]).x
    return layers, f"{flips:0{given.n}b}"


def _single_layer(given: _Mirrors, draw: Random) -> list[Gate]:
    group = cliffords(1)
    return [Gate(gate.name, (at,)) for at in range(given.n) for gate in group.drawn(draw)]


def _pairs(given: _Mirrors, draw: Random) -> list[Gate]:
    places = range(int(draw.random() * 2), given.n - 1, 2)
    joined = [at for at in places if draw.random() < given.two_qubit_share]
    return [Gate("cx", (at, at + 1) if draw.random() < 0.5 else (at + 1, at)) for at in joined]


def _gates(pauli: Pauli, qubits: int) -> list[Gate]:
    names = {(1, 0): "x", (0, 1): "z", (1, 1): "y"}
    parts = ((it, (pauli.x >> it & 1, pauli.z >> it & 1)) for it in range(qubits))
    return [Gate(names[part], (it,)) for it, part in parts if part in names]


def _program(given: _Mirrors) -> Program:
    items = []
    for layers, _ in _circuits(given):
        body = []
        for layer in layers:
            body += [*map(statement, layer), "barrier q;"]
        items.append(Item(openqasm(given.n, body)))
    return Program(tuple(items), given.shots)


def _reading(given: _Mirrors, results: Sequence[Measured]) -> Reading:
    targets = [target for _, target in _circuits(given)]
    found = [(it.share(target), _polarisation(it, target)) for it, target in zip(results, targets, strict=True)]
    rows = []
    for number, depth in enumerate(given.depths):
        part = found[number * given.samples : (number + 1) * given.samples]
        success, polarisation = (sum(it) / len(part) for it in zip(*part, strict=True))
        rows.append({"depth": depth, "success": success, "polarisation": polarisation})
    last = rows[-1]
    return Reading(
        f"At {given.n} qubits and depth {last['depth']}, {last['success']:.1%} of the shots have the right outcome "
        f"(polarisation {last['polarisation']:.3f}).",
        {"success": last["success"], "polarisation": last["polarisation"], "depths": rows},
    )


def _polarisation(measured: Measured, target: str) -> float:
    """Proctor et al. 2022, Measuring the capabilities of quantum computers, arXiv:2008.11294, equation (2)."""
    size, shots = 4 ** len(target), max(measured.shots, 1)
    weighed: float = sum(
        count * (-0.5) ** sum(one != other for one, other in zip(bits, target, strict=True))
        for bits, count in measured.counts.items()
    )
    return float(size / (size - 1) * weighed / shots - 1 / (size - 1))


mirror = Template(
    name="mirror",
    summary="random circuits with one right outcome: what a device can do",
    parameters=_Mirrors,
    steps=one_job(_program, _reading),
    values={
        "success": "mean share of shots with the right outcome at the last depth, from 0 to 1; 1 without noise",
        "polarisation": "the same, corrected for outcomes that are right by chance; 1 without noise, 0 for pure noise",
        "depths": "both by depth",
    },
    source="Proctor, Rudinger, Young, Nielsen and Blume-Kohout 2022, arXiv:2008.11294",
    example={"n": 6, "depths": [2, 8, 32]},
)
