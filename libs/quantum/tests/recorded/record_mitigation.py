"""Writes `mitigation.json`: the results of mthree and mitiq for the same counts, values and circuits.

Both need other versions of NumPy and Cirq than the platform. Run it in a separate environment:

    python -m venv m && m/bin/pip install mthree==3.0.0 mitiq==1.1.0 && m/bin/python record_mitigation.py
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import cirq
import mthree
import numpy as np
from mitiq.zne.inference import LinearFactory
from mitiq.zne.scaling import fold_all

CHANCE = Random(20)


def corrected() -> dict[str, Any]:
    bits = CHANCE.randrange(1, 7)
    errors = [round(CHANCE.uniform(0.001, 0.2), 4) for _ in range(bits)]
    outcomes = CHANCE.sample(range(1 << bits), CHANCE.randrange(1, min(1 << bits, 20) + 1))
    counts = {format(it, f"0{bits}b"): CHANCE.randrange(1, 500) for it in outcomes}
    mitigation = mthree.M3Mitigation(None)
    mitigation.cals_from_matrices([np.array([[1 - it, it], [it, 1 - it]]) for it in errors])
    found = mitigation.apply_correction(counts, range(bits), distance=bits, method="direct")  # its default is 3
    parity = found.expval("Z" * bits)
    shares = {it: float(found[it]) for it in counts}
    return {"counts": counts, "errors": errors, "shares": shares, "parity": float(parity)}


def extrapolated() -> dict[str, Any]:
    values = [CHANCE.uniform(-1, 1) for _ in range(3)]
    return {"values": values, "at_zero": float(LinearFactory.extrapolate([1, 3, 5], values))}


def folded(times: int) -> dict[str, Any]:
    qubits = cirq.LineQubit.range(4)
    steps: list[Any] = []
    for _ in range(12):
        first, second = CHANCE.sample(qubits, 2)
        steps += [cirq.X(first), CHANCE.choice([cirq.CZ, cirq.CNOT])(first, second)]
    circuit = cirq.Circuit(steps, strategy=cirq.InsertStrategy.NEW)
    found = fold_all(circuit, float(times), exclude=frozenset({"single"}))
    return {"times": times, "circuit": written(circuit), "folded": written(found)}


def written(circuit: cirq.Circuit) -> list[Any]:
    names = {cirq.X: "x", cirq.CZ: "cz", cirq.CNOT: "cx"}
    steps: list[Any] = [*circuit.all_operations()]  # on lines, of these gates
    return [[names[it.gate], [qubit.x for qubit in it.qubits]] for it in steps]


if __name__ == "__main__":
    document = {
        "mthree": [corrected() for _ in range(40)],
        "mitiq_linear": [extrapolated() for _ in range(10)],
        "mitiq_fold_all": [folded(times) for times in (1, 3, 5)],
    }
    Path(__file__).with_name("mitigation.json").write_text(json.dumps(document, indent=0) + "\n")
