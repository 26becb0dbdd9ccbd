"""The indicators of service levels: what each counts, where it comes from, and the SQL that counts it.

Each has a view of the warehouse, `sli_<id>`, with one row a case or more: the columns of `DIMENSIONS`, `at`, `good` and
`total`, for durations `value_ms`, and for values `value`. The view is the definition. `counts` sums it over a window.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal

from pydantic import TypeAdapter

from queuebit_contracts.case_counts import VENDORS, bad_counts, case_counts, charge_sums, moment, open_counts, summed
from queuebit_contracts.case_sums import BUCKETS_MS
from queuebit_contracts.kept_cases import KEPT_BAD, KEPT_HOURS, KEPT_WHOLE, newest

__all__ = [
    "BUCKETS_MS",
    "DIMENSIONS",
    "INDICATORS",
    "Indicator",
    "bounds",
    "counts",
    "counts_of_windows",
    "delay",
    "kept",
    "sums",
]

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


_PROVEN: Final = """(<proven_calibrated> + if(has((
    SELECT groupUniqArray(toString(known.backend)) FROM events AS known
    WHERE known.about_backend = 1 AND known.type = 'qb.backend.calibrated.v1'), <backend>), 0, <proven>))"""

_SUMS: Final[Mapping[str, tuple[str, str]]] = {
    "success": ("<usable>", "<ran>"),
    "completion": ("<completed>", "<ran>"),
    "queue-wait": ("<waits_{threshold}>", "<waits>"),
    "end-to-end": ("<latencies_{threshold}>", "<latencies>"),
    "end-to-end-relative": ("<in_plan>", "<planned>"),
    "retry": ("(<ran> - <retried>)", "<ran>"),
    "fallback": ("(<ran> - <fell_back>)", "<ran>"),
    "vendor-error": ("(<ran> - <vendor_failed>)", "<ran>"),
    "billing-recomputation": ("<right_bills>", "<bills>"),
    "provenance-completeness": (_PROVEN, "<ended>"),
    **dict.fromkeys(KEPT_BAD, ("<ran>", "<ran>")),
}
"""Good and total cases of the indicators that `case_sums` counts, in names of its columns.

Of those in `KEPT_BAD`, all are good here, and `kept_cases` has those that are not.
"""

_DELAYS_S: Final[Mapping[str, int]] = {"provenance-completeness": 60, "telemetry-completeness": 60}
"""How long after a case something may still be missing, in seconds: the window is of cases that are as old."""

_KEPT_DAYS: Final[Mapping[str, int]] = {"telemetry-completeness": 30}
"""For how many days cases can be counted, where that is less than the longest window: spans are kept for 30 days."""


def kept(indicator: str) -> timedelta:
    """For how long a case can be counted after it happened."""
    return timedelta(days=_KEPT_DAYS.get(indicator, 365))


def bounds(indicator: str) -> tuple[int, ...]:
    """The thresholds that a duration of jobs may have, in milliseconds; empty: any, as the view itself is counted."""
    return BUCKETS_MS if indicator in _SUMS else ()


def delay(indicator: str) -> timedelta:
    """How long after a case something may still be missing: `counts` of a window are of cases that are as old."""
    return timedelta(seconds=_DELAYS_S.get(indicator, 0))


def counts(indicator: str, since: datetime, until: datetime, threshold_ms: int | None = None) -> str:
    """A subquery in parentheses: good and total cases of a window, one row for each value of `DIMENSIONS`.

    The window is `since <= at < until`, less the `delay` of the indicator. Whole days and hours come from the table
    `case_sums`, the rest of the window from rows. Cases that need many events are those that `kept_cases` has.

    Args:
        indicator: id of a ratio or of a duration.
        since: the start of the window.
        until: its end.
        threshold_ms: for durations: the longest that is good, one of `bounds`.

    Raises:
        ValueError: there is no such indicator, it has no good cases, or the threshold does not fit it.
    """
    source = counts_of_windows(indicator, [since], until, threshold_ms)
    return f"(SELECT {_COLUMNS}, goods[1] AS good, totals[1] AS total FROM {source})"  # noqa: S608 - of this module


def counts_of_windows(
    indicator: str,
    starts: Sequence[datetime],
    until: datetime,
    threshold_ms: int | None = None,
    *,
    open_jobs: bool = True,
    vendors: bool = True,
) -> str:
    """As `counts`, of several windows with one end, in one pass: `goods` and `totals` are arrays, one value a window.

    Args:
        indicator: id of a ratio or of a duration.
        starts: the starts of the windows, at least one.
        until: their end.
        threshold_ms: for durations: the longest that is good, one of `bounds`.
        open_jobs: whether jobs without an end are cases of `queue-wait`, which may be good now and not later.
        vendors: whether `vendor` is found, which takes as long as a third of the rest; else it is empty if the cases
            are summed.

    Raises:
        ValueError: as `counts`.
    """
    found = _found(indicator)
    if found.kind == "value":
        raise ValueError(f"{indicator} is a value: it has no good cases, and only its view can be asked")
    if (found.kind == "duration") != (threshold_ms is not None):
        raise ValueError(f"{indicator} is a {found.kind}: durations have a threshold_ms, and nothing else does")
    if threshold_ms is not None and threshold_ms not in (bounds(indicator) or (threshold_ms,)):
        raise ValueError(f"threshold_ms must be one of {', '.join(map(str, BUCKETS_MS))}: the warehouse counts these")
    late = delay(indicator)
    windows = [it - late for it in starts], until - late
    if indicator in _SUMS:
        return _of_sums(found, *windows, threshold_ms or 0, open_jobs=open_jobs, vendors=vendors)
    return _of_view(found, *windows, threshold_ms)


def sums(indicator: str, since: datetime, until: datetime) -> str:
    """A subquery in parentheses: what a window of a value adds up to, by the columns of `DIMENSIONS` and the currency.

    `amount` is charges, `total` the cases of the indicator, and `quality` the success probabilities of usable results,
    added up. Results have no currency: they are in rows without one.

    Args:
        indicator: id of a value.
        since: the start of the window, a whole hour.
        until: its end, likewise.

    Raises:
        ValueError: there is no such indicator, it is no value, or the window does not begin and end with an hour.
    """
    found = _found(indicator)
    if found.kind != "value":
        raise ValueError(f"{indicator} is a {found.kind}: its cases are counted, and only values are summed")
    if any(it.minute or it.second or it.microsecond for it in (since, until)):
        raise ValueError("values are by the hour: the window must begin and end with one")
    return f"""(
    SELECT {", ".join(f"summed.{it} AS {it}" for it in DIMENSIONS if it != "vendor")},
        {VENDORS}[summed.backend] AS vendor, summed.currency AS currency,
        summed.amount AS amount, summed.total AS total, summed.quality AS quality
    FROM (
        SELECT tenant, project, workload_class, backend, currency,
            sum(part.amount) AS amount, sum(part.{_TOTALS[indicator]}) AS total, sum(quality_ppm) / 1000000 AS quality
        FROM ({charge_sums(since, until)}
        ) AS part
        GROUP BY tenant, project, workload_class, backend, currency
        HAVING sum(charges) > 0 OR total > 0
    ) AS summed
)"""  # noqa: S608 - as above


_TOTALS: Final = {
    "burn": "charges",
    "cost-per-job": "billed",
    "cost-per-useful-result": "usable",
    "quality-per-cost": "usable",
}
"""The cases of values, as columns of `case_sums`."""

_COLUMNS: Final = ", ".join(DIMENSIONS)


def _found(indicator: str) -> Indicator:
    found = INDICATORS.get(indicator)
    if found is None:
        raise ValueError(f"there is no indicator {indicator}: the indicators are {', '.join(INDICATORS)}")
    return found


def _of_view(found: Indicator, starts: Sequence[datetime], until: datetime, threshold_ms: int | None) -> str:
    good = "fine" if threshold_ms is None else f"if(value_ms <= {threshold_ms}, cases, 0)"
    value = "" if threshold_ms is None else ", value_ms"
    each = ", ".join(map(moment, starts))
    source = f"kept_cases WHERE {newest(found.id)}" if found.id in (*KEPT_WHOLE, *KEPT_HOURS) else found.view
    both = (f"sumForEach(arrayMap(it -> if(at >= it, {what}, 0), [{each}]))" for what in (good, "cases"))
    return f"""(
    SELECT {_COLUMNS}, {" AS goods, ".join(both)} AS totals
    FROM (SELECT {_COLUMNS}, at, good AS fine, total AS cases{value} FROM {source})
    WHERE at >= {moment(min(starts))} AND at < {moment(until)}
    GROUP BY {_COLUMNS}
)"""  # noqa: S608 - names and numbers of this module


def _of_sums(
    found: Indicator,
    starts: Sequence[datetime],
    until: datetime,
    threshold_ms: int,
    *,
    open_jobs: bool,
    vendors: bool,
) -> str:
    good, total = (it.format(threshold=threshold_ms) for it in _SUMS[found.id])
    parts = [case_counts(good, total, starts, until)]
    if found.id == "queue-wait" and open_jobs:
        parts.append(open_counts(newest(found.id), threshold_ms, starts, until))
    if found.id in KEPT_BAD:
        parts.append(bad_counts(newest(found.id), starts, until))
    union = "\n            UNION ALL".join(parts)
    goods, totals = (_array(summed(it, len(starts)), len(starts)) for it in ("fine", "cases"))
    return f"""(
    SELECT tenant, project, workload_class, backend, {f"{VENDORS}[backend]" if vendors else "''"} AS vendor,
        {goods} AS goods, {totals} AS totals
    FROM ({union}
    )
    GROUP BY tenant, project, workload_class, backend
    HAVING arraySum(goods) > 0 OR arraySum(totals) > 0
)"""  # noqa: S608 - as above


def _array(sums: str, windows: int) -> str:
    return f"[{sums}]" if windows == 1 else sums
