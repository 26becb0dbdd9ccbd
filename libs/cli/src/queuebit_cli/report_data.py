"""What a cost report says: sections of a period, from the views of the warehouse. Knows no file format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from queuebit_kernel.exact import plain, rounded, total

__all__ = ["PERIODS", "Ask", "Chart", "Period", "Report", "Section", "period_of", "report_of", "shown"]

PERIODS: Final = ("week", "month", "quarter")

Ask = Callable[[str, Mapping[str, str]], Sequence[Mapping[str, Any]]]
"""Runs a query with the values of its placeholders; rows have decimals as text."""

_NONE: Final = "(none)"
_PLACES: Final = 6
_MOST_BARS: Final = 12


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open period, in UTC."""

    kind: str
    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        """Such as 2026-W48, 2026-11 or 2026-Q4."""
        if self.kind == "week":
            return f"{self.since:%G-W%V}"
        return f"{self.since:%Y-%m}" if self.kind == "month" else f"{self.since:%Y}-Q{(self.since.month + 2) // 3}"


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one currency."""

    currency: str
    bars: tuple[tuple[str, Decimal], ...]
    by_time: bool = False
    """Whether the bars follow each other in time."""


@dataclass(frozen=True, slots=True)
class Section:
    """A table, and charts of it."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All sections of a period."""

    period: Period
    tenant: str
    """Empty for all tenants."""
    made_at: datetime
    sections: tuple[Section, ...]

    @property
    def charged(self) -> bool:
        """Whether anything was charged or used in the period; forecasts and advice are of now."""
        return any(it.title == _QUESTIONS[0].title for it in self.sections)

    @property
    def title(self) -> str:
        return f"Cost report {self.period.name}: {self.tenant or 'all tenants'}"


@dataclass(frozen=True, slots=True)
class _Question:
    title: str
    note: str
    query: str
    label: str = ""
    """The column that labels the bars; empty for no chart."""
    by_time: bool = False


_MINE: Final = "({tenant:String} = '' OR tenant = {tenant:String})"
_IN_PERIOD: Final = (
    f"{_MINE} AND event_time >= toDateTime64({{since:Float64}}, 6, 'UTC') "
    "AND event_time < toDateTime64({until:Float64}, 6, 'UTC')"
)
_ENDED: Final = _IN_PERIOD.replace("event_time", "ended_at")
_IN_DAYS: Final = f"{_MINE} AND day >= toDate({{since:Float64}}, 'UTC') AND day < toDate({{until:Float64}}, 'UTC')"
_HOURS: Final = _IN_PERIOD.replace("event_time", "runaways.hour")


def _by(title: str, note: str, key: str, label: str, source: str = "charges", *, by_time: bool = False) -> _Question:
    """Sums of charges by one key."""
    order = label if by_time else "amount DESC"
    condition = "category != 'overhead' AND " if source == "allocation" else ""
    query = (
        f"SELECT {label}_ AS {label}, jobs, amount, currency FROM ("  # noqa: S608  # ours
        f"SELECT {key} AS {label}_, uniqExactIf(id, kind IN ('job', 'correction')) AS jobs, "
        f"sum({source}.amount) AS amount, currency FROM {source} WHERE {condition}{_IN_PERIOD} "
        f"GROUP BY {label}_, currency) ORDER BY currency, {order}"
    )
    return _Question(title, note, query, label, by_time)


_QUESTIONS: Final = (
    _Question(
        "Total",
        "Billed is the sum of allocated (work) and idle (reserved time without a job). Overhead was used and is billed "
        "to no tenant; it is shown at list price.",
        "SELECT part AS category, sum(share) AS amount, currency FROM ("  # noqa: S608
        "SELECT arrayJoin(if(category = 'overhead', ['overhead'], ['billed', toString(category)])) AS part, "
        f"allocation.amount AS share, currency FROM allocation WHERE {_IN_PERIOD}) "
        "GROUP BY part, currency ORDER BY currency, part != 'billed', part",
    ),
    _by("By day", "The day on which a charge was stated, UTC.", "toString(day)", "day", by_time=True),
    _by("By team", "A team is a project of a tenant.", "concat(tenant, '/', project)", "team"),
    _by("By user", "", "user", "user"),
    _by("By backend", "Own time of hybrid jobs has no backend.", "backend", "backend"),
    _by("By tag", "A charge with several tags is shared among them in equal parts.", "tag", "tag", "allocation"),
    _Question(
        "Results",
        "Cost of a successful job, and of a good shot: one that is expected to be right.",
        "SELECT backend, count() AS jobs, countIf(state = 'completed') AS completed, sum(job_costs.amount) AS amount, "  # noqa: S608
        "if(completed = 0, NULL, amount / completed) AS per_success, "
        "toDecimal128(sumIf(shots * esp_ppm, state = 'completed'), 6) / 1000000 AS good_shots, "
        "if(good_shots > 0, sumIf(job_costs.amount, state = 'completed' AND esp_ppm > 0) / good_shots, NULL) "
        "AS per_good_shot, "
        f"currency FROM job_costs WHERE {_ENDED} AND currency != '' "
        "GROUP BY backend, currency ORDER BY currency, amount DESC",
    ),
    _Question(
        "Circuits",
        "The twenty that cost most.",
        "SELECT any(job_costs.label) AS label, substring(circuit, 8, 12) AS digest, backend, count() AS jobs, "  # noqa: S608
        "countIf(state = 'completed') AS completed, sum(job_costs.amount) AS amount, "
        "if(completed = 0, NULL, amount / completed) AS per_success, currency "
        f"FROM job_costs WHERE {_ENDED} AND circuit != '' "
        "GROUP BY circuit, backend, currency ORDER BY currency, amount DESC LIMIT 20",
    ),
    _Question(
        "Month to date and forecast",
        "Linear: by the time elapsed. Burn: to date, and the mean of the last seven days for the days left. Estimates.",
        "SELECT concat(tenant, '/', project) AS team, to_date, linear, burn, month_before, currency "  # noqa: S608
        f"FROM forecasts WHERE {_MINE} ORDER BY currency, burn DESC",
    ),
    _Question(
        "Days that stand out",
        "Robust z-score above 3.5 against the tenant's own last 28 days: 0.6745 * (amount - median) / MAD.",
        "SELECT tenant, toString(anomalies.day) AS day, amount, median, round(z, 1) AS score, currency "  # noqa: S608
        f"FROM anomalies WHERE is_anomaly AND {_IN_DAYS.replace('day ', 'anomalies.day ')} ORDER BY z DESC",
    ),
    _Question(
        "The same circuit again and again",
        "Five failures within an hour, or twenty jobs outside of sessions. Overhead is at list price.",
        "SELECT tenant, runaways.user AS user, label, "  # noqa: S608
        "formatDateTime(runaways.hour, '%F %H h') AS hour, kind, jobs, failures, lost_attempts, "
        "arrayStringConcat(runaways.reasons, ', ') AS reasons, amount, overhead, "
        f"currency FROM runaways WHERE {_HOURS} ORDER BY jobs DESC",
    ),
    _Question(
        "Advice",
        "What would have saved money in the last 90 days. Estimates from past charges; some exclude each other.",
        "SELECT concat(tenant, '/', project) AS team, kind, label, amount, saving, currency, text "  # noqa: S608
        f"FROM advice WHERE {_MINE} ORDER BY currency, saving DESC LIMIT 50",
    ),
)
"""In the order of the report."""


def period_of(kind: str, day: datetime) -> Period:
    """The week (from Monday), month or quarter that a day is in."""
    midnight = day.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        return Period(kind, monday, monday + timedelta(days=7))
    months = 1 if kind == "month" else 3
    first = midnight.replace(day=1, month=midnight.month - (midnight.month - 1) % months)
    next_month = first.month + months
    following = first.replace(year=first.year + next_month // 13, month=(next_month - 1) % 12 + 1)
    return Period(kind, first, following)


def report_of(ask: Ask, period: Period, tenant: str, made_at: datetime) -> Report:
    """Ask the warehouse for all sections; a section without rows is left out."""
    values = {
        "tenant": tenant,
        "since": f"{period.since.timestamp():f}",
        "until": f"{period.until.timestamp():f}",
    }
    sections = [_section(it, ask(it.query, values)) for it in _QUESTIONS]
    return Report(period, tenant, made_at, tuple(it for it in sections if it.rows))


def shown(value: object) -> str:
    """A value for people: decimals with at most six places. Files for programs have them whole."""
    text = "" if value is None else str(value)
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    if not number.is_finite():
        return text
    return f"{Decimal(plain(rounded(number, _PLACES))):,f}"


def _section(question: _Question, rows: Sequence[Mapping[str, Any]]) -> Section:
    columns = tuple(rows[0]) if rows else ()
    cells = tuple(tuple(_cell(name, it, question.label) for name, it in row.items()) for row in rows)
    return Section(question.title, question.note, columns, cells, tuple(_charts(question, rows)))


def _cell(name: str, value: object, label: str) -> str:
    """The text of a value; an empty label is named, as in the chart."""
    text = "" if value is None else str(value)
    return text or (_NONE if name == label else "")


def _charts(question: _Question, rows: Sequence[Mapping[str, Any]]) -> list[Chart]:
    if not question.label:
        return []
    found = []
    for currency in dict.fromkeys(str(it["currency"]) for it in rows):
        bars = [(str(it[question.label]) or _NONE, Decimal(it["amount"])) for it in rows if it["currency"] == currency]
        if question.by_time:
            bars = _every_day(dict(bars))
        elif len(bars) > _MOST_BARS:
            rest = total(amount for _, amount in bars[_MOST_BARS:])
            bars = [*bars[:_MOST_BARS], (f"{len(bars) - _MOST_BARS} others", rest)]
        found.append(Chart(currency, tuple(bars), question.by_time))
    return found


def _every_day(bars: Mapping[str, Decimal]) -> list[tuple[str, Decimal]]:
    """The days from the first to the last one; 0 on days without charges."""
    first, last = (date.fromisoformat(it) for it in (min(bars), max(bars)))
    days = [str(first + timedelta(days=ago)) for ago in range((last - first).days + 1)]
    return [(it, bars.get(it, Decimal(0))) for it in days]
