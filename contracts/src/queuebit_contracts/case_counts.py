"""SQL that sums cases of windows: whole days and hours from `case_sums`, and the rest from rows of `events`.

Rows are read where a window begins or ends within an hour, and of what `case_sums` does not have yet. The engine may
read the position of the sums before the sums themselves, and telemetry may add to them in between. So rows after the
earlier position are read, and of these count those after the mark that was read together with the sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from queuebit_contracts.case_sums import CASE_COLUMNS, SUMMED_THROUGH

__all__ = ["VENDORS", "bad_counts", "case_counts", "charge_sums", "moment", "open_counts", "summed"]

_MICROS: Final = "toUnixTimestamp64Micro(case_at)"
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_FIELDS: Final = "tenant, project, workload_class, backend"
_OF_ROWS: Final = "tenant, case_project AS project, workload_class, case_backend AS backend"

VENDORS: Final = """(
    SELECT CAST(arrayMap(it -> (it.2, it.3), arrayReverseSort(groupArray((
        seq, toString(known.backend), JSONExtractString(known.data, 'vendor'))))), 'Map(String, String)')
    FROM events AS known
    WHERE known.about_backend = 1 AND known.type = 'qb.backend.registered.v1')"""
"""A subquery: the vendor of each backend, as a map. Of several values of a key, a map gives the first: the newest."""


def moment(at: datetime) -> str:
    """A moment to the microsecond, in SQL."""
    return f"toDateTime64('{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"


def _text(at: datetime) -> str:
    """A moment beside a column: a literal, which is planned faster than a function."""
    return f"'{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"


def case_counts(good: str, total: str, starts: Sequence[datetime], until: datetime) -> str:
    """Good and total cases of windows with one end, in rows with `fine` and `cases`.

    Of one window these are numbers, and of several arrays with a value for each.

    Args:
        good: which cases are good, in names of `CASE_COLUMNS`, each as `<name>`.
        total: all cases, likewise.
        starts: the starts of the windows.
        until: their end.
    """
    windows = _Windows(starts, until)
    return f"""
            SELECT {_FIELDS}, fine, cases
            FROM (
                SELECT *, max(upto) OVER () AS summed
                FROM (
                    {_from_sums(good, total, windows)}
                    UNION ALL
                    {_from_later_rows(good, total, windows)}
                )
            )
            WHERE seq = 0 OR seq > summed
            UNION ALL
            {_from_edges(good, total, windows)}"""  # noqa: S608 - of constants, of names of this package, and of moments


def summed(column: str, windows: int) -> str:
    """The sum of `fine` or `cases` of several rows of `case_counts`."""
    return f"sum({column})" if windows == 1 else f"sumForEach({column})"


class _Windows:
    """Windows with one end, and what is whole in each: hours from `hours` to `last_hour`, days likewise."""

    def __init__(self, starts: Sequence[datetime], until: datetime) -> None:
        self.starts, self.until = starts, until
        self.hours, self.days = ([_whole(it, span) for it in starts] for span in (_HOUR, _DAY))
        self.last_hour, self.last_day = (_part_of(until, it) for it in (_HOUR, _DAY))


def _from_sums(good: str, total: str, windows: _Windows) -> str:
    """Whole days, the whole hours beside them, and the mark: the position of these sums."""
    first_days = [*zip(windows.hours, windows.days, strict=True)]
    inside = (
        "span = 'day' AND toUnixTimestamp(start) >= day OR span = 'hour' AND toUnixTimestamp(start) >= hour"
        f" AND (toUnixTimestamp(start) < day OR start >= {_second(windows.last_day)})"
    )
    before_days = _either(f"start >= {_second(hour)} AND start < {_second(day)}" for hour, day in first_days)
    fine, cases = (
        summed(_counted(_in_sums(it), inside, hour=windows.hours, day=windows.days), len(first_days))
        for it in (good, total)
    )
    return f"""SELECT {_FIELDS}, max(through) AS upto, toUInt64(0) AS seq, {fine} AS fine, {cases} AS cases
                    FROM case_sums
                    WHERE span = 'mark'
                        OR (span = 'day' AND start >= {_second(min(windows.days))}
                            AND start < {_second(windows.last_day)})
                        OR (span = 'hour' AND start >= {_second(min(windows.hours))}
                            AND start < {_second(windows.last_hour)}
                            AND (start >= {_second(windows.last_day)} OR {before_days}))
                    GROUP BY {_FIELDS}"""  # noqa: S608 - as above


def _from_later_rows(good: str, total: str, windows: _Windows) -> str:
    """Events of whole hours that the sums do not have yet."""
    fine, cases = (
        _counted(_in_rows(it), "toUnixTimestamp(case_hour) >= hour", hour=windows.hours) for it in (good, total)
    )
    return f"""SELECT {_OF_ROWS}, 0, seq, {fine}, {cases}
                    FROM events
                    WHERE seq > {SUMMED_THROUGH}
                        AND case_hour >= {_second(min(windows.hours))} AND case_hour < {_second(windows.last_hour)}
                    LIMIT 1 BY seq"""  # noqa: S608 - as above


def _from_edges(good: str, total: str, windows: _Windows) -> str:
    """Events of the hours in which a window begins or ends, one by one."""
    first_hours = [*zip(windows.starts, windows.hours, strict=True)]
    last = _text(windows.last_hour)
    inside = f"{_MICROS} >= start AND ({_MICROS} < 1000000 * hour OR case_at >= {last})"
    at_start = _either(f"case_at >= {_text(start)} AND case_at < {_text(hour)}" for start, hour in first_hours)
    fine, cases = (_counted(_in_rows(it), inside, start=windows.starts, hour=windows.hours) for it in (good, total))
    return f"""SELECT {_OF_ROWS}, {fine}, {cases}
            FROM events
            WHERE case_hour > {_second(_EPOCH)} AND case_at >= {_text(min(windows.starts))}
                AND case_at < {_text(windows.until)} AND (case_at >= {last} OR {at_start})
            LIMIT 1 BY seq"""  # noqa: S608 - as above


def bad_counts(newest: str, starts: Sequence[datetime], until: datetime) -> str:
    """As `case_counts`, of cases that are in the sums as good ones and are none: each takes one away from `fine`.

    `newest` is the condition for their rows in `kept_cases`. Numbers of the engine are modulo 2^64, so that the largest
    takes one away; the sum is never below 0, because each of these cases is one of the sums.
    """
    inside = "toUnixTimestamp64Micro(at) >= start"
    fine, cases = (summed(_counted(it, inside, start=starts), len(starts)) for it in ("good - total", "toUInt64(0)"))
    return f"""
            SELECT {_FIELDS}, {fine}, {cases}
            FROM kept_cases
            WHERE {newest} AND at >= {_text(min(starts))} AND at < {_text(until)}
            GROUP BY {_FIELDS}"""  # noqa: S608 - of names of this package, and of moments


def open_counts(newest: str, threshold_ms: int, starts: Sequence[datetime], until: datetime) -> str:
    """As `case_counts`, of jobs without an end, which are in no sum; `newest` as above."""
    inside = "toUnixTimestamp64Micro(at) >= start"
    good = f"if(value_ms <= {threshold_ms}, total, 0)"
    fine, cases = (summed(_counted(it, inside, start=starts), len(starts)) for it in (good, "total"))
    return f"""
            SELECT {_FIELDS}, {fine}, {cases}
            FROM kept_cases
            WHERE {newest} AND at >= {_text(min(starts))} AND at < {_text(until)}
            GROUP BY {_FIELDS}"""  # noqa: S608 - as above


def charge_sums(since: datetime, until: datetime) -> str:
    """Charges and usable results between two whole hours: a row for each currency, results in rows without one."""
    fields = f"{_FIELDS}, currency"
    first_day, last_day = _whole(since, _DAY), _part_of(until, _DAY)
    columns = ("charges", "billed", "usable", "quality_ppm")
    of_sums = ", ".join(f"sum(case_sums.{it}) AS {it}" for it in columns)
    of_rows = ", ".join(f"toUInt64({CASE_COLUMNS[it]})" for it in columns)
    return f"""
            SELECT {fields}, amount, {", ".join(columns)}
            FROM (
                SELECT *, max(upto) OVER () AS summed
                FROM (
                    SELECT {fields}, max(through) AS upto, toUInt64(0) AS seq, sum(charge) AS amount, {of_sums}
                    FROM case_sums
                    WHERE span = 'mark'
                        OR (span = 'day' AND start >= {_second(first_day)} AND start < {_second(last_day)})
                        OR (span = 'hour' AND start >= {_second(since)} AND start < {_second(until)}
                            AND (start < {_second(first_day)} OR start >= {_second(last_day)}))
                    GROUP BY {fields}
                    UNION ALL
                    SELECT {_OF_ROWS}, currency, 0, seq, ifNull(charge, 0), {of_rows}
                    FROM events
                    WHERE seq > {SUMMED_THROUGH} AND case_hour >= {_second(since)} AND case_hour < {_second(until)}
                    LIMIT 1 BY seq
                )
            )
            WHERE seq = 0 OR seq > summed"""  # noqa: S608 - of constants, of names of this package, and of moments


def _whole(at: datetime, span: timedelta) -> datetime:
    """The first hour or day that begins at a moment or later."""
    return _part_of(at + span - timedelta(microseconds=1), span)


def _part_of(at: datetime, span: timedelta) -> datetime:
    """The beginning of the hour or day of a moment, in UTC."""
    return at - (at - _EPOCH) % span


def _second(at: datetime) -> str:
    """As `_text`, to the second."""
    return f"'{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}'"


def _counted(cases: str, inside: str, **edges: Sequence[datetime]) -> str:
    """The cases in each window, by the condition of being inside, which is that of the rows if there is one window.

    `edges` are what the condition compares with, by name: of each window the microsecond of `start`, and the second of
    its first whole `hour` and `day`. One lambda over arrays of numbers is planned in a third of the time of a
    condition for each window.
    """
    if len(next(iter(edges.values()))) == 1:
        return f"toUInt64({cases})"
    arrays = ", ".join(f"[{', '.join(str(_number(it, name)) for it in each)}]" for name, each in edges.items())
    return f"arrayMap(({', '.join(edges)}) -> toUInt64(if({inside}, {cases}, 0)), {arrays})"


def _number(at: datetime, name: str) -> int:
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return micros if name == "start" else micros // 1_000_000


def _either(conditions: Iterable[str]) -> str:
    return " OR ".join(f"({it})" for it in dict.fromkeys(conditions))


def _in_sums(cases: str) -> str:
    """Names of `CASE_COLUMNS` as columns of `case_sums`."""
    return cases.replace("<", "case_sums.").replace(">", "")


def _in_rows(cases: str) -> str:
    """Names of `CASE_COLUMNS` as what one event adds to them."""
    cases = cases.replace("<backend>", "toString(case_backend)")
    for name, what in CASE_COLUMNS.items():
        cases = cases.replace(f"<{name}>", f"toUInt64({what})")
    return cases
