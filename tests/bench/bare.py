"""The limits of Aer and JetStream alone, measured in the same run."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from tests.bench.report import Report, percentile

from queuebit_testing.build import funded
from queuebit_testing.server import NatsServer

__all__ = ["measure_aer", "measure_jetstream"]


def measure_aer(report: Report, circuits: int = 300) -> None:
    """Aer alone on Bell circuits of 1,000 shots: one call each, and all in one call."""
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator

    bell = QuantumCircuit(2, 2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure([0, 1], [0, 1])
    simulator = AerSimulator(max_parallel_threads=1)
    simulator.run(bell, shots=1000).result()
    began = time.perf_counter()
    for seed in range(circuits):
        simulator.run(bell, shots=1000, seed_simulator=seed).result()
    one_by_one = circuits / (time.perf_counter() - began)
    began = time.perf_counter()
    simulator.run([bell] * circuits, shots=1000).result()
    batched = circuits / (time.perf_counter() - began)
    report.add("Aer alone, Bell 1,000 shots, one call each", f"{one_by_one:,.0f} circuits/s")
    report.add("Aer alone, the same in one call", f"{batched:,.0f} circuits/s")


def measure_jetstream(report: Report, messages: int = 2000) -> None:
    """JetStream alone, synced always: guarded facts one at a time, and facts without a guard 64 in flight."""
    with tempfile.TemporaryDirectory(prefix="queuebit-bench-") as folder:
        asyncio.run(_publish(report, Path(folder), messages))


async def _publish(report: Report, folder: Path, messages: int) -> None:
    async with NatsServer(folder).running() as server:
        client = await server.connect("broker")
        js = client.jetstream(timeout=10)
        body = funded().to_bytes()
        took, newest = [], 0
        for _ in range(messages // 2):
            guard = {"Nats-Expected-Last-Subject-Sequence": str(newest)}
            began = time.perf_counter()
            newest = (await js.publish("qb.account.bench.main.funded", body, headers=guard, stream="LOG")).seq
            took.append(time.perf_counter() - began)
        p50, p99 = percentile(took, 0.5) * 1000, percentile(took, 0.99) * 1000
        report.add("JetStream alone, guarded appends, one at a time", f"p50 {p50:.2f} ms, p99 {p99:.2f} ms")
        gate = asyncio.Semaphore(64)

        async def one() -> None:
            async with gate:
                await js.publish("qb.account.bench.main.funded", body, stream="LOG")

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(messages)))
        report.add(
            "JetStream alone, unguarded, 64 in flight", f"{messages / (time.perf_counter() - began):,.0f} messages/s"
        )
        await client.close()
