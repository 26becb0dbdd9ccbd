"""The circuits of MQT Bench as files, and what this repository ships."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

__all__ = ["SIZES", "write_sources"]

SIZES = (3, 5, 9, 16)
_EXAMPLES = Path(__file__).parents[2] / "examples/circuits"


def write_sources(folder: Path) -> None:
    """Write each algorithm of MQT Bench at a few sizes, in both languages where Qiskit can, and the examples."""
    from mqt.bench.benchmarks import get_available_benchmark_names

    shutil.copytree(_EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("*.md"))
    for name in get_available_benchmark_names():
        for size in SIZES:
            _write(folder, name, size)


def _write(folder: Path, name: str, size: int) -> None:
    from mqt.bench import BenchmarkLevel, get_benchmark
    from qiskit import qasm2, qasm3

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            circuit = get_benchmark(name, BenchmarkLevel.INDEP, size)
    except Exception as failure:  # noqa: BLE001  (a size that an algorithm does not have, said in many ways)
        print(f"MQT Bench has no {name} of {size} qubits: {str(failure)[:100]}")
        return
    for language, dumps in (("openqasm2", qasm2.dumps), ("openqasm3", qasm3.dumps)):
        path = folder / f"mqt_bench_{language}" / f"{name}_{size}.qasm"
        path.parent.mkdir(exist_ok=True)
        try:
            path.write_text(dumps(circuit))
        except Exception as failure:  # noqa: BLE001  (control flow has no OpenQASM 2)
            print(f"Qiskit cannot write {name} of {size} qubits as {language}: {str(failure)[:100]}")
