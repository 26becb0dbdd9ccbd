"""Jobs that keep all cores busy, beside Aer alone: large random circuits, and many circuits in one job."""

from __future__ import annotations

import asyncio
import json
import math
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.report import Report

from queuebit import AsyncClient, Batch

__all__ = ["measure_large", "random_circuit"]

ROOT = Path(__file__).parents[2]

LARGE = (20, 22, 24, 26)
"""Qubits of circuits that use all cores."""

LAYERS = 3
"""Of rotations and CNOTs. With more, 26 qubits would be quoted above the limit of a job, a minute."""

MANY = (2, 5, 10, 12)
"""Qubits of circuits of which one job has a hundred."""

CIRCUITS = 100
SHOTS = 1000


def random_circuit(qubits: int, layers: int, seed: int) -> str:
    """Layers of a random rotation on each qubit and a CNOT on each of random pairs; all qubits are measured."""
    rng = random.Random(seed)
    lines = ['OPENQASM 2.0; include "qelib1.inc";', f"qreg q[{qubits}]; creg c[{qubits}];"]
    for _ in range(layers):
        angles = [[rng.uniform(0, math.tau) for _ in range(3)] for _ in range(qubits)]
        lines += [f"u3({a:.6f},{b:.6f},{c:.6f}) q[{number}];" for number, (a, b, c) in enumerate(angles)]
        order = rng.sample(range(qubits), qubits)
        lines += [f"cx q[{one}], q[{other}];" for one, other in zip(order[::2], order[1::2], strict=False)]
    return "\n".join([*lines, "measure q -> c;"])


class AerAlone:
    """A process that runs circuits with Aer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, sources: Sequence[str]) -> float:
        """Seconds of one call with these circuits."""
        reader, writer = self._process.stdout, self._process.stdin
        if reader is None or writer is None:
            raise RuntimeError("the process has pipes")
        writer.write(json.dumps({"sources": sources, "shots": SHOTS}).encode() + b"\n")
        return float(await reader.readline())


@asynccontextmanager
async def aer_alone() -> AsyncIterator[AerAlone]:
    """Start the process; it ends with its input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.aer_alone"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        yield AerAlone(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def measure_large(report: Report, client: AsyncClient, rounds: int) -> None:
    """Alternate the two sides, `rounds` times each; every circuit is new to both."""
    report.heading(f"Beside Aer alone on all cores: {SHOTS:,} shots, medians of {rounds} rounds, in turn")
    async with aer_alone() as aer:
        for qubits in LARGE:
            await _compare(report, client, aer, f"random circuit of {qubits} qubits", 1, rounds, qubits, _ratio)
        for qubits in MANY:
            what = f"{CIRCUITS} random circuits of {qubits} qubits in one job"
            await _compare(report, client, aer, what, CIRCUITS, rounds, qubits, _beyond)


async def _compare(
    report: Report,
    client: AsyncClient,
    aer: AerAlone,
    what: str,
    count: int,
    rounds: int,
    qubits: int,
    judge: Callable[[float, float], tuple[str, str]],
) -> None:
    alone, ran, whole = [], [], []
    for number in range(rounds):
        sources = [random_circuit(qubits, LAYERS, 1000 * number + it) for it in range(count)]
        alone.append(await aer.run(sources))
        run_s, whole_s = await _job(client, sources)
        ran.append(run_s)
        whole.append(whole_s)
    ours, theirs = statistics.median(ran), statistics.median(alone)
    figure, floor = judge(ours, theirs)
    report.add(what, f"{ours * 1000:,.0f} ms, Aer {theirs * 1000:,.0f} ms: {figure}", floor)
    report.add(
        "… the first; and from submit to result", f"{ran[0] / alone[0]:.2f} times; {statistics.median(whole):.2f} s"
    )


def _ratio(ours: float, theirs: float) -> tuple[str, str]:
    return f"{ours / theirs:.2f} times", "floor: 1.15 times"


def _beyond(ours: float, theirs: float) -> tuple[str, str]:
    return f"1.1 times and {(ours - 1.1 * theirs) * 1000:+.0f} ms", "floor: +20 ms"


async def _job(client: AsyncClient, sources: Sequence[str]) -> tuple[float, float]:
    """Seconds from `started` to `completed`, and from the submission to the result."""
    began = time.perf_counter()
    circuit: object = sources[0] if len(sources) == 1 else Batch(sources)
    job = await client.submit(circuit, shots=SHOTS, backend="aer", purpose="bench")
    await job.result(300)
    whole_s = time.perf_counter() - began
    at = {step.event: step.at for step in (await job.wait(10)).steps}
    return (at["completed"] - at["started"]).total_seconds(), whole_s
