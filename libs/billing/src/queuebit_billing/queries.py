"""What the warehouse is asked for an invoice: statements of SQL, their parameters, and how rows are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from queuebit_contracts.invoice import period_dates
from queuebit_pricing import Consumed

__all__ = ["ANYTHING", "COUNTED", "DAYS", "LINES", "Bounds", "Earlier", "UsageSum", "consumed", "counted", "usage_sums"]

_CHARGE: Final = (
    "JSONExtract(data, 'charge', 'Tuple(amount String, currency String, lines Array(Tuple("
    "price String, component String, unit String, unit_price String, billed String, amount String)))')"
)
_LINE_ITEMS: Final = (
    "multiIf(notEmpty(charge.3), charge.3, toDecimal256OrZero(charge.1, 18) = 0, [],"
    " [('', 'charge', 'Charges', '1', charge.1, charge.1)])"
)
"""A charge without lines, as version 0.1 may have written it, is one line of its own."""
_NEVER: Final = "1970-01-01 00:00:00.000000"


@cache
def _facts() -> str:
    text = files(__package__).joinpath("lines.sql").read_text()
    return text.replace("/*charge*/", _CHARGE).replace("/*lines*/", _LINE_ITEMS)


LINES: Final = f"""
SELECT
    arrayFirstIndex(it -> first_at < it, {{ends:Array(DateTime64(6, 'UTC'))}}) AS origin,
    project,
    price,
    component,
    unit,
    currency,
    unit_price,
    sum(quantity),
    sum(amount),
    count(),
    lower(hex(SHA256(arrayStringConcat(arraySort(groupArray(event_id)), '\\n'))))
FROM ({_facts()})
GROUP BY origin, project, price, component, unit, currency, unit_price
"""  # noqa: S608  # of this package's own file
"""The lines of an invoice, one row each."""

DAYS: Final = f"""
SELECT toDate(first_at) AS day, project, price, component, unit, currency, unit_price, sum(quantity), sum(amount)
FROM ({_facts()})
WHERE first_at >= {{since:DateTime64(6, 'UTC')}}
GROUP BY day, project, price, component, unit, currency, unit_price
"""  # noqa: S608  # as above
"""Daily sums of all usage from a day on, invoiced or not: what agreements are computed from."""

COUNTED: Final = """
SELECT count()
FROM
(
    SELECT seq, least(event_time, stored_at) AS due_at
    FROM events FINAL
    PREWHERE tenant = {tenant:String} AND seq <= {cut:UInt64}
        AND type IN ('qb.job.metered.v1', 'qb.session.metered.v1', 'qb.hybrid.metered.v1', 'qb.reservation.metered.v1')
    WHERE job NOT IN (
        SELECT job FROM events
        WHERE tenant = {tenant:String} AND seq <= {cut:UInt64} AND type = 'qb.job.corrected.v1')
    UNION ALL
    SELECT
        seq,
        max(least(event_time, stored_at)) OVER (
            PARTITION BY job ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS due_at
    FROM events FINAL
    PREWHERE tenant = {tenant:String} AND seq <= {cut:UInt64}
        AND type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')
        AND job IN (
            SELECT job FROM events
            WHERE tenant = {tenant:String} AND seq <= {cut:UInt64} AND type = 'qb.job.corrected.v1')
)
WHERE due_at < {end:DateTime64(6, 'UTC')}
    AND NOT (due_at < {before_end:DateTime64(6, 'UTC')} AND seq <= {before_cut:UInt64})
"""
"""How many usage facts an invoice includes. Only jobs with corrections are sorted."""

ANYTHING: Final = """
SELECT DISTINCT tenant
FROM events
WHERE seq <= {cut:UInt64}
    AND type IN ('qb.job.metered.v1', 'qb.session.metered.v1', 'qb.hybrid.metered.v1', 'qb.reservation.metered.v1',
        'qb.invoice.issued.v1')
    AND least(event_time, stored_at) < {end:DateTime64(6, 'UTC')}
ORDER BY tenant
"""
"""The tenants that have anything to invoice before a day, or had."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An invoice that was issued before."""

    period: str
    end: date
    cut: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an invoice includes: usage before `end` that was stored until `cut`, without that of earlier invoices."""

    tenant: str
    period: str
    cut: int
    earlier: tuple[Earlier, ...] = ()
    """The invoices of the tenant before, oldest first."""

    @property
    def start(self) -> date:
        return period_dates(self.period)[0]

    @property
    def end(self) -> date:
        return period_dates(self.period)[1]

    def parameters(self) -> dict[str, str]:
        """Values for the placeholders of `LINES` and `COUNTED`."""
        before = self.earlier[-1] if self.earlier else None
        ends = [*(it.end for it in self.earlier), self.end]
        return {
            "tenant": self.tenant,
            "cut": str(self.cut),
            "end": _midnight(self.end),
            "before_end": _midnight(before.end) if before else _NEVER,
            "before_cut": str(before.cut if before else 0),
            "ends": "[" + ", ".join(f"'{_midnight(it)}'" for it in ends) + "]",
        }

    def daily(self, since: date) -> dict[str, str]:
        """Values for the placeholders of `DAYS`."""
        return {**self.parameters(), "before_end": _NEVER, "before_cut": "0", "since": _midnight(since)}


@dataclass(frozen=True, slots=True)
class UsageSum:
    """A row of `LINES`."""

    origin: int
    """The place of its period among the earlier invoices; their number for the period of this one."""
    project: str
    price: str
    component: str
    unit: str
    currency: str
    unit_price: Decimal
    quantity: Decimal
    amount: Decimal
    facts: int
    events: str


def usage_sums(rows: Sequence[Sequence[Any]]) -> list[UsageSum]:
    """Read rows of `LINES`; decimals come as text."""
    return [
        UsageSum(
            origin=int(origin) - 1,
            project=project,
            price=price,
            component=component,
            unit=unit,
            currency=currency,
            unit_price=Decimal(unit_price),
            quantity=Decimal(quantity),
            amount=Decimal(amount),
            facts=int(facts),
            events=f"sha256:{events}",
        )
        for origin, project, price, component, unit, currency, unit_price, quantity, amount, facts, events in rows
    ]


def consumed(rows: Sequence[Sequence[Any]]) -> tuple[list[Consumed], Mapping[str, str]]:
    """Read rows of `DAYS`; also return the currency of each price."""
    currencies = {str(it[2]): str(it[5]) for it in rows}
    found = [
        Consumed(
            day=date.fromisoformat(it[0]),
            project=it[1],
            price=it[2],
            component=it[3],
            unit=it[4],
            quantity=Decimal(it[7]),
            unit_price=Decimal(it[6]),
            amount=Decimal(it[8]),
        )
        for it in rows
    ]
    return found, currencies


def counted(rows: Sequence[Sequence[Any]]) -> int:
    """Read the row of `COUNTED`."""
    return int(rows[0][0])


def _midnight(day: date) -> str:
    return f"{day.isoformat()} 00:00:00.000000"
