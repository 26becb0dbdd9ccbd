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

__all__ = ["BUCKETS_MS", "DIMENSIONS", "INDICATORS", "Indicator", "counts", "delay"]

BUCKETS_MS: Final = (
    10, 20, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 15000, 30000, 60000, 120000,
    300000, 600000, 1800000, 3600000,
)  # fmt: skip
"""Upper bounds of the buckets that durations are counted in, in milliseconds. The warehouse's table `events` holds the
same list. A threshold must be one of them: then what is good is counted exactly."""

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
    found = INDICATORS.get(indicator)
    if found is None:
        raise ValueError(f"there is no indicator {indicator}: the indicators are {', '.join(INDICATORS)}")
    if found.kind == "value":
        raise ValueError(f"{indicator} is a value: it has no good cases, and only its view can be asked")
    if (found.kind == "duration") != (threshold_ms is not None):
        raise ValueError(f"{indicator} is a {found.kind}: durations have a threshold_ms, and nothing else does")
    if indicator not in _SUMS:
        return _of_view(found, threshold_ms)
    if threshold_ms is not None and threshold_ms not in BUCKETS_MS:
        raise ValueError(
            f"threshold_ms must be one of {', '.join(map(str, BUCKETS_MS))}, so that it is counted exactly"
        )
    return _of_hours(found, threshold_ms or 0)


_COLUMNS: Final = ", ".join(DIMENSIONS)
_SINCE: Final = "{since:DateTime64(6, 'UTC')}"
_UNTIL: Final = "{until:DateTime64(6, 'UTC')}"


def _of_view(found: Indicator, threshold_ms: int | None) -> str:
    good = "sum(fine)" if threshold_ms is None else f"sumIf(cases, value_ms <= {threshold_ms})"
    value = "" if threshold_ms is None else ", value_ms"
    since, until = _window(found)
    return f"""(
    SELECT {_COLUMNS}, {good} AS good, sum(cases) AS total
    FROM (SELECT {_COLUMNS}, at, good AS fine, total AS cases{value} FROM {found.view})
    WHERE at >= {since} AND at < {until}
    GROUP BY {_COLUMNS}
)"""  # noqa: S608 - names and numbers of this module


def _window(found: Indicator) -> tuple[str, str]:
    later = f" - INTERVAL {_DELAYS_S[found.id]} SECOND" if found.id in _DELAYS_S else ""
    return f"({_SINCE}{later})", f"({_UNTIL}{later})"


def _of_hours(found: Indicator, threshold_ms: int) -> str:
    good, total = (it.format(threshold=threshold_ms) for it in _SUMS[found.id])
    since, until = _window(found)
    first = f"toStartOfHour({since} + INTERVAL 3599999999 MICROSECOND)"
    last = f"toStartOfHour({until})"
    parts = [
        _hours(good, total, f"case_hour >= {first} AND case_hour < {last}"),
        _rows(
            good,
            total,
            f"case_hour > toDateTime(0, 'UTC') AND case_at >= {since} AND case_at < {until} AND (\n"
            f"                case_at < {first} OR case_at >= {last})",
        ),
    ]
    if found.id == "queue-wait":
        parts.append(_OPEN.format(threshold=threshold_ms, since=since, until=until))
    union = "\n            UNION ALL\n".join(parts)
    return f"""(
    SELECT found.tenant AS tenant, found.project AS project, found.workload_class AS workload_class,
        found.backend AS backend, whose.vendor AS vendor, found.good AS good, found.total AS total
    FROM (
        SELECT tenant, project, workload_class, backend, sum(fine) AS good, sum(cases) AS total
        FROM (
{union}
        )
        GROUP BY tenant, project, workload_class, backend
        HAVING good > 0 OR total > 0
    ) AS found
    LEFT ANY JOIN backend_vendors AS whose ON whose.backend = found.backend
)"""  # noqa: S608 - as above


def _hours(good: str, total: str, condition: str) -> str:
    good, total = (it.replace("<<", "countIf(").replace(">>", ")") for it in (good, total))
    return f"""            SELECT tenant, case_project AS project, workload_class, case_backend AS backend,
                toUInt64({good}) AS fine, toUInt64({total}) AS cases
            FROM events
            WHERE {condition}
            GROUP BY tenant, case_project, workload_class, case_backend"""  # noqa: S608 - as above


def _rows(good: str, total: str, condition: str) -> str:
    """Cases one by one: with a GROUP BY, the engine would compare the read with every projection, 10 ms each time."""
    good, total = (it.replace("<<", "if(").replace(">>", ", 1, 0)") for it in (good, total))
    return f"""            SELECT tenant, case_project AS project, workload_class, case_backend AS backend,
                toUInt64({good}) AS fine, toUInt64({total}) AS cases
            FROM events
            WHERE {condition}"""  # noqa: S608 - as above


_OPEN: Final = """        SELECT tenant, project, workload_class, backend,
            countIf(dateDiff('millisecond', submitted, until) <= {threshold}) AS fine, count() AS cases
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
                ifNull(started, {until}) AS until
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
        WHERE submitted < {until} AND (started IS NULL OR started >= {since} AND started < {until})
        GROUP BY tenant, project, workload_class, backend"""
"""Open jobs: sought in the log from the first hour of which a job is open, at most 30 days before the window's end.
`FINAL`: without it, the engine would compare the read with every projection."""
