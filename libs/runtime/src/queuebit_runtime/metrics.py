"""Counts and measurements of one process: what `/metrics` shows and what OTLP exports.

Values are plain numbers in memory, so that a service counts without a library and starts as fast as without metrics.
`exposition` writes them in Prometheus's formats, when they are asked for.

Labels are bounded: names of jobs, users, tenants and the like are refused, and a metric keeps at most `MOST_SERIES`
combinations of values; all further ones are counted together, as `other`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, TypeAlias, TypeVar

__all__ = [
    "MOST_SERIES",
    "OTHER",
    "SECONDS",
    "Counter",
    "Distribution",
    "Gauge",
    "Histogram",
    "Labels",
    "Metric",
    "Metrics",
]

MOST_SERIES: Final = 200
"""The most combinations of label values that a metric keeps apart."""

OTHER: Final = "other"
"""The value of every label of the combinations beyond the limit."""

SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets of durations."""

_UNBOUNDED: Final = frozenset(
    {"account", "attempt", "circuit", "digest", "id", "job", "key", "project", "session", "subject", "tenant", "user"}
)
"""Labels that have a value for each customer or for each piece of work."""

_NAME = re.compile(r"queuebit_[a-z][a-z0-9_]*")
_LABEL = re.compile(r"[a-z][a-z_]*")

Labels: TypeAlias = tuple[str, ...]
"""Values of a metric's labels, in their order."""


@dataclass(slots=True)
class Distribution:
    """The observations of one combination of labels."""

    bounds: Sequence[float]
    counts: list[int]
    """Observations in each bucket alone; the last one has no upper bound."""
    sum: float = 0.0
    traces: dict[int, tuple[int, float]] = field(default_factory=dict)
    """By bucket: the trace of the newest observation that had one, and its value."""

    @property
    def cumulative(self) -> list[int]:
        """Observations up to each bound; the last is their number."""
        return [*accumulate(self.counts)]


class Counter:
    """A number that only grows while the process runs."""

    def __init__(self, name: str, text: str, labels: Labels) -> None:
        self.name, self.text, self.labels = name, text, labels
        self.series: dict[Labels, float] = {} if labels else {(): 0}
        """By values of the labels."""

    def add(self, *values: str, by: float = 1) -> None:
        """Count, under these values of the labels."""
        series = self.series
        if values not in series:
            values = _bounded(values, self.labels, series)
            series.setdefault(values, 0)
        series[values] += by


class Histogram:
    """How observations are distributed over buckets."""

    def __init__(self, name: str, text: str, labels: Labels, bounds: Sequence[float]) -> None:
        self.name, self.text, self.labels, self.bounds = name, text, labels, bounds
        self.series: dict[Labels, Distribution] = {}
        if not labels:
            self._series_of(())

    def observe(self, value: float, *values: str, trace: int = 0) -> None:
        """Add an observation, under these values of the labels; `trace` is the trace in which it was made, if any."""
        found = self.series.get(values) or self._series_of(values)
        bucket = bisect_left(self.bounds, value)
        found.counts[bucket] += 1
        found.sum += value
        if trace:
            found.traces[bucket] = (trace, value)

    def _series_of(self, values: Labels) -> Distribution:
        values = _bounded(values, self.labels, self.series)
        return self.series.setdefault(values, Distribution(self.bounds, [0] * (len(self.bounds) + 1)))


class Gauge:
    """A value that is read when it is asked for."""

    def __init__(
        self, name: str, text: str, labels: Labels, read: Callable[[], float | Mapping[Labels, float]]
    ) -> None:
        self.name, self.text, self.labels, self._read = name, text, labels, read

    @property
    def series(self) -> dict[Labels, float]:
        """The values now, by values of the labels; the largest ones, if there are too many."""
        values = self._read()
        found: Mapping[Labels, float] = values if isinstance(values, Mapping) else {(): values}
        if len(found) > MOST_SERIES:
            found = dict(sorted(found.items(), key=lambda it: (-it[1], it[0]))[:MOST_SERIES])
        return {_fitting(name, self.labels): float(value) for name, value in found.items()}


Metric: TypeAlias = Counter | Histogram | Gauge

_M = TypeVar("_M", Counter, Histogram, Gauge)


class Metrics:
    """The metrics of one process. Each is declared once, by the object that counts."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._declared: dict[str, Metric] = {}
        self.reads = 0
        """How often they were read. What is expensive to count need not be counted between two readings."""

    def __iter__(self) -> Iterator[Metric]:
        self.reads += 1
        return iter(self._declared.values())

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """Declare a counter; its name ends with `_total`.

        Raises:
            ValueError: the name or a label may not be used.
        """
        if not name.endswith("_total"):
            raise ValueError(f"{name}: the name of a counter ends with _total")
        return self._declare(Counter(name, text, labels))

    def histogram(self, name: str, text: str, *labels: str, bounds: Sequence[float] = SECONDS) -> Histogram:
        """Declare a histogram with some upper bounds, in the unit that its name ends with; raises as `counter`."""
        return self._declare(Histogram(name, text, labels, bounds))

    def gauge(self, name: str, text: str, read: Callable[[], float | Mapping[Labels, float]], *labels: str) -> Gauge:
        """Declare a gauge; raises as `counter`.

        Args:
            name: with the unit at its end.
            text: what it measures, for people.
            read: returns the value or, with labels, the values by values of the labels. It is called for each reading,
                also before the bus is connected, so it only looks at memory.
            labels: names of the labels.
        """
        return self._declare(Gauge(name, text, labels, read))

    def _declare(self, metric: _M) -> _M:
        if not _NAME.fullmatch(metric.name):
            raise ValueError(f"{metric.name}: a name is queuebit_, a noun and a unit, in lower case")
        if metric.name in self._declared:
            raise ValueError(f"{metric.name} is declared already")
        for label in metric.labels:
            if label in _UNBOUNDED or not _LABEL.fullmatch(label):
                raise ValueError(f"{metric.name}: the label {label} is not bounded: put it into a log line or a span")
        self._declared[metric.name] = metric
        return metric


def _bounded(values: Labels, labels: Labels, series: Mapping[Labels, object]) -> Labels:
    """Values under which to count: these, or `OTHER` for each label beyond `MOST_SERIES` combinations."""
    values = _fitting(values, labels)
    return values if values in series or len(series) < MOST_SERIES else (OTHER,) * len(labels)


def _fitting(values: Labels, labels: Labels) -> Labels:
    if len(values) != len(labels):
        raise ValueError(f"there are {len(labels)} labels ({', '.join(labels)}) and {len(values)} values")
    return values
