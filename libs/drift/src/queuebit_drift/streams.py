"""From rows of jobs, calibrations and charges to streams of samples. Rows may be in any order, and repeated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import log
from types import MappingProxyType
from typing import TypeVar

from queuebit_drift.noise import heavy_outcomes, share_of
from queuebit_drift.samples import Sample, Stream

__all__ = ["CalibrationRow", "JobRow", "Streams", "calibrations", "quality", "spend", "success", "waits"]

Streams = Mapping[Stream, tuple[Sample, ...]]
"""The samples of each stream in the order of time, each row once."""

_R = TypeVar("_R", "JobRow", "CalibrationRow")

_NONE_KNOWN: Mapping[str, Collection[str]] = MappingProxyType({})

_FIRST = 20
"""Runs of a circuit without a known answer, from which its heavy outcomes follow."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job that ended."""

    job: str
    tenant: str
    backend: str
    at: datetime
    """When it ended."""
    completed: bool = True
    circuit: str = ""
    """The digest of its circuit."""
    counts: Mapping[str, int] | None = None
    calibration: str = ""
    """The digest of the calibration that it ran under."""
    wait_s: float | None = None
    """From submission to start, in seconds."""


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """A calibration of a backend, as `qb.backend.<backend>.calibrated` says it."""

    backend: str
    at: datetime
    """When the values were measured."""
    snapshot: Mapping[str, object]
    """`qubits` and `couplers`, as the payload of the fact has them; what is absent is left out."""
    event: str = ""


def quality(rows: Iterable[JobRow], ideal: Mapping[str, Collection[str]] = _NONE_KNOWN) -> Streams:
    """For each circuit on each backend, the share of shots with its right outcomes; for circuits without known ones,
    with those that its first 20 runs have more often than uniform noise does.

    Args:
        rows: jobs; those without counts are left out.
        ideal: the right outcomes of reference circuits, by digest.
    """
    runs: dict[tuple[str, str], list[JobRow]] = defaultdict(list)
    for row in _once(rows, lambda it: (it.tenant, it.job)):
        if row.counts and row.circuit:
            runs[row.backend, row.circuit].append(row)
    found = {}
    for (backend, circuit), members in sorted(runs.items()):
        right = ideal.get(circuit) or _heavy(members[:_FIRST])
        if right:
            stream = Stream("quality", backend, part=circuit)
            found[stream] = tuple(_share(it, right) for it in members)
    return found


def _heavy(rows: list[JobRow]) -> frozenset[str]:
    pooled: dict[str, int] = defaultdict(int)
    for row in rows:
        for outcome, count in (row.counts or {}).items():
            pooled[outcome] += count
    return heavy_outcomes(pooled, max(map(len, pooled), default=0))


def _share(row: JobRow, right: Collection[str]) -> Sample:
    share, shots = share_of(row.counts or {}, right)
    return Sample(row.at, share, shots, row.calibration, row.job)


def success(rows: Iterable[JobRow], every: timedelta = timedelta(hours=1)) -> Streams:
    """For each backend, the share of jobs that completed, in steps of `every` that had jobs."""
    steps: dict[tuple[str, datetime], list[JobRow]] = defaultdict(list)
    for row in _once(rows, lambda it: (it.tenant, it.job)):
        steps[row.backend, _start(row.at, every)].append(row)
    found: dict[Stream, list[Sample]] = defaultdict(list)
    for (backend, begin), members in sorted(steps.items()):
        failed = next((it.job for it in members if not it.completed), "")
        share = sum(it.completed for it in members) / len(members)
        found[Stream("success", backend)].append(Sample(begin, share, len(members), evidence=failed))
    return _fixed(found)


def waits(rows: Iterable[JobRow]) -> Streams:
    """For each backend, the logarithm of the seconds that jobs waited, plus one second."""
    found: dict[Stream, list[Sample]] = defaultdict(list)
    for row in _once(rows, lambda it: (it.tenant, it.job)):
        if row.wait_s is not None and row.wait_s >= 0:
            found[Stream("wait", row.backend)].append(Sample(row.at, log(1 + row.wait_s), evidence=row.job))
    return _fixed(found)


def spend(rows: Iterable[tuple[str, date, float]]) -> Streams:
    """For each tenant, the logarithm of a day's charges; rows are tenant, day and amount. Days without are absent."""
    sums: dict[tuple[str, date], float] = defaultdict(float)
    for tenant, day, amount in rows:
        sums[tenant, day] += amount
    found: dict[Stream, list[Sample]] = defaultdict(list)
    for (tenant, day), amount in sorted(sums.items()):
        if amount > 0:
            at = datetime.combine(day, time(12), UTC)
            found[Stream("spend", tenant=tenant)].append(Sample(at, log(amount)))
    return _fixed(found)


def calibrations(rows: Iterable[CalibrationRow]) -> Streams:
    """For each qubit and coupler, the logarithm of each error, and of the inverse of T1 and T2: up is worse.

    A value that is absent or not above 0 gives no sample. A calibration that was published twice counts once.
    """
    found: dict[Stream, list[Sample]] = defaultdict(list)
    for row in _once(rows, lambda it: (it.backend, it.at)):
        for measure, part, value in _values(row.snapshot):
            found[Stream(measure, row.backend, part=part)].append(Sample(row.at, value, evidence=row.event))
    return _fixed(found)


_OF_A_QUBIT = (
    ("readout_error", "readout_error", 1),
    ("gate_error", "gate_error", 1),
    ("t1_s", "t1", -1),
    ("t2_s", "t2", -1),
)


def _values(snapshot: Mapping[str, object]) -> Iterator[tuple[str, str, float]]:
    """Measure, part and logarithm of each known value."""
    for number, qubit in enumerate(_objects(snapshot.get("qubits"))):
        for name, measure, sign in _OF_A_QUBIT:
            if (value := _positive(qubit.get(name))) is not None:
                yield measure, f"q{number}", sign * log(value)
    for coupler in _objects(snapshot.get("couplers")):
        ends, error = coupler.get("qubits"), _positive(coupler.get("error"))
        if isinstance(ends, list | tuple) and len(ends) == 2 and error is not None:
            yield "two_qubit_error", f"q{ends[0]}-q{ends[1]}", log(error)


def _objects(found: object) -> list[Mapping[str, object]]:
    return [it for it in found if isinstance(it, Mapping)] if isinstance(found, list | tuple) else []


def _positive(value: object) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
    return float(value) if usable and isinstance(value, int | float) else None


def _once(rows: Iterable[_R], key: Callable[[_R], object]) -> list[_R]:
    """Rows in the order of time, each key once: the log repeats messages, and the last one counts."""
    found = {key(it): it for it in rows}
    return sorted(found.values(), key=lambda it: it.at)


def _start(at: datetime, every: timedelta) -> datetime:
    return at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % every


def _fixed(found: Mapping[Stream, list[Sample]]) -> Streams:
    return {stream: tuple(samples) for stream, samples in found.items()}
