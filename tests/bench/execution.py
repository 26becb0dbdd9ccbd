"""What Queuebit adds to a run: small jobs beside a bare loop of Aer, an emulated device beside `from_backend`, parsing.

Each figure stands beside its bare limit, measured in the same run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from qiskit import QuantumCircuit, qasm2, transpile
from qiskit.circuit import Qubit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeTorino
from scipy.stats import wilcoxon
from tests.bench.large import random_circuit
from tests.bench.load import GHZ5, round_trips, sustained
from tests.bench.report import Report, percentile

from queuebit import AsyncClient, Batch
from queuebit_executor.compilation import bound
from queuebit_quantum import Compiled, Profile, WorkItem, open_backend, parse, profile, total_variation
from queuebit_testing.build import BELL

__all__ = ["measure_emulation", "measure_parsing", "measure_small_jobs"]

_SHOTS = 1_000
_DEVICE = "emulated-ibm-torino"
_DEVICE_SHOTS = 4_000
_CIRCUITS = 30
_BATCH = 100

_Counts = Mapping[str, int]


async def measure_small_jobs(report: Report, client: AsyncClient, scale: float) -> None:
    """Bell and GHZ-5 jobs of 1,000 shots: throughput, and the time of one job, beside one call of Aer for each."""
    report.heading(f"Small jobs beside a loop of single calls of Aer, {_SHOTS:,} shots")
    for name, source in (("Bell", BELL), ("GHZ-5", GHZ5)):
        bare = _bare(source, round(200 * scale))
        alone = len(bare) / sum(bare)
        report.add(f"Aer alone, {name}", f"{alone:,.0f} circuits/s, p50 {percentile(bare, 0.5) * 1000:.2f} ms")
        jobs = max(64, round(600 * scale))
        burst = await sustained(client, jobs, ("playground",), source=source)
        reached = jobs / burst.completed_s
        report.add(f"… {jobs} jobs, 64 open", f"{reached:,.0f} jobs/s: {reached / alone:.0%}", "floor: 80%")
        batched = await _batch_rate(client, source, max(2, round(10 * scale)))
        report.add(f"… {_BATCH} circuits in a job", f"{batched:,.0f} circuits/s: {batched / alone:.0%}", "floor: 80%")
        trips = await round_trips(client, max(20, round(100 * scale)), source=source)
        added = (percentile(trips, 0.5) - percentile(bare, 0.5)) * 1000
        report.add("… one job at a time, beyond the bare run", f"p50 {added:.1f} ms", "floor: 15 ms")


def measure_emulation(report: Report, scale: float) -> None:
    """A device of 133 qubits: compiling, running and distributions, beside `AerSimulator.from_backend`."""
    report.heading(f"{_DEVICE}, circuits of five qubits, {_DEVICE_SHOTS:,} shots, beside AerSimulator.from_backend")
    device: Any = open_backend(_DEVICE)  # its `run` is no part of the port
    ghz = parse(GHZ5)
    cold, compiled = _timed(device.compile, ghz, 1)
    report.add("GHZ-5 compiled, transpiled and placed", f"{cold * 1000:.0f} ms")
    device.run(WorkItem(compiled, _DEVICE_SHOTS, 0))
    warm = [_timed(device.run, WorkItem(compiled, _DEVICE_SHOTS, seed))[0] for seed in range(1, 21)]
    ours = percentile(warm, 0.5)
    report.add("GHZ-5, warm", f"p50 {ours * 1000:.1f} ms, worst {max(warm) * 1000:.1f} ms", "floor: 150 ms")
    snapshot = FakeTorino()
    building, plain = _timed(AerSimulator.from_backend, snapshot)
    whole = _on_device(compiled, snapshot.num_qubits)
    runs = [_timed(_run, plain, [whole], seed)[0] for seed in range(3)]
    report.add("… from_backend: its model once, then each run", f"{building:.1f} s, {median(runs):.2f} s")
    report.add("… Queuebit is faster", f"{median(runs) / ours:,.0f} times", "floor: 20 times")
    several = [device.compile(parse(random_circuit(5, 2, seed)), 1) for seed in range(max(6, round(_CIRCUITS * scale)))]
    wholes = [_on_device(it, snapshot.num_qubits) for it in several]
    first, second = (_run(plain, wholes, seed) for seed in (100, 200))
    drawn = [device.run(WorkItem(it, _DEVICE_SHOTS, 300 + n)).counts for n, it in enumerate(several)]
    away, chance = _distances(first, drawn), _distances(first, second)
    p_value = float(wilcoxon(away, chance, alternative="greater").pvalue)
    report.add(
        f"… total variation over {len(several)} circuits, median",
        f"{median(away):.4f}; of two plain runs {median(chance):.4f}",
        f"Wilcoxon p {p_value:.2f}; floor: 0.001",
    )


def measure_parsing(report: Report) -> None:
    """Parse and profile: a circuit that is known by its digest, and a large one that is not."""
    report.heading("Parse and profile, as a child does it")
    source = GHZ5.encode()
    profile(bound(source, {}))
    known = [_timed(_profiled_again, source)[0] for _ in range(200)]
    report.add("a circuit that is known", f"p50 {percentile(known, 0.5) * 1000:.3f} ms", "floor: 1 ms")
    large = [_large(seed) for seed in range(10)]
    new = [_timed(_profiled, text)[0] for text in large]
    report.add("100 qubits, 5,000 gates, OpenQASM 2, new", f"p50 {percentile(new, 0.5) * 1000:.0f} ms", "floor: 150 ms")
    bare = [_timed(qasm2.loads, text)[0] for text in large]
    report.add("… Qiskit's reader alone", f"p50 {percentile(bare, 0.5) * 1000:.0f} ms")


def _bare(source: str, runs: int) -> list[float]:
    """Seconds of each run of a compiled circuit, with one thread."""
    simulator = AerSimulator(max_parallel_threads=1)
    program = transpile(parse(source).quantum_circuit, simulator)
    simulator.run(program, shots=_SHOTS).result()
    return [_timed(_run, simulator, [program], seed, _SHOTS)[0] for seed in range(max(20, runs))]


async def _batch_rate(client: AsyncClient, source: str, jobs: int) -> float:
    """Circuits a second to the result, in jobs of a hundred, one after another."""
    began = time.perf_counter()
    for _ in range(jobs):
        job = await client.submit(Batch([source] * _BATCH), shots=_SHOTS, backend="aer", purpose="bench")
        await job.result(120)
    return jobs * _BATCH / (time.perf_counter() - began)


def _timed(call: Callable[..., Any], *given: Any) -> tuple[float, Any]:  # what the call takes and returns
    began = time.perf_counter()
    found = call(*given)
    return time.perf_counter() - began, found


def _on_device(compiled: Compiled, qubits: int) -> QuantumCircuit:
    program: QuantumCircuit = compiled.program
    whole = QuantumCircuit([Qubit() for _ in range(qubits)], program.clbits, *program.cregs)
    return whole.compose(program, qubits=compiled.physical_qubits, clbits=program.clbits)


def _profiled(source: str) -> Profile:
    return profile(parse(source))


def _profiled_again(source: bytes) -> Profile:
    return profile(bound(source, {}))


def _run(
    simulator: AerSimulator, programs: Sequence[QuantumCircuit], seed: int, shots: int = _DEVICE_SHOTS
) -> list[_Counts]:
    result = simulator.run(list(programs), shots=shots, seed_simulator=seed).result()
    return [result.get_counts(it) for it in range(len(programs))]


def _distances(some: Sequence[_Counts], others: Sequence[_Counts]) -> list[float]:
    return [total_variation(one, other) for one, other in zip(some, others, strict=True)]


def _large(seed: int) -> str:
    """A hundred qubits, 5,000 gates of which half act on two qubits, and measurements."""
    rng = random.Random(seed)
    lines = ['OPENQASM 2.0; include "qelib1.inc"; qreg q[100]; creg c[100];']
    for _ in range(2_500):
        one, other = rng.sample(range(100), 2)
        lines += [f"rz({rng.uniform(0, 6):.6f}) q[{one}];", f"cx q[{one}],q[{other}];"]
    return "\n".join([*lines, "measure q -> c;"])
