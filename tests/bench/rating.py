"""Bills of jobs in memory, by processor time: a price with three components, and one by the gate in credits."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

from tests.bench.report import Report, percentile

from queuebit_pricing import Bounds, Price, bill, load, quote
from queuebit_testing.build import NOON

__all__ = ["measure_rating"]

BOOKS = Path(__file__).parents[2] / "contracts" / "pricebook"
JOBS = 5_000
FLOOR = 5_000
"""Bills a second on one core that the project promises."""


def measure_rating(report: Report) -> None:
    """A quote and a bill for each job."""
    for book, backend, what in (("default", "aer", "3 components"), ("vendors", "azure-quantinuum-h2-1", "in credits")):
        price = load(BOOKS / f"{book}.toml").price_for(backend, NOON)
        took = [_seconds(price) for _ in range(5)]
        rate = JOBS / percentile(took, 0.5)
        report.add(f"quote and bill of a job, {what}", f"{rate:,.0f} a second", f"floor: {FLOOR:,} a second")


def _seconds(price: Price) -> float:
    jobs = [(Bounds(shots=n, qpu_us=9_000, qubits=5, gates_1q=9 * n, gates_2q=4 * n), n) for n in range(1, JOBS + 1)]
    began = time.process_time()
    for bounds, shots in jobs:
        hold = quote(price, bounds)
        measured = {"shots": Decimal(shots), "qpu-time": Decimal(8_000), "qubits": Decimal(5)}
        if bill(price, bounds, "completed", measured, final=True).amount > hold.amount:
            raise RuntimeError("a charge is above its hold")
    return time.process_time() - began
