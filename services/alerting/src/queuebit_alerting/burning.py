"""Budgets that are spent faster than planned: a page for each."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from queuebit_alerting.ports import Rows
from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence
from queuebit_contracts.indicators import sums
from queuebit_contracts.tenant import BudgetTerms
from queuebit_contracts.tenants import vendor_name

__all__ = ["BudgetsBurning"]

_NAME: Final = "BudgetBurning"
_FACTOR: Final = 2
"""Times the planned rate: at this rate the budget of a month is spent in half of it."""
_DEVIATIONS: Final = 2
_HOUR: Final = timedelta(hours=1)
_LONG: Final = 23 * _HOUR
"""The windows begin with a whole hour, as charges are summed by the hour: the long one has 23 to 24 hours."""
_MOST: Final = 3
"""Fractional digits of amounts in a summary."""


class BudgetsBurning:
    """A budget with a window fires while spend is above twice its planned rate, for a day and for the last hour or two.

    The planned rate is the amount divided by the length of the window. A budget of a lifetime has none. Budgets of a
    user and of a tag are not watched: charges are summed by project, class and backend. The page ends with the
    spending: one or two hours later at the latest.
    """

    def __init__(
        self,
        budgets: Callable[[], Mapping[str, Mapping[str, BudgetTerms]]],
        warehouse: Rows,
        complete: Callable[[], Awaitable[None]],
        firing: Callable[[], Iterable[Mapping[str, str]]],
    ) -> None:
        """Prepare.

        Args:
            budgets: the terms by tenant and name, now.
            warehouse: has the charges.
            complete: raises `Unavailable` while the warehouse lacks a part of the log.
            firing: labels of the alerts that fire, so that those of budgets that were removed end.
        """
        self._budgets = budgets
        self._warehouse = warehouse
        self._complete = complete
        self._firing = firing

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """One signal for each budget that has a rate; see `SignalSource`."""
        planned = {
            (tenant, name): (terms, rate)
            for tenant, budgets in self._budgets().items()
            for name, terms in budgets.items()
            if _is_watched(name) and (rate := _per_hour(terms, now))
        }
        ended = [it for it in self._firing() if it.get("alertname") == _NAME and _key(it) not in planned]
        found = [Signal(it, {}, firing=False, at=now) for it in ended]
        if not planned:
            return found
        await self._complete()
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        long, short = [await self._charges(hour - back, hour + _HOUR) for back in (_LONG, _HOUR)]
        for (tenant, name), (terms, rate) in planned.items():
            spent, charges = zip(*(_of_budget(it, tenant, name, terms.currency) for it in (long, short)), strict=True)
            hours = [Fraction(int((now - hour + it).total_seconds()), 3600) for it in (_LONG, _HOUR)]
            burns = [Fraction(amount) / span / rate for amount, span in zip(spent, hours, strict=True)]
            certain = _is_certain(burns[0], charges[0])
            found.append(_signal(tenant, name, terms, spent[0], burns, now) if certain else _quiet(tenant, name, now))
        return found

    async def _charges(self, since: datetime, until: datetime) -> Sequence[Mapping[str, Any]]:
        columns = "tenant, project, workload_class, vendor, currency"
        source = sums("burn", since, until)
        sql = (
            f"SELECT {columns}, toString(sum(amount)) AS spent, sum(total) AS charges "  # noqa: S608 - of the registry
            f"FROM {source} GROUP BY {columns}"
        )
        return await self._warehouse.rows(sql, {})


def _key(labels: Mapping[str, str]) -> tuple[str, str]:
    return labels.get("tenant", ""), labels.get("budget", "")


def _is_watched(name: str) -> bool:
    return name.partition(":")[0] in ("tenant", "project", "class", "vendor")


def _per_hour(terms: BudgetTerms, now: datetime) -> Fraction | None:
    """What the budget plans to spend in an hour; None without a window, or without an amount."""
    match terms.window:
        case "month":
            days = monthrange(now.astimezone(UTC).year, now.astimezone(UTC).month)[1]
        case str(window) if window.removesuffix("d").isdigit():
            days = int(window.removesuffix("d"))
        case _:
            return None
    return Fraction(Decimal(terms.amount)) / (24 * days) or None


def _of_budget(rows: Sequence[Mapping[str, Any]], tenant: str, name: str, currency: str) -> tuple[Decimal, int]:
    """What was charged against a budget, and in how many charges."""
    kind, _, value = name.partition(":")
    columns = {"project": "project", "class": "workload_class", "vendor": "vendor"}

    def counts(row: Mapping[str, Any]) -> bool:
        if row["tenant"] != tenant or row["currency"] != currency:
            return False
        said = str(row[columns[kind]]) if kind in columns else ""
        return (vendor_name(said) if kind == "vendor" else said) == value

    mine = [it for it in rows if counts(it)]
    return sum((Decimal(str(it["spent"])) for it in mine), Decimal(0)), sum(int(it["charges"]) for it in mine)


def _is_certain(burn: Fraction, charges: int) -> bool:
    """Whether two standard deviations less than what was spent exceed the plan; one is a share 1 / sqrt(charges) of it.

    So a few large jobs page no person: below five charges nothing does.
    """
    return (burn - 1) ** 2 * charges > (_DEVIATIONS * burn) ** 2


def _quiet(tenant: str, name: str, now: datetime) -> Signal:
    labels = {"alertname": _NAME, "severity": "page", "owner": "billing", "tenant": tenant, "budget": name}
    return Signal(labels, {}, firing=False, at=now)


def _signal(
    tenant: str, name: str, terms: BudgetTerms, spent: Decimal, burns: Sequence[Fraction], now: datetime
) -> Signal:
    quiet = _quiet(tenant, name, now)
    if min(burns) <= _FACTOR:
        return quiet
    limit = f"{terms.amount} {terms.currency} in {terms.window}"
    summary = (
        f"{tenant}: the budget {name} of {limit} is spent {float(burns[0]):.1f} times as fast as "
        f"planned: {round(spent, _MOST).normalize():f} {terms.currency} within a day"
    )
    values = {it: f"{float(burn):.3f}" for it, burn in zip(("day", "hour"), burns, strict=True)}
    return Signal(quiet.labels, {"summary": summary}, firing=True, at=now, evidence=Evidence(), values=values)
