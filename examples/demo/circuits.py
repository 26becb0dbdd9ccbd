"""The circuits of the three teams: circuits of MQT Bench, and the files in `examples/circuits`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FILES", "TEAMS", "Task", "tasks"]

FILES = Path(__file__).parent.parent / "circuits"

TEAMS = {"atlas": 3, "boreal": 2, "cygnus": 1}
"""Three tenants and their shares."""

_IDEAL = (
    ("ghz", 20),
    ("dj", 18),
    ("bv", 15),
    ("wstate", 14),
    ("ghz", 12),
    ("qpeexact", 10),
    ("wstate", 9),
    ("qft", 6),
    ("graphstate", 6),
    ("qftentangled", 5),
)
_CIRQ = (
    ("ghz", 12),
    ("dj", 10),
    ("bv", 9),
    ("wstate", 8),
    ("qft", 5),
    ("qpeinexact", 5),
    ("qnn", 4),
    ("vqe_su2", 4),
    ("vqe_real_amp", 4),
)
_DEVICE = (
    ("ghz", 2),
    ("ghz", 3),
    ("ghz", 5),
    ("bv", 4),
    ("dj", 4),
    ("wstate", 3),
    ("wstate", 5),
    ("qft", 3),
    ("graphstate", 4),
    ("qpeexact", 4),
)
_ANY_SIMULATOR = (
    ("randomcircuit", 4),
    ("randomcircuit", 3),
    ("bmw_quark_copula", 4),
    ("qftentangled", 3),
    ("vqe_real_amp", 3),
    ("vqe_two_local", 3),
    ("ghz", 4),
    ("dj", 5),
    ("bv", 6),
    ("wstate", 4),
    ("qft", 4),
)
_DEVICES = ("emulated-ibm-torino", "emulated-ibm-sherbrooke", "emulated-ibm-perth")


@dataclass(frozen=True, slots=True)
class Task:
    """One job to submit."""

    team: str
    label: str
    source: str
    shots: int
    backend: str | None


def tasks() -> list[Task]:
    """Return all jobs of the demo, in order of submission."""
    plan: list[tuple[str, int, int, str | None]] = []
    plan += [(name, size, 2000, "aer") for name, size in _IDEAL]
    plan += [(name, size, 1000, "cirq") for name, size in _CIRQ]
    plan += [(name, size, 1000, device) for name, size in _DEVICE for device in _DEVICES]
    plan += [(name, size, 500, None) for name, size in _ANY_SIMULATOR]
    teams = list(TEAMS)
    made = [
        Task(teams[number % len(teams)], f"{name}-{size}", _source(name, size), shots, backend)
        for number, (name, size, shots, backend) in enumerate(plan)
    ]
    files = sorted(FILES.glob("*.qasm"))
    made += [
        Task(teams[number % len(teams)], path.name, path.read_text(), 1000, None if number % 2 else "aer")
        for number, path in enumerate(files)
    ]
    return made


def _source(name: str, size: int) -> str:
    """Return one circuit of MQT Bench as OpenQASM 2."""
    from mqt.bench import BenchmarkLevel, get_benchmark
    from qiskit import qasm2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its generators use deprecated functions of Qiskit
        circuit = get_benchmark(name, BenchmarkLevel.INDEP, size, random_parameters=True)
    if not circuit.clbits:
        circuit.measure_all()
    return str(qasm2.dumps(circuit))
