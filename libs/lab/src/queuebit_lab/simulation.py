"""Runs one policy over one scenario, event by event, in simulated time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from time import process_time

from queuebit_lab.baselines import Estimate, Placer
from queuebit_lab.machines import Load, Run
from queuebit_lab.scenario import Scenario, Work, jobs
from queuebit_lab.trace import DAY_US
from queuebit_planning.token_bucket import TokenBucket

__all__ = ["Outcome", "estimates", "simulate"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one policy did."""

    policy: str
    scenario: Scenario
    works: tuple[Work, ...]
    runs: tuple[Run, ...]
    """In order of placement."""
    decide_s: float
    """Processor time that the policy took; not a fact of the simulation, so that it differs from run to run."""

    @property
    def decisions_per_s(self) -> float:
        return len(self.runs) / self.decide_s if self.decide_s else 0.0


def estimates(it: Scenario) -> Estimate:
    """Return what admission says of a job: by machine where it fits, run time and success on the day of its arrival."""
    shifts = [machine.shift_us for machine in it.machines]

    @cache
    def known(circuit: int, shots: int, day: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
        found = []
        for number, machine in enumerate(it.machines):
            if (compiled := machine.device.circuits[circuit]) is not None:
                found.append((number, compiled.run_us(shots), compiled.on_day(day[number])))
        return tuple(found)

    def estimate(work: Work) -> tuple[tuple[int, int, int], ...]:
        return known(work.circuit, work.shots, tuple((work.arrived_us + shift) // DAY_US for shift in shifts))

    return estimate


def simulate(it: Scenario, create: Callable[[Estimate], Placer], *, knows_waits: bool = False) -> Outcome:
    """Simulate until all jobs are placed; in a scenario without others, to the end of arrivals.

    Args:
        it: the scenario.
        create: makes the policy, from what it may know of a job.
        knows_waits: whether the policy sees the true waits instead of the forecast, which shows what is possible.
    """
    estimate, loads, works = estimates(it), _loads(it), jobs(it)
    policy, runs, decide_s = create(estimate), dict[int, Run](), 0.0
    bounds = sorted({moment for slot in it.slots for moment in (slot.starts_us, slot.ends_us)})
    arriving, waiting, now_us = 0, 0, it.begins_us
    while arriving < len(works) or waiting:
        arrives_us = works[arriving].arrived_us if arriving < len(works) else None
        now_us = _next_us(policy, loads, now_us, arrives_us, waiting, bounds)
        if it.fleet == "dedicated" and now_us >= it.ends_us:
            break
        for machine, load in enumerate(loads):
            for ended_us, work in load.ended(now_us):
                policy.ended(work, machine, ended_us)
        while arriving < len(works) and works[arriving].arrived_us <= now_us:
            policy.add(works[arriving])
            arriving, waiting = arriving + 1, waiting + 1
        seen = [load.seen(now_us, knows_waits=knows_waits) for load in loads]
        waits = [load.wait_us for load in seen]
        began = process_time()
        placed = policy.place(now_us, seen)
        decide_s += process_time() - began
        waiting -= sum(work.number not in runs for work, _ in placed)
        for work, machine in placed:
            if (former := runs.get(work.number)) is not None:  # it gave way
                runs.update({it.work.number: it for it in loads[former.machine].withdraw(former)})
                waits[former.machine] -= former.ended_us - former.started_us
            compiled = loads[machine].device.circuits[work.circuit]
            run_us = 0 if compiled is None else compiled.run_us(work.shots)
            waits[machine] += run_us
            runs[work.number] = loads[machine].place(work, now_us, machine, now_us + waits[machine])
    return Outcome(policy.name, it, tuple(works), tuple(runs.values()), decide_s)


def _loads(it: Scenario) -> list[Load]:
    """The machines; those of one vendor share the limit of its calls."""
    if it.calls_per_minute is None:
        return [Load(machine) for machine in it.machines]
    calls = {vendor: TokenBucket(it.calls_per_minute) for vendor in {machine.vendor for machine in it.machines}}
    return [Load(machine, calls[machine.vendor]) for machine in it.machines]


def _next_us(
    policy: Placer, loads: list[Load], now_us: int, arrives_us: int | None, waiting: int, bounds: list[int]
) -> int:
    """Return when the next decision is.

    It is at an arrival, when a place becomes free, when a slot begins or ends (`bounds`), or at the next beat of the
    policy.
    """
    if policy.every_us:
        first = now_us + 1 if waiting or arrives_us is None else max(arrives_us, now_us + 1)
        return -(-first // policy.every_us) * policy.every_us
    moments = [] if arrives_us is None else [arrives_us]
    if waiting:
        moments += [moment for load in loads if (moment := load.next_us(now_us)) is not None]
        moments += bounds[bisect_right(bounds, now_us) :][:1]
    if not moments:
        raise RuntimeError("jobs wait, and nothing will happen")
    return max(now_us, min(moments))
