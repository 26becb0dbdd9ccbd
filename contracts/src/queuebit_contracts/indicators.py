"""The indicators of service levels: what each counts, where it comes from, and the SQL that counts it.

Each has a view of the warehouse, `sli_<id>`, with one row a case or more: the columns of `DIMENSIONS`, `at`, `good` and
`total`, for durations `value_ms`, and for values `value`. The view is the definition. `counts` sums it over a window.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

from pydantic import TypeAdapter

__all__ = ["BUCKETS_MS", "DIMENSIONS", "INDICATORS", "Indicator", "counts", "counts_of_windows", "delay"]

BUCKETS_MS: Final = (
    10, 20, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 15000, 30000, 60000, 120000,
    300000, 600000, 1800000, 3600000,
)  # fmt: skip
"""Thresholds that durations may have, in milliseconds. The projection `cases` of the table `events` counts each of
them, and exported histograms have them as upper bounds of buckets."""

DIMENSIONS: Final = ("tenant", "project", "workload_class", "backend", "vendor")
"""The columns that cases are counted by; text, and empty where a case has none."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """One thing that is measured."""

    id: str
    title: str
    kind: Literal["ratio", "duration", "value"]
    unit: str
    source: str
    """The events that it is computed from."""
    definition: str
    """What a case is, which cases are good, and where cancelled, rejected and waiting jobs are."""

    @property
    def view(self) -> str:
        """The view of the warehouse that defines it."""
        return "sli_" + self.id.replace("-", "_")


def _registry() -> Mapping[str, Indicator]:
    text = files("queuebit_contracts").joinpath("indicators.toml").read_text(encoding="utf-8")
    read = TypeAdapter(Indicator).validate_python
    said = {id_: {name: " ".join(it.split()) for name, it in one.items()} for id_, one in tomllib.loads(text).items()}
    return MappingProxyType({id_: read({"id": id_, **it}) for id_, it in said.items()})


INDICATORS: Final[Mapping[str, Indicator]] = _registry()
"""All indicators of `indicators.toml` by id."""


_RAN: Final = "<<type IN ('qb.job.completed.v1', 'qb.job.failed.v1')>>"
_ENDED: Final = """<<type IN (
                'qb.job.rejected.v1', 'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1')>>"""
_PROVEN: Final = """<<proven = 4>>
                + if(case_backend IN (SELECT backend FROM calibrated_backends), 0, <<proven = 3>>)"""

_SUMS: Final[Mapping[str, tuple[str, str]]] = {
    "success": ("<<usable>>", _RAN),
    "completion": ("<<type = 'qb.job.completed.v1'>>", _RAN),
    "queue-wait": ("<<waited_ms <= {threshold}>>", "<<waited_ms IS NOT NULL>>"),
    "end-to-end": ("<<latency_ms <= {threshold}>>", "<<latency_ms IS NOT NULL>>"),
    "end-to-end-relative": ("<<latency_percent < 200>>", "<<latency_percent IS NOT NULL>>"),
    "retry": (f"{_RAN} - <<attempt > 1>>", _RAN),
    "vendor-error": (f"{_RAN} - <<vendor_failed>>", _RAN),
    "billing-recomputation": (
        "<<bill_adds_up>>",
        "<<type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')>>",
    ),
    "provenance-completeness": (_PROVEN, _ENDED),
}
"""Good and total cases of the indicators that the projection `cases` of `events` counts, in its own expressions.

`<<condition>>` is the number of rows with the condition: a sum over an hour, or 0 or 1 of a row.
"""

_DELAYS_S: Final[Mapping[str, int]] = {"provenance-completeness": 60, "telemetry-completeness": 60}
"""How long after a case something may still be missing, in seconds: the window is of cases that are as old."""


def delay(indicator: str) -> timedelta:
    """How long after a case something may still be missing: `counts` of a window are of cases that are as old."""
    return timedelta(seconds=_DELAYS_S.get(indicator, 0))


def counts(indicator: str, threshold_ms: int | None = None) -> str:
    """A subquery in parentheses: good and total cases of a window, one row for each value of `DIMENSIONS`.

    The window is `{since:DateTime64(6, 'UTC')} <= at < {until:DateTime64(6, 'UTC')}`; both are parameters of the query.
    Whole hours come from a projection, which counts a row that was stored twice two times until the engine merges it;
    the rest of the window comes from the rows.

    Args:
        indicator: id of a ratio or of a duration.
        threshold_ms: for durations: the longest that is good, one of `BUCKETS_MS`.

    Raises:
        ValueError: there is no such indicator, it has no good cases, or the threshold does not fit it.
    """
    source = counts_of_windows(indicator, 1, threshold_ms).replace(_STARTS, "[{since:DateTime64(6, 'UTC')}]")
    return f"(SELECT {_COLUMNS}, goods[1] AS good, totals[1] AS total FROM {source})"  # noqa: S608 - of this module


def counts_of_windows(indicator: str, number: int, threshold_ms: int | None = None) -> str:
    """As `counts`, of several windows with one end, in one pass: `goods` and `totals` are arrays, one value a window.

    The parameters are `{until:DateTime64(6, 'UTC')}` and `{spans_s:Array(UInt32)}`, the lengths in seconds.

    Args:
        indicator: id of a ratio or of a duration.
        number: how many windows there are, at least one.
        threshold_ms: for durations: the longest that is good, one of `BUCKETS_MS`.

    Raises:
        ValueError: as `counts`.
    """
    found = INDICATORS.get(indicator)
    if found is None:
        raise ValueError(f"there is no indicator {indicator}: the indicators are {', '.join(INDICATORS)}")
    if found.kind == "value":
        raise ValueError(f"{indicator} is a value: it has no good cases, and only its view can be asked")
    if (found.kind == "duration") != (threshold_ms is not None):
        raise ValueError(f"{indicator} is a {found.kind}: durations have a threshold_ms, and nothing else does")
    if threshold_ms is not None and threshold_ms not in BUCKETS_MS:
        raise ValueError(f"threshold_ms must be one of {', '.join(map(str, BUCKETS_MS))}: the warehouse counts these")
    return _of_hours(found, number, threshold_ms or 0) if indicator in _SUMS else _of_view(found, threshold_ms)


_COLUMNS: Final = ", ".join(DIMENSIONS)
_UNTIL: Final = "{until:DateTime64(6, 'UTC')}"
_STARTS: Final = f"arrayMap(it -> {_UNTIL} - toIntervalSecond(it), {{spans_s:Array(UInt32)}})"
_NEXT_HOUR: Final = "toStartOfHour({} + INTERVAL 3599999999 MICROSECOND)"
"""The first hour that is whole in a window from a moment on."""


def _window(found: Indicator) -> tuple[str, str]:
    """The starts, as an array, and the end."""
    seconds = _DELAYS_S.get(found.id)
    if seconds is None:
        return _STARTS, _UNTIL
    return f"arrayMap(it -> it - INTERVAL {seconds} SECOND, {_STARTS})", f"({_UNTIL} - INTERVAL {seconds} SECOND)"


def _of_view(found: Indicator, threshold_ms: int | None) -> str:
    good = "fine" if threshold_ms is None else f"if(value_ms <= {threshold_ms}, cases, 0)"
    value = "" if threshold_ms is None else ", value_ms"
    starts, until = _window(found)
    sums = (f"sumForEach(arrayMap(it -> if(at >= it, {what}, 0), {starts}))" for what in (good, "cases"))
    return f"""(
    SELECT {_COLUMNS}, {" AS goods, ".join(sums)} AS totals
    FROM (SELECT {_COLUMNS}, at, good AS fine, total AS cases{value} FROM {found.view})
    WHERE at >= arrayMin({starts}) AND at < {until}
    GROUP BY {_COLUMNS}
)"""  # noqa: S608 - names and numbers of this module


def _of_hours(found: Indicator, number: int, threshold_ms: int) -> str:
    good, total = (it.format(threshold=threshold_ms) for it in _SUMS[found.id])
    starts, until = _window(found)
    parts = [_hours(good, total, starts, until), _rows(good, total, starts, until, number)]
    if found.id == "queue-wait":
        parts.append(_OPEN.format(threshold=threshold_ms, starts=starts, until=until))
    union = "\n            UNION ALL\n".join(parts)
    return f"""(
    SELECT found.tenant AS tenant, found.project AS project, found.workload_class AS workload_class,
        found.backend AS backend, whose.vendor AS vendor, found.goods AS goods, found.totals AS totals
    FROM (
        SELECT tenant, project, workload_class, backend, sumForEach(fine) AS goods, sumForEach(cases) AS totals
        FROM (
{union}
        )
        GROUP BY tenant, project, workload_class, backend
        HAVING arraySum(goods) > 0 OR arraySum(totals) > 0
    ) AS found
    LEFT ANY JOIN backend_vendors AS whose ON whose.backend = found.backend
)"""  # noqa: S608 - as above


def _hours(good: str, total: str, starts: str, until: str) -> str:
    good, total = (it.replace("<<", "countIf(").replace(">>", ")") for it in (good, total))
    firsts = f"arrayMap(it -> {_NEXT_HOUR.format('it')}, {starts})"
    arrays = (f"arrayMap(it -> if(case_hour >= it, {what}, 0), {firsts})" for what in ("good", "total"))
    return f"""            SELECT tenant, project, workload_class, backend, {" AS fine, ".join(arrays)} AS cases
            FROM (
                SELECT tenant, case_project AS project, workload_class, case_backend AS backend, case_hour,
                    toUInt64({good}) AS good, toUInt64({total}) AS total
                FROM events
                WHERE case_hour >= arrayMin({firsts}) AND case_hour < toStartOfHour({until})
                GROUP BY case_hour, tenant, case_project, workload_class, case_backend
            )"""  # noqa: S608 - as above


def _rows(good: str, total: str, starts: str, until: str, number: int) -> str:
    """Cases of hours that are not whole in a window, one by one.

    With a GROUP BY of their own, the engine would compare the read with every projection, 10 ms each time.
    """
    good, total = (it.replace("<<", "if(").replace(">>", ", 1, 0)") for it in (good, total))
    last = f"toStartOfHour({until})"
    edge = f"case_at >= it AND (case_at < {_NEXT_HOUR.format('it')} OR case_at >= {last})"
    arrays = (f"arrayMap(it -> toUInt64(if({edge}, {what}, 0)), {starts})" for what in (good, total))
    first_hours = " OR ".join(
        f"(case_at >= {start} AND case_at < {_NEXT_HOUR.format(start)})"
        for start in (f"{starts}[{it}]" for it in range(1, number + 1))
    )
    return f"""            SELECT tenant, case_project AS project, workload_class, case_backend AS backend,
                {" AS fine, ".join(arrays)} AS cases
            FROM events
            WHERE case_hour > toDateTime(0, 'UTC') AND case_at >= arrayMin({starts}) AND case_at < {until}
                AND (case_at >= {last} OR {first_hours})"""  # noqa: S608 - as above


_OPEN: Final = """        SELECT tenant, project, workload_class, backend,
            sumForEach(arrayMap(it -> toUInt64(until >= it AND waited <= {threshold}), {starts})) AS fine,
            sumForEach(arrayMap(it -> toUInt64(until >= it), {starts})) AS cases
        FROM (
            SELECT
                tenant,
                argMaxIf(events.project, seq, type = 'qb.job.accepted.v1') AS project,
                argMaxIf(events.workload_class, seq, type = 'qb.job.accepted.v1') AS workload_class,
                argMaxIf(events.backend, seq, type IN ('qb.job.placed.v1', 'qb.job.started.v1')) AS backend,
                minIf(
                    least(
                        case_at, parseDateTime64BestEffortOrNull(JSONExtractString(data, 'submitted_at'), 6, 'UTC')),
                    type = 'qb.job.accepted.v1') AS submitted,
                maxOrNullIf(case_at, type = 'qb.job.started.v1') AS started,
                assumeNotNull(ifNull(started, {until})) AS until,
                ifNull(dateDiff('millisecond', submitted, until), 0) AS waited
            FROM events FINAL
            WHERE type IN (
                    'qb.job.accepted.v1', 'qb.job.placed.v1', 'qb.job.started.v1',
                    'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1')
                AND stored_at >= greatest({until} - INTERVAL 30 DAY, (
                    SELECT toDateTime64(ifNull(minOrNull(opened_hour), now()), 6, 'UTC') - INTERVAL 1 HOUR
                    FROM (
                        SELECT opened_hour, tenant, sum(opens) AS number FROM events
                        WHERE opened_hour > toDateTime(0, 'UTC') GROUP BY opened_hour, tenant HAVING number != 0)))
            GROUP BY tenant, job
            HAVING countIf(type IN ('qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1')) = 0
                AND countIf(type = 'qb.job.accepted.v1') > 0
        )
        WHERE submitted < {until} AND (started IS NULL OR started < {until})
        GROUP BY tenant, project, workload_class, backend"""
"""Open jobs: sought in the log from the first hour of which a job is open, at most 30 days before the window's end.
`FINAL`: without it, the engine would compare the read with every projection."""
