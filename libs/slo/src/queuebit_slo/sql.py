"""Objectives as SQL over the views of their indicators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from queuebit_contracts.indicators import INDICATORS, counts_of_windows, delay
from queuebit_slo.model import Counts, Objective

__all__ = ["Query", "counted", "counts_of", "group_of", "history", "of_tenant", "quantile", "query"]

_TYPE = "DateTime64(6, 'UTC')"


@dataclass(frozen=True, slots=True)
class Query:
    """A query with its parameters: moments and texts as ClickHouse reads them."""

    sql: str
    parameters: Mapping[str, str]


def query(objective: Objective, now: datetime, spans: Sequence[timedelta], *, open_jobs: bool = True) -> Query:
    """Count the cases of each group in windows that end now.

    Rows have the columns of `by`, `span_s` (the length of the window in seconds), `good` and `total`. A group without a
    case in a window has no row for it; without `by` there is always one row for each window. Without `open_jobs`, a job
    is a case only when it ended.
    """
    seconds = [int(it.total_seconds()) for it in dict.fromkeys(spans)]
    starts = [now - timedelta(seconds=it) for it in seconds]
    vendors = "vendor" in {*objective.by, *objective.where, *objective.unless}
    source = counts_of_windows(
        objective.indicator, starts, now, objective.threshold_ms, open_jobs=open_jobs, vendors=vendors
    )
    columns = "".join(f"{it}, " for it in objective.by)
    sums = (f"arrayResize(sumForEach({it}), {len(seconds)})" for it in ("fine", "cases"))
    where = " AND ".join(_conditions(objective))
    lines = [
        f"SELECT {columns}span_s, good, total",
        f"FROM (SELECT {columns}{' AS goods, '.join(sums)} AS totals",
        f"FROM (SELECT * EXCEPT (goods, totals), goods AS fine, totals AS cases FROM {source})",  # noqa: S608
        *([f"WHERE {where}"] if where else []),
        *([f"GROUP BY {', '.join(objective.by)}"] if objective.by else []),
        ")",
        f"ARRAY JOIN {seconds} AS span_s, goods AS good, totals AS total",
        *(["WHERE good > 0 OR total > 0"] if objective.by else []),
    ]
    return Query("\n".join(lines), _where(objective))


def counted(
    objective: Objective,
    rows: Iterable[Mapping[str, Any]],  # values as JSON
) -> list[tuple[Mapping[str, str], Mapping[timedelta, Counts]]]:
    """Read the rows of `query`: each group by the columns of `by`, with its counts by the length of the window."""
    found: dict[tuple[str, ...], dict[timedelta, Counts]] = {}
    for row in rows:
        span = timedelta(seconds=int(row["span_s"]))
        found.setdefault(group_of(objective, row), {})[span] = counts_of(row)
    return [(dict(zip(objective.by, it, strict=True)), found[it]) for it in sorted(found)]


def group_of(objective: Objective, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The values of the columns of `by` in a row of `query` or `history`."""
    return tuple(str(row[it]) for it in objective.by)


def counts_of(row: Mapping[str, Any]) -> Counts:
    """The cases in a row of `query` or `history`."""
    return Counts(int(row["good"]), int(row["total"]))


def of_tenant(objective: Objective, tenant: str) -> Objective | None:
    """The objective over one tenant's cases as a whole; None if it is about another tenant or the platform alone.

    The platform's cases have no tenant: such an objective has `tenant: ""` in its `where`.
    """
    if objective.where.get("tenant", tenant) != tenant:
        return None
    return replace(objective, where={**objective.where, "tenant": tenant}, by=())


def quantile(objective: Objective, now: datetime) -> Query:
    """Of a duration without groups: `value`, the milliseconds in which the target's share of cases is, exactly.

    There is one row, with the number of `cases`; without one, the value means nothing.
    """
    share = f"quantileExactWeighted({float(objective.target)})(value_ms, total)"
    where = "".join(f" AND {it}" for it in _conditions(objective))
    sql = (
        f"SELECT {share} AS value, sum(total) AS cases FROM {INDICATORS[objective.indicator].view}\n"  # noqa: S608
        f"WHERE at >= {{since:{_TYPE}}} AND at < {{until:{_TYPE}}}{where}"
    )
    moments = {"since": _moment(now - objective.window), "until": _moment(now)}
    return Query(sql, {**moments, **_where(objective)})


def history(objective: Objective, now: datetime) -> Query:
    """Count the cases of each group by day, from the first day of the window until now; days are of UTC.

    Rows have the columns of `by`, `day`, `good` and `total`; a day without a case has no row. The first day is only
    counted from the start of the window, so that the sum of all days is the count of the window.
    """
    columns = ", ".join([*objective.by, "day"])
    good = "sum(fine)" if objective.threshold_ms is None else f"sumIf(cases, value_ms <= {objective.threshold_ms})"
    where = "".join(f" AND {it}" for it in _conditions(objective))
    sql = (
        f"SELECT {columns}, {good} AS good, sum(cases) AS total\n"  # noqa: S608 - names of the registry
        "FROM (SELECT * EXCEPT (good, total), good AS fine, total AS cases, toDate(at, 'UTC') AS day "
        f"FROM {INDICATORS[objective.indicator].view})\n"
        f"WHERE at >= {{since:{_TYPE}}} AND at < {{until:{_TYPE}}}{where}\n"
        f"GROUP BY {columns}\nORDER BY {columns}"
    )
    until = now - delay(objective.indicator)
    moments = {"since": _moment(until - objective.window), "until": _moment(until)}
    return Query(sql, {**moments, **_where(objective)})


def _conditions(objective: Objective) -> list[str]:
    found = [f"{it} = {{where_{it}:String}}" for it in sorted(objective.where)]
    without = " AND ".join(f"{it} = {{unless_{it}:String}}" for it in sorted(objective.unless))
    return [*found, f"NOT ({without})"] if without else found


def _where(objective: Objective) -> dict[str, str]:
    found = {f"where_{name}": value for name, value in objective.where.items()}
    return found | {f"unless_{name}": value for name, value in objective.unless.items()}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
