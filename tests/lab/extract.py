"""Writes the devices and circuits of the laboratory: `python -m tests.lab.extract CALIBRATIONS`, from the root.

Each circuit is compiled once for each snapshot of `qiskit_ibm_runtime.fake_provider` as an executor compiles it. What
the laboratory needs of it is stored: operations by qubits, and times. CALIBRATIONS is the file of daily calibrations of
ibm_perth from Qonductor-SC25, as JSON lines, compressed with gzip.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import starmap
from pathlib import Path
from typing import Any

import qiskit_ibm_runtime.fake_provider as snapshots

from queuebit_planning.fidelity import write_errors
from queuebit_quantum import Circuit, DoesNotFit, parse
from queuebit_quantum.ibm import EmulatedIbm

__all__ = ["CIRCUITS", "main"]

PUBLISHED = Path("libs/lab/src/queuebit_lab/data/devices.json.gz")
CIRCUITS = (
    ("ghz", (3, 5, 8, 12, 20)),
    ("bv", (4, 6, 12)),
    ("dj", (5, 10)),
    ("wstate", (3, 5, 8)),
    ("graphstate", (5, 10, 16)),
    ("qft", (3, 4, 5, 7)),
    ("qaoa", (4, 6, 8)),
    ("vqe_real_amp", (4, 7, 10)),
    ("qpeexact", (4, 6)),
    ("grover", (3,)),
)
"""Algorithms of MQT Bench and their sizes in qubits."""
_SEED = 7
_DIGITS = 6
_NO_DEVICES = ("FakeFractionalBackend", "FakeProviderForBackendV2")
"""Names of the package that are no snapshot of a machine."""
_READOUT = "measure"


def circuits() -> dict[str, Circuit]:
    """The circuits by name, from the simplest."""
    from mqt.bench import BenchmarkLevel, get_benchmark
    from qiskit import qasm2

    found = {}
    for name, sizes in CIRCUITS:
        for size in sizes:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                circuit = get_benchmark(name, BenchmarkLevel.INDEP, size)
            if "measure" not in circuit.count_ops():
                circuit.measure_all()
            found[f"{name}-{size}"] = parse(qasm2.dumps(circuit))
    return found


def device(snapshot: str) -> dict[str, Any] | None:  # as JSON
    """One device with all circuits; None if none of them runs there."""
    name = snapshot.removeprefix("Fake").removesuffix("V2").lower()
    emulated = EmulatedIbm(name, snapshot)
    used: set[tuple[str, tuple[int, ...]]] = set()
    rows: list[dict[str, Any] | None] = []  # as JSON
    for circuit in circuits().values():
        try:
            compiled = emulated.compile(circuit, _SEED)
        except DoesNotFit:
            rows.append(None)
            continue
        used |= {(it.gate, it.qubits) for it in compiled.operations}
        times = (compiled.duration_s, compiled.rep_delay_s, compiled.overhead_s)
        rows.append(
            {
                "ns": [round(it * 1e9) for it in times],
                "operations": [[it.gate, " ".join(map(str, it.qubits)), it.times] for it in compiled.operations],
            }
        )
    if not any(rows):
        return None
    calibration = emulated.calibrate()
    errors = {key: _short(error) for key, error in calibration.errors.items() if key in used and error}
    return {
        "name": name,
        "snapshot": snapshot,
        "calibrated_at": calibration.calibrated_at,
        "qubits": len(calibration.qubits),
        "errors": write_errors(errors),
        "circuits": rows,
    }


def perth(lines: Iterable[str]) -> list[dict[str, Any]]:  # as JSON
    """The errors of each day of ibm_perth in the form of a calibration snapshot."""
    return list(starmap(_day, ((it["captured_at"], it["properties"]) for it in map(json.loads, lines))))


def _day(captured_at: str, properties: Mapping[str, Any]) -> dict[str, Any]:  # as JSON
    errors = {}
    for gate in properties["gates"]:
        values = {it["name"]: it["value"] for it in gate["parameters"]}
        if error := values.get("gate_error"):
            errors[gate["gate"], tuple(gate["qubits"])] = _short(error)
    for qubit, values in enumerate(properties["qubits"]):
        errors[_READOUT, (qubit,)] = _short(next(it["value"] for it in values if it["name"] == "readout_error"))
    return {"day": captured_at[:10], "errors": write_errors(errors)}


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def main() -> int:
    """Write the file; return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calibrations", type=Path)
    parser.add_argument("--only", nargs="+", help="snapshots")
    given = parser.parse_args()
    names = given.only or [it for it in dir(snapshots) if it.startswith("Fake") and it not in _NO_DEVICES]
    with ProcessPoolExecutor(2) as pool:
        devices = [it for it in pool.map(device, names) if it is not None]
    with gzip.open(given.calibrations, "rt") as lines:
        days = perth(lines)
    document = {
        "source": "Snapshots: qiskit-ibm-runtime 0.51.0, fake_provider (Apache-2.0). Circuits: MQT Bench 2.3.0 (MIT). "
        "Days of ibm_perth: github.com/manosgior/Qonductor-SC25, commit d85452e (MIT, see LICENSE-Qonductor-SC25). "
        f"Reduced to the operations that the circuits use, numbers to {_DIGITS} digits.",
        "circuits": list(circuits()),
        "devices": devices,
        "perth": days,
    }
    content = json.dumps(document, separators=(",", ":")).encode()
    PUBLISHED.write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{len(devices)} devices, {len(content):,} bytes, compressed {PUBLISHED.stat().st_size:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
