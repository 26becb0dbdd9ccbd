"""Estimated success (ESP) against simulated fidelity, of real circuits on emulated devices: `make fidelity`.

The circuits are those of MQT Bench at a few sizes, this repository's examples and templates, at most seven qubits each.
Each is compiled for each device. Its ESP is the prediction: the probability that no operation fails. Its fidelity is
the Hellinger fidelity of counts, simulated with the noise of the device, with the exact distribution.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from queuebit_quantum import (
    Circuit,
    CircuitError,
    DoesNotFit,
    WorkItem,
    hellinger_fidelity,
    ideal_distribution,
    open_backend,
    parse,
)
from queuebit_quantum.ibm import EmulatedIbm
from queuebit_templates import find

__all__ = ["DEVICES", "Pair", "circuits", "main", "table"]

DEVICES = ("perth", "hanoi", "brisbane", "sherbrooke", "torino")
SHOTS = 4_000
_SIZES = range(2, 7)
_MOST_QUBITS = 7
"""Those of the smallest of the devices."""
_MOST_GATES = 150
"""On two qubits in the source; a circuit with more has an ESP near 0 on all devices."""
_FEW = 2.5
"""Outcomes. A distribution with few outcomes shows every error; errors change a nearly uniform one little."""
_EXAMPLES = Path(__file__).parents[2] / "examples/circuits"
_TEMPLATES: tuple[tuple[str, Mapping[str, int | str]], ...] = (
    *(("ghz", {"n": n}) for n in range(3, 7)),
    *(("grover", {"marked": marked}) for marked in ("10", "101", "1011")),
    *(("qft", {"n": n, "x": 1, "shift": 2}) for n in range(2, 6)),
    *(("phase-estimation", {"n": n}) for n in range(2, 6)),
    *(("mirror", {"n": n, "samples": 1}) for n in range(2, 6)),
)


@dataclass(frozen=True)
class Pair:
    """A prediction and what the simulation gave, both from 0 to 1."""

    circuit: str
    device: str
    esp: float
    fidelity: float
    outcomes: float
    """The inverse of the sum of p^2 over the exact distribution: how many outcomes it has in effect."""


def circuits() -> dict[str, Circuit]:
    """The circuits by name; without those that are dynamic, too wide or too long."""
    found: dict[str, tuple[str, Circuit]] = {}
    for name, source in _sources():
        try:
            circuit = parse(source)
        except CircuitError:  # such as a gate that Qiskit writes and OpenQASM does not have
            continue
        fits = len(circuit.touched) <= _MOST_QUBITS and circuit.two_qubit_gates <= _MOST_GATES
        if fits and not circuit.dynamic and circuit.two_qubit_gates:
            found.setdefault(circuit.digest, (name, circuit))
    return dict(sorted(found.values(), key=lambda it: it[0]))


def compared(device: EmulatedIbm, name: str, circuit: Circuit) -> Pair | None:
    """Predict and simulate a circuit; None if the device cannot run it. The seeds follow from the circuit."""
    seed = int(circuit.digest[-8:], 16)
    try:
        compiled = device.compile(circuit, seed)
    except DoesNotFit:
        return None
    counts = device.run(WorkItem(compiled, SHOTS, seed)).counts
    exact = ideal_distribution(circuit)
    outcomes = 1 / math.fsum(it * it for it in exact.values())
    return Pair(name, device.describe().id, compiled.esp, hellinger_fidelity(counts, exact), outcomes)


def table(pairs: Sequence[Pair]) -> str:
    """Return a row for each device, for all, and for circuits with few and with many outcomes."""
    groups = {id_: [it for it in pairs if it.device == id_] for id_ in dict.fromkeys(it.device for it in pairs)}
    groups["all"] = [*pairs]
    groups["… with one or two outcomes"] = [it for it in pairs if it.outcomes <= _FEW]
    groups["… with more outcomes"] = [it for it in pairs if it.outcomes > _FEW]
    lines = [
        "| device | circuits | mean ESP | mean fidelity | mean absolute error | R² | R² of a line |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    return "\n".join([*lines, *(_row(name, group) for name, group in groups.items() if len(group) > 2)])


def _row(name: str, pairs: Sequence[Pair]) -> str:
    predicted, simulated = [it.esp for it in pairs], [it.fidelity for it in pairs]
    error = fmean(abs(one - other) for one, other in zip(predicted, simulated, strict=True))
    figures = (fmean(predicted), fmean(simulated), error, determination(predicted, simulated), _line(pairs))
    return f"| {name} | {len(pairs)} | {' | '.join(f'{it:.3f}' for it in figures)} |"


def determination(predicted: Sequence[float], observed: Sequence[float]) -> float:
    """R²: 1 - (squared errors of the prediction) / (squared distances from the mean); below 0 if the mean is better."""
    mean = fmean(observed)
    errors = math.fsum((one - other) ** 2 for one, other in zip(predicted, observed, strict=True))
    return 1 - errors / math.fsum((it - mean) ** 2 for it in observed)


def _line(pairs: Sequence[Pair]) -> float:
    """R² of the straight line through the pairs that has the least squared errors."""
    x, y = [it.esp for it in pairs], [it.fidelity for it in pairs]
    mean_x, mean_y = fmean(x), fmean(y)
    slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / math.fsum(
        (a - mean_x) ** 2 for a in x
    )
    return determination([mean_y + slope * (a - mean_x) for a in x], y)


def _sources() -> Iterator[tuple[str, str]]:
    for path in sorted(_EXAMPLES.glob("*.qasm")):
        yield f"examples/{path.stem}", path.read_text()
    for name, values in _TEMPLATES:
        template = find(name)
        items = template.first(template.parameters.model_validate(values)).items
        for number, item in enumerate(it for it in items if not it.observables and not it.parameters):
            yield f"templates/{name}-{values}-{number}", item.source
    yield from _mqt_bench()


def _mqt_bench() -> Iterator[tuple[str, str]]:
    from mqt.bench import BenchmarkLevel, get_benchmark
    from mqt.bench.benchmarks import get_available_benchmark_names
    from qiskit import qasm2

    for name in get_available_benchmark_names():
        for size in _SIZES:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    source = qasm2.dumps(get_benchmark(name, BenchmarkLevel.INDEP, size))
            except Exception:  # noqa: BLE001  (a size that an algorithm does not have, said in many ways)
                continue
            yield f"mqt_bench/{name}-{size}", source


def main(asked: Iterable[str] | None = None) -> int:
    """Print the table; return 0."""
    parser = argparse.ArgumentParser(prog="make fidelity", description=__doc__)
    parser.add_argument("--results", type=Path, help="write each pair to this file, as JSON")
    parser.add_argument("--devices", nargs="+", default=DEVICES, help="emulated devices of IBM")
    given = parser.parse_args(None if asked is None else [*asked])
    os.nice(10)
    known, pairs = circuits(), []
    for name in given.devices:
        device = open_backend(f"emulated-ibm-{name}")
        if not isinstance(device, EmulatedIbm):
            raise SystemExit(f"{name} is no emulated device: choose from {', '.join(DEVICES)}")
        pairs += [it for label, circuit in known.items() if (it := compared(device, label, circuit))]
        print(f"{name}: {len(pairs)} pairs", file=sys.stderr, flush=True)
    if given.results:
        given.results.write_text(json.dumps([asdict(it) for it in pairs], indent=1))
    print(table(pairs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
