"""Writes tapes of PennyLane as OpenQASM 3, and reads the samples of their wires from counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pennylane.measurements import SampleMP
from pennylane.tape import QuantumScript
from pennylane.wires import Wires

from queuebit import InvalidInput
from queuebit.series import MOST_INPUTS

__all__ = ["Export", "export", "samples_of"]

_GATES = {
    "PauliX": "x", "PauliY": "y", "PauliZ": "z", "Hadamard": "h", "S": "s", "T": "t", "SX": "sx", "Adjoint(S)": "sdg",
    "Adjoint(T)": "tdg", "Adjoint(SX)": "inv @ sx", "RX": "rx", "RY": "ry", "RZ": "rz", "PhaseShift": "p", "U2": "u2",
    "U3": "u3", "CNOT": "cx", "CY": "cy", "CZ": "cz", "CH": "ch", "SWAP": "swap", "CRX": "crx", "CRY": "cry",
    "CRZ": "crz", "ControlledPhaseShift": "cp", "Toffoli": "ccx", "CSWAP": "cswap", "CCZ": "ctrl @ ctrl @ z",
}  # fmt: skip
"""OpenQASM's gate for each of PennyLane's, equal up to a global phase."""
_WITHOUT_EFFECT = frozenset({"Identity", "GlobalPhase", "Barrier"})


@dataclass(frozen=True, slots=True)
class Export:
    """A tape as OpenQASM 3."""

    source: str
    values: Mapping[str, float]
    """Of its inputs."""
    measured: tuple[object, ...]
    """The wire of each bit of the register `c`."""


def export(tape: QuantumScript, device_wires: Wires | None, *, inputs: bool) -> Export:
    """Write a tape that the device's preprocessing made: its gates, and the samples of some wires.

    Args:
        tape: with one measurement, `qml.sample` of wires.
        device_wires: their order is that of the register `q`.
        inputs: whether angles become inputs, so that tapes that differ in their angles alone are one circuit.

    Raises:
        InvalidInput: the tape is another one.
    """
    match tape.measurements:
        case [SampleMP(obs=None, mv=None)]:
            pass
        case _:
            raise InvalidInput(
                "the device runs tapes that it preprocessed: run a QNode, or use qml.execute(tapes, device)"
            )
    wires = sorted(tape.wires, key=_place(device_wires))
    places = {wire: f"q[{place}]" for place, wire in enumerate(wires)}
    read = set(tape.measurements[0].wires)
    measured = tuple(wire for wire in wires if wire in read)
    body, values = _gates(tape, places, inputs=inputs)
    head = ["OPENQASM 3.0;", 'include "stdgates.inc";', *(f"input float[64] {name};" for name in values)]
    head += [f"qubit[{len(wires)}] q;", f"bit[{len(measured)}] c;"]
    tail = [f"c[{bit}] = measure {places[wire]};" for bit, wire in enumerate(measured)]
    return Export("\n".join([*head, *body, *tail, ""]), values, measured)


def _gates(tape: QuantumScript, places: Mapping[object, str], *, inputs: bool) -> tuple[list[str], dict[str, float]]:
    """A line for each gate, and the values of the inputs that the lines name."""
    inputs = inputs and sum(len(it.parameters) for it in tape.operations) <= MOST_INPUTS
    body: list[str] = []
    values: dict[str, float] = {}
    for operation in tape.operations:
        if operation.name in _WITHOUT_EFFECT:
            continue
        if operation.name not in _GATES:
            raise InvalidInput(f"the device has no gate {operation.name}: run a QNode, so that PennyLane decomposes it")
        angles = [float(it) for it in operation.parameters]
        if not all(map(math.isfinite, angles)):
            raise InvalidInput(f"{operation} has an angle that is not a finite number: give another value")
        if inputs:
            names = [f"p{len(values) + number}" for number in range(len(angles))]
            values |= zip(names, angles, strict=True)
        else:
            names = [repr(it) for it in angles]
        arguments = f"({', '.join(names)})" if names else ""
        body.append(f"{_GATES[operation.name]}{arguments} {', '.join(places[wire] for wire in operation.wires)};")
    return body, values


def samples_of(exported: Export, wires: Sequence[object], counts: Mapping[str, int], seed: str) -> NDArray[np.int64]:
    """The samples of wires: a row for each shot, a column for each wire.

    Counts do not say in which order the shots were taken: they get a random order, as independent shots have.

    Args:
        exported: the tape that was run.
        wires: the order of the columns.
        counts: shots by bit string.
        seed: the same seed gives the same order.
    """
    outcomes = sorted(counts)
    rows = np.frombuffer("".join(outcomes).encode(), dtype=np.uint8).reshape(len(outcomes), -1)[:, ::-1] & 1
    shots = np.repeat(rows, [counts[it] for it in outcomes], axis=0).astype(np.int64)
    np.random.default_rng([*seed.encode()]).shuffle(shots)
    return shots[:, [exported.measured.index(wire) for wire in wires]]


def _place(device_wires: Wires | None) -> Callable[[Any], tuple[int, str, Any]]:
    """The order of wires: those of the device, and then those that deferred measurements added."""
    known = {} if device_wires is None else {wire: number for number, wire in enumerate(device_wires)}
    return lambda wire: (0, "", known[wire]) if wire in known else (1, type(wire).__name__, wire)
