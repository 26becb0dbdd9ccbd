"""Bare Aer with its defaults, which use all cores, in a process of its own: `python -m tests.bench.aer_alone`.

Each line of input is a JSON object with the sources of circuits, in OpenQASM 2, and their shots. The line of output is
the time of one call of Aer with all of these circuits, in seconds; to parse and compile them does not count.
"""

from __future__ import annotations

import json
import sys
import time

from qiskit import QuantumCircuit, qasm2, transpile
from qiskit_aer import AerSimulator

__all__ = ["main"]


def main() -> None:
    """Serve until the input ends."""
    simulator = AerSimulator()
    for line in sys.stdin:
        asked = json.loads(line)
        circuits: list[QuantumCircuit] = [
            transpile(qasm2.loads(it), simulator, optimization_level=1) for it in asked["sources"]
        ]
        began = time.perf_counter()
        result = simulator.run(circuits, shots=asked["shots"], seed_simulator=1).result()
        took = time.perf_counter() - began
        if not result.success:
            raise RuntimeError(result.status)
        print(took, flush=True)


if __name__ == "__main__":
    main()
