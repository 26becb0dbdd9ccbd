"""Compares Queuebit with Celery: the same circuits in alternation, and the processor time per job of each side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.processor import settled
from tests.bench.report import Report, percentile
from tests.bench.sides import Burst, Side

__all__ = ["measure_peer"]

ROUNDS = 3
IN_FLIGHT = 64


@dataclass
class _Runs:
    """The measurements of one side, per round."""

    bursts: list[Burst] = field(default_factory=list)
    costs: list[Mapping[str, float]] = field(default_factory=list)
    """Processor time in ms a job by process, the client included."""
    trips: list[list[float]] = field(default_factory=list)
    """Milliseconds of each idle round trip."""

    @property
    def to_result(self) -> list[float]:
        return [it.to_result for it in self.bursts]

    @property
    def to_receipt(self) -> list[float]:
        return [it.to_receipt for it in self.bursts if it.to_receipt is not None]

    @property
    def p50s(self) -> list[float]:
        return [percentile(it, 0.5) for it in self.trips]

    @property
    def totals(self) -> list[float]:
        return [sum(it.values()) for it in self.costs]


async def measure_peer(report: Report, ours: Side, theirs: Side, scale: float) -> None:
    """Run both sides in turns, each round led by the other one; report the ratios, then the figures."""
    jobs, trips = max(IN_FLIGHT * 2, round(400 * scale)), max(20, round(100 * scale))
    report.heading(f"{ours.name} beside {theirs.name}, in turns, medians of {ROUNDS} rounds")
    sides = (ours, theirs)
    runs = (_Runs(), _Runs())
    for side in sides:
        await side.burst(IN_FLIGHT * 2, IN_FLIGHT)
        await side.round_trips(10)
    for number in range(ROUNDS):
        for index in (number % 2, 1 - number % 2):
            await _round(sides[index], runs[index], jobs, trips)
    report.add(
        f"{jobs} Bell jobs, 1,000 shots, {IN_FLIGHT} open, to the result", _ratio(*(it.to_result for it in runs))
    )
    report.add("… to the receipt, beside Celery's result", _ratio(runs[0].to_receipt, runs[1].to_result))
    report.add(f"idle round trip p50, {trips} Bell jobs a block", _ratio(*(it.p50s for it in runs)))
    report.add("processor time a job, all processes", _ratio(*(it.totals for it in runs)))
    for side, run in zip(sides, runs, strict=True):
        _figures(report, side, run)


async def _round(side: Side, runs: _Runs, jobs: int, trips: int) -> None:
    before = await settled(side.processes)
    burst = await side.burst(jobs, IN_FLIGHT)
    after = await settled(side.processes)
    runs.bursts.append(burst)
    runs.costs.append(
        {
            "client": burst.client_ms,
            **{name: (used - before[name]) / jobs * 1000 for name, used in after.items()},
        }
    )
    runs.trips.append([it * 1000 for it in await side.round_trips(trips)])


def _figures(report: Report, side: Side, runs: _Runs) -> None:
    report.heading(side.name)
    report.add("to the result", f"{median(runs.to_result):.1f} jobs/s")
    if runs.to_receipt:
        report.add("… to the receipt", f"{median(runs.to_receipt):.1f} jobs/s")
    trips = [it for block in runs.trips for it in block]
    report.add("idle round trip", f"p50 {percentile(trips, 0.5):.1f} ms, p99 {percentile(trips, 0.99):.1f} ms")
    report.add("processor time a job, all processes", f"{median(runs.totals):6.2f} ms")
    costs = {name: median(it[name] for it in runs.costs) for name in runs.costs[0]}
    for name, cost in sorted(costs.items(), key=lambda it: -it[1]):
        report.add(f"  {name}", f"{cost:6.2f} ms")


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The median of the rounds' ratios, and their range."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return f"{median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
