"""Writes the circuits of MQT Bench and the examples of this repository to files."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from tests.collections.extraction import extract

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["SIZES", "collect", "write_sources"]

SIZES = (range(3, 6), range(6, 10), range(10, 14), range(14, 19))
"""Of each range, the smallest number of qubits that an algorithm has."""
_EXAMPLES = Path(__file__).parents[2] / "examples/circuits"


def collect(folder: Path, checkouts: Path | None = None) -> None:
    """Write the collections that the folder does not have: those of checkouts, of MQT Bench, and the examples."""
    folder.mkdir(parents=True, exist_ok=True)
    for checkout in sorted(it for it in checkouts.iterdir() if it.is_dir()) if checkouts else ():
        if not (folder / checkout.name).exists():
            print(f"{checkout.name}: {extract(checkout, folder / checkout.name):,} programs", flush=True)
    if not (folder / "examples").exists():
        write_sources(folder)


def write_sources(folder: Path) -> None:
    """Write each algorithm of MQT Bench at a few sizes, in both languages where Qiskit can, and the examples."""
    from mqt.bench.benchmarks import get_available_benchmark_names

    shutil.copytree(_EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("*.md"))
    for name in get_available_benchmark_names():
        for sizes in SIZES:
            _write(folder, name, sizes)


def _write(folder: Path, name: str, sizes: range) -> None:
    from qiskit import qasm2, qasm3

    circuit = next((found for size in sizes if (found := _circuit(name, size))), None)
    if circuit is None:
        print(f"MQT Bench has no {name} of {sizes[0]} to {sizes[-1]} qubits")
        return
    for language, dumps in (("openqasm2", qasm2.dumps), ("openqasm3", qasm3.dumps)):
        path = folder / f"mqt_bench_{language}" / f"{name}_{circuit.num_qubits}.qasm"
        path.parent.mkdir(exist_ok=True)
        try:
            path.write_text(dumps(circuit))
        except Exception as failure:  # noqa: BLE001  (control flow has no OpenQASM 2)
            print(f"Qiskit cannot write {path.stem} as {language}: {str(failure)[:100]}")


def _circuit(name: str, size: int) -> QuantumCircuit | None:
    from mqt.bench import BenchmarkLevel, get_benchmark

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return get_benchmark(name, BenchmarkLevel.INDEP, size)
    except Exception:  # noqa: BLE001  (a size that an algorithm does not have, said in many ways)
        return None
