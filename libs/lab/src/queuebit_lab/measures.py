"""What is compared of policies: completion, fidelity, cost, utilisation, fairness and starvation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from queuebit_lab.platform import cents
from queuebit_lab.simulation import Outcome

__all__ = ["Fairness", "Measures", "Reserved", "entitlements", "fairness", "jain", "measure", "reserved"]

_HOUR_US = 3_600_000_000
_STARVED_US = 24 * _HOUR_US


@dataclass(frozen=True, slots=True)
class Fairness:
    """How each tenant's device time compares with its entitlement, hour by hour while work waits."""

    hours: int
    jain: float
    """Jain's index of received / entitled: 1 if all tenants receive the same part of their entitlement."""
    worst_gap: float
    """The largest difference of a tenant's share of an hour from its entitlement, of all device time."""
    worst_part: float
    """The largest difference of a tenant's device time of an hour from its entitlement, of this entitlement."""
    shares: Mapping[str, float]
    """Of all device time, over all hours."""
    entitled: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reserved:
    """What became of reserved slots."""

    slots: int
    disturbed: float
    """The part of their time in which a job of another tenant ran there."""
    used: float
    """The part of their time in which a job of the holder ran there."""
    wait_p95_s: float
    """Of the jobs of the holder that arrived in a slot: from arrival to start."""


@dataclass(frozen=True, slots=True)
class Measures:
    """The figures of one policy."""

    policy: str
    jobs: int
    placed: int
    completion_mean_s: float
    """From arrival to end."""
    completion_p95_s: float
    fidelity_mean: float
    """ESP under the calibration of the start of a job."""
    cost_mean_usd: float
    utilisation: float
    """Device time of tenants' jobs, of that of all machines."""
    machines_used: int
    forecast_error_s: float
    """The median difference between the expected and the real end, at placement."""
    longest_placed_after_s: float
    """The longest time that a job waited for its placement."""
    starved: int
    """Jobs that ended later than a day after their arrival, or that waited for a placement for a day."""
    fairness: Fairness | None
    waits_p95_s: Mapping[str, float]
    """By class of jobs, if they have one: from arrival to start, of the jobs that started after the first hour."""
    reserved: Reserved | None = None

    def document(self) -> dict[str, object]:
        """Return the figures as JSON, with six digits after the point."""
        return {name: _rounded(it) for name, it in asdict(self).items()}


def measure(it: Outcome) -> Measures:
    """Measure the jobs that were placed."""
    completion = sorted(run.ended_us - run.work.arrived_us for run in it.runs)
    span_us = it.scenario.ends_us - it.scenario.begins_us
    busy_us = sum(_overlap(run.started_us, run.ended_us, it.scenario.begins_us, it.scenario.ends_us) for run in it.runs)
    errors = sorted(abs(run.ended_us - run.expected_us) for run in it.runs)
    placed = {run.work.number for run in it.runs}
    left = [max(0, it.scenario.ends_us - work.arrived_us) for work in it.works if work.number not in placed]
    waits = [*left, *(run.placed_us - run.work.arrived_us for run in it.runs)]
    contended = it.scenario.fleet == "dedicated" and not it.scenario.slots
    return Measures(
        policy=it.policy,
        jobs=len(it.works),
        placed=len(it.runs),
        completion_mean_s=fmean(completion) / 1e6,
        completion_p95_s=completion[-(-len(completion) * 95 // 100) - 1] / 1e6,
        fidelity_mean=fmean(run.esp_ppm for run in it.runs) / 1e6,
        cost_mean_usd=fmean(cents(run.ended_us - run.started_us) for run in it.runs) / 100,
        utilisation=busy_us / (span_us * len(it.scenario.machines)),
        machines_used=len({run.machine for run in it.runs}),
        forecast_error_s=errors[len(errors) // 2] / 1e6,
        longest_placed_after_s=max(waits) / 1e6,
        starved=sum(it > _STARVED_US for it in [*completion, *left]),
        fairness=fairness(it) if contended else None,
        waits_p95_s=_waits(it),
        reserved=reserved(it) if it.scenario.slots else None,
    )


def reserved(it: Outcome) -> Reserved:
    """Measure the slots of a scenario: who ran in them, and how long their holders waited."""
    slots, ends_us = it.scenario.slots, it.scenario.ends_us
    time_us = sum(slot.ends_us - slot.starts_us for slot in slots)
    by_holder, by_others = 0, 0
    for slot in slots:
        for run in it.runs:
            if run.machine == slot.machine:
                ran_us = _overlap(run.started_us, run.ended_us, slot.starts_us, slot.ends_us)
                own = run.work.tenant == slot.tenant
                by_holder, by_others = by_holder + ran_us * own, by_others + ran_us * (not own)
    started = {run.work.number: run.started_us for run in it.runs}
    holders = {slot.tenant for slot in slots}
    waits = sorted(started.get(work.number, ends_us) - work.arrived_us for work in it.works if work.tenant in holders)
    p95_us = waits[-(-len(waits) * 95 // 100) - 1] if waits else 0
    return Reserved(len(slots), by_others / time_us, by_holder / time_us, p95_us / 1e6)


def _waits(it: Outcome) -> dict[str, float]:
    """Return the wait that 95 % of the jobs of a class do not exceed; jobs that never started count as the longest."""
    since_us = it.scenario.begins_us + _HOUR_US
    started = {run.work.number: run.started_us for run in it.runs}
    waits: dict[str, list[int]] = defaultdict(list)
    for work in it.works:
        if work.workload_class is not None and work.arrived_us >= since_us:
            waits[work.workload_class].append(started.get(work.number, it.scenario.ends_us) - work.arrived_us)
    return {name: sorted(found)[-(-len(found) * 95 // 100) - 1] / 1e6 for name, found in sorted(waits.items())}


def fairness(it: Outcome) -> Fairness:
    """Compare device time with entitlements in each full hour after the first.

    The entitlement is the max-min fair share of the device time that was delivered in the hour, by weight. A tenant
    that asks for less gets what it asks for, and the others share the rest.
    """
    shares = {stream.tenant: stream.share for stream in it.scenario.streams}
    totals: dict[str, int] = defaultdict(int)
    rights: dict[str, float] = defaultdict(float)
    worst, part, indices = 0.0, 0.0, []
    for got, wanted in _hours(it)[1:]:
        total = sum(got.values())
        right = entitlements(total, wanted, shares)
        indices.append(jain([got[name] / right[name] for name in shares if right[name]]))
        part = max(part, *(abs(got[name] / right[name] - 1) for name in shares if right[name]))
        worst = max(worst, *(abs(got[name] - right[name]) / total for name in shares))
        for name in shares:
            totals[name] += got[name]
            rights[name] += right[name]
    total = sum(totals.values())
    return Fairness(
        hours=len(indices),
        jain=min(indices),
        worst_gap=worst,
        worst_part=part,
        shares={name: totals[name] / total for name in shares},
        entitled={name: rights[name] / total for name in shares},
    )


def _hours(it: Outcome) -> list[tuple[dict[str, int], dict[str, int]]]:
    """For each full hour: the device time that each tenant received, and that of its jobs that waited or ran."""
    begins, tenants = it.scenario.begins_us, [stream.tenant for stream in it.scenario.streams]
    hours = (it.scenario.ends_us - begins) // _HOUR_US
    received, demanded = ([dict.fromkeys(tenants, 0) for _ in range(hours)] for _ in range(2))
    ran = {run.work.number: run for run in it.runs}
    mean_us = sum(run.ended_us - run.started_us for run in it.runs) // max(1, len(it.runs))
    for work in it.works:
        run = ran.get(work.number)
        end_us = it.scenario.ends_us if run is None else run.ended_us
        for hour in range((work.arrived_us - begins) // _HOUR_US, min(hours, 1 + (end_us - begins) // _HOUR_US)):
            since, until = begins + hour * _HOUR_US, begins + (hour + 1) * _HOUR_US
            if run is None:
                demanded[hour][work.tenant] += mean_us
            else:
                demanded[hour][work.tenant] += run.ended_us - max(since, run.started_us)
                received[hour][work.tenant] += _overlap(run.started_us, run.ended_us, since, until)
    return [*zip(received, demanded, strict=True)]


def entitlements(total: float, wanted: Mapping[str, float], shares: Mapping[str, int]) -> dict[str, float]:
    """Divide a total by weight; a tenant that wants less than its part gets that, and the rest is divided again."""
    rest, open_, found = total, dict(shares), dict.fromkeys(shares, 0.0)
    while open_:
        weights = sum(open_.values())
        content = [name for name, share in open_.items() if wanted[name] <= rest * share / weights]
        if not content:
            return found | {name: rest * share / weights for name, share in open_.items()}
        for name in content:
            found[name] = float(wanted[name])
            del open_[name]
        rest = total - sum(found.values())
    return found


def jain(values: Sequence[float]) -> float:
    """Return Jain's fairness index: the square of the sum, by the number of values times the sum of their squares."""
    squares = sum(it * it for it in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0


def _overlap(since: int, until: int, first: int, last: int) -> int:
    return max(0, min(until, last) - max(since, first))


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {name: _rounded(it) for name, it in value.items()}
    return value
