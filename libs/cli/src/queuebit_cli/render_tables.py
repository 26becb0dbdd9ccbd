"""Renders answers for people: at most 120 columns, local times, percentages. Programs get every field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from queuebit.records import UNTIL_FINAL
from queuebit.text import visible
from queuebit_cli.output import shortened
from queuebit_cli.render_states import quarantined, state_of
from queuebit_cli.tables import Row, amount

__all__ = [
    "backend_rows",
    "balance_rows",
    "balance_tables",
    "charge_rows",
    "clock",
    "day_and_time",
    "day_of_week",
    "end_time",
    "hybrid_rows",
    "job_rows",
    "moment",
    "plan_rows",
    "share",
    "slo_rows",
    "took",
]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_LABEL = 20


def job_rows(rows: Sequence[Row]) -> list[Row]:
    """Jobs, newest first."""
    return [
        {
            **_same(row, "job", "state"),
            "label": shortened(visible(str(row.get("label") or "")), _LABEL),
            **_same(row, "backend", "shots"),
            "charge": _charge(row),
            "took": took(row.get("end_to_end_ms")),
            "at": moment(row.get("submitted_at")),
            "waits": row.get("waiting"),
        }
        for row in rows
    ]


def _charge(row: Row) -> object:
    charge = _money(row, "charge")
    return f"{charge}{UNTIL_FINAL}" if charge and row.get("provisional") else charge


def hybrid_rows(rows: Sequence[Row]) -> list[Row]:
    """Hybrid jobs, newest first."""
    return [
        {
            **_same(row, "hybrid", "state"),
            "label": shortened(visible(str(row.get("label") or "")), _LABEL),
            **_same(row, "project", "user", "charge"),
            "took": None if row.get("time_s") is None else f"{row['time_s']:.1f} s",
            "at": moment(row.get("submitted_at")),
            "reason": row.get("reason"),
        }
        for row in rows
    ]


def backend_rows(rows: Sequence[Row]) -> list[Row]:
    """Backends: size, quality and price; since when those are out that are out of service, and what is isolated."""
    out = any(row.get("interrupted_since") for row in rows)
    located = any(row.get("region") for row in rows)
    states = [state_of(row) for row in rows]
    changed = any(state for state, *_ in states)
    doubted = any(map(quarantined, rows))
    queues = any(row.get("queue") for row in rows)
    return [
        {
            **_same(row, "backend", "kind", "qubits"),
            **({"region": row.get("region")} if located else {}),
            "2q error": _error(row.get("median_two_qubit_error_ppm")),
            "readout": _error(row.get("median_readout_error_ppm")),
            "calibrated": _age(row.get("calibration_age_s")),
            **({"out since": moment(row.get("interrupted_since"))} if out else {}),
            **({"state": state, "since": moment(since), "not used": elements, "why": why} if changed else {}),
            **({"quarantined": quarantined(row)} if doubted else {}),
            **({"queue": _queue(row)} if queues else {}),
            "price": _price(row),
        }
        for row, (state, since, elements, why) in zip(rows, states, strict=True)
    ]


def plan_rows(rows: Sequence[Row]) -> list[Row]:
    """A plan: one row for each backend; when one is free of windows and reservations of others, if that is not now, and
    where earlier jobs were measured, the success that they correct."""
    taken = any(row.get("free_from") for row in rows)
    corrected = any(row.get("corrected_ppm") is not None for row in rows)
    queues = any(row.get("queue") for row in rows)
    return [
        {
            **_same(row, "backend", "fits"),
            "costs up to": _money(row, "cost"),
            "runs": took(_number(row.get("qpu_us"), 1e-3)),
            "success": _success(row.get("esp_ppm")),
            **({"corrected": _success(row.get("corrected_ppm"))} if corrected else {}),
            "depth": row.get("depth"),
            "2q gates": row.get("two_qubit_gates"),
            "calibrated": _age(row.get("calibration_age_s")),
            "usual wait": _wait(row) if row.get("fits") else None,
            **({"queue now": _queue(row)} if queues else {}),
            **({"free from": end_time(row["free_from"]) if row.get("free_from") else None} if taken else {}),
            "reason": row.get("reason"),
        }
        for row in rows
    ]


def _wait(row: Row) -> str | None:
    """The median of the newest jobs, and what eight of ten of them waited: `12 ms (4-155 ms)`."""
    usual, low, high = (took(row.get(name)) for name in ("wait_ms", "wait_low_ms", "wait_high_ms"))
    return _interval(usual, low, high)


def _queue(row: Row) -> str | None:
    """The wait in the queue of a vendor as it is expected now, and the jobs there: `18 min (6-76 min), 41 jobs`."""
    if not isinstance(queue := row.get("queue"), Mapping):
        return None
    wait = _interval(*(_about(queue.get(name)) for name in ("expected_ms", "low_ms", "high_ms")))
    jobs = queue.get("jobs")
    return wait if jobs is None else f"{wait}, {jobs} {'job' if jobs == 1 else 'jobs'}"


def _interval(usual: str | None, low: str | None, high: str | None) -> str | None:
    if usual is None or low is None or high is None or low == high:
        return usual
    (least, unit), (_, most) = low.split(), high.split()
    return f"{usual} ({least if unit == most else low}-{high})"


def _about(value: object) -> str | None:
    """A time of so many milliseconds in the unit in which it is at least two, as a forecast is not more exact."""

    def text(ms: float) -> str:
        size, unit = next((it for it in _UNITS if ms >= 2_000 * it[0]), (1, "s"))
        return f"{ms / 1_000 / size:.0f} {unit}"

    return _when(text, value)


def _success(value: object) -> str | None:
    """To a tenth of a percent: no calibration is known better."""
    return _when(lambda ppm: f"{ppm / 10_000:.1f}%" if ppm >= 1_000 else "<0.1%", value)


def charge_rows(rows: Sequence[Row]) -> list[Row]:
    """Sums by project."""
    return [
        {
            **_same(row, "project", "jobs"),
            "charged": _money(row, "amount"),
            "held": _money(row, "held"),
            "left": _money(row, "left"),
            "budget": _money(row, "budget"),
            "jbu": row.get("jbu"),
        }
        for row in rows
    ]


def balance_rows(rows: Sequence[Row]) -> list[Row]:
    """Accounts and budgets: how much there is, and what became of it."""
    return [
        {
            "tenant": row.get("tenant"),
            str(row.get("kind")): row.get("name"),
            "window": _window(row),
            **{name: _money(row, name) for name in ("limit", "held", "spent", "left")},
            "spent by": day_of_week(row.get("spent_by")),
            "expires": day_and_time(row["expires_at"])[:-3] if row.get("expires_at") else None,
        }
        for row in rows
    ]


def balance_tables(rows: Sequence[Row]) -> list[list[Row]]:
    """Accounts, budgets and grants, each kind as a table of its own: they have other columns."""
    kinds = dict.fromkeys(row.get("kind") for row in rows)
    return [balance_rows([row for row in rows if row.get("kind") == kind]) for kind in kinds]


def day_of_week(day: object) -> str | None:
    """A date as people say it: `Thu 3 Dec`."""
    if not isinstance(day, str):
        return None
    it = date.fromisoformat(day)
    return f"{it:%a} {it.day} {it:%b}"


def _window(row: Row) -> str | None:
    window = row.get("window")
    return None if window is None else f"{window}, warns only" if row.get("soft") else str(window)


def slo_rows(rows: Sequence[Row]) -> list[Row]:
    """Service levels: objectives and measured values."""
    return [
        {
            "objective": row.get("name"),
            "promise": row.get("promise"),
            "target": share(row.get("target"), 1),
            "actual": share(row.get("actual"), 1),
            "kept": _kept(row),
            "cases": row.get("total"),
            "measured": took(row.get("value")),
        }
        for row in rows
    ]


def _same(row: Row, *names: str) -> Row:
    """Fields that people read as they are."""
    return {name: row.get(name) for name in names}


def _kept(row: Row) -> bool | None:
    actual, target = _number(row.get("actual")), _number(row.get("target"))
    return None if actual is None or target is None else actual >= target


def _money(row: Row, name: str) -> object:
    number, currency = row.get(name), row.get("currency")
    return amount(number, currency) if number is not None and currency else number


def _price(row: Row) -> object:
    """The currency once: `0.001 a task + 0.01 a second, in USD`."""
    price, currency = row.get("price"), row.get("currency")
    if not isinstance(price, str) or not currency or "+" not in price:
        return price
    return f"{price.replace(f' {currency} ', ' ')}, in {currency}"


def _number(value: object, factor: float = 1) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(str(value)) * factor
    except ValueError:
        return None


def _when(show: Callable[[float], str], value: object) -> str | None:
    number = _number(value)
    return None if number is None else show(number)


def share(value: object, whole: float = 1_000_000) -> str | None:
    """A share in percent."""
    return _when(lambda number: f"{100 * number / whole:.4g}%", value)


def _error(value: object) -> str | None:
    return _when(lambda ppm: f"{ppm / 10_000:.2f}%", value)


def took(value: object) -> str | None:
    """A time of so many milliseconds."""
    return _when(lambda ms: f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s", value)


def _age(value: object) -> str | None:
    """The largest unit, rounded down, as the console says it."""

    def text(seconds: float) -> str:
        size, unit = next((it for it in _UNITS if seconds >= it[0]), (1, "s"))
        return f"{max(0, int(seconds)) // size} {unit} ago"

    return _when(text, value)


def day_and_time(value: object) -> str:
    """The local date and time, to the second: every row of a record has both."""
    return f"{datetime.fromisoformat(str(value)).astimezone():%Y-%m-%d %H:%M:%S}"


def end_time(value: object) -> str:
    """The local time of an end, which may come tomorrow; on other days, with the date."""
    at, shown = datetime.fromisoformat(str(value)).astimezone(), moment(value)
    return f"{shown} {at:%H:%M}" if at.date() != datetime.now().astimezone().date() else str(shown)


def clock(at: datetime) -> str:
    """The local time to the millisecond, of events that follow one another quickly."""
    return at.astimezone().strftime("%H:%M:%S.%f")[:-3]


def moment(value: object) -> str | None:
    """The local time; on other days, the date."""
    try:
        local = None if value is None else datetime.fromisoformat(str(value)).astimezone()
    except ValueError:
        return str(value)
    if local is None:
        return None
    return local.strftime("%H:%M:%S" if local.date() == datetime.now().astimezone().date() else "%d %b")
