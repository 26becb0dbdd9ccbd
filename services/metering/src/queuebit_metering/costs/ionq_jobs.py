"""IonQ's cost of each job: `GET /jobs`, and `GET /jobs/ID/cost` (API v0.4, updated 2026-04-30, read 2026-11-30).

The usage of an organization needs its id and a key with that right. The key of a project is enough for this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode

from queuebit_kernel.exact import total
from queuebit_metering.costs.calls import PAGES, Calls, amount_of, listed, single_currency
from queuebit_metering.costs.config import Ionq
from queuebit_metering.costs.port import Cost, cost_of_day

__all__ = ["IonqJobCosts"]

_QUEUED: Final = timedelta(days=8)
"""How long before the first day a job may have been submitted that ended in it."""
_SETTLED: Final = timedelta(days=2)
"""After this time, the cost of a job is not asked again."""
_JOBS: Final = 5_000
"""The most jobs whose costs one poll asks for."""


class IonqJobCosts:
    """Sums the costs of completed jobs by the day on which they ended. Others are free at IonQ."""

    vendor = "ionq"

    def __init__(self, settings: Ionq, calls: Calls) -> None:
        self._settings = settings
        self._calls = calls
        self._known: dict[str, tuple[date, Decimal]] = {}
        """Costs that are not asked again, by job, with the day."""

    async def read(self, first: date, last: date) -> list[Cost]:
        """The costs of each day."""
        headers = {"authorization": f"apiKey {await self._settings.key.read()}"}
        days: defaultdict[date, list[Decimal]] = defaultdict(list)
        known: dict[str, tuple[date, Decimal]] = {}
        asked = 0
        seen: set[str] = set()
        async for job, day in self._ended(headers, first):
            if day > last or job in seen:  # pages move while jobs are submitted, and then show a job twice
                continue
            seen.add(job)
            if job not in self._known:
                asked += 1
                if asked > _JOBS:
                    self._calls.unavailable(f"it has more than {_JOBS} jobs: give the id of the organization instead")
                cost = await self._cost(headers, job)
            else:
                cost = self._known[job][1]
            if last - day >= _SETTLED:
                known[job] = day, cost
            days[day].append(cost)
        self._known = known
        count = (last - first).days + 1
        return [
            cost_of_day(day, {self._settings.currency: total(days[day])})
            for day in (first + timedelta(days=it) for it in range(count))
        ]

    async def _ended(self, headers: dict[str, str], first: date) -> AsyncIterator[tuple[str, date]]:
        """Completed jobs that may have a cost: id, and day of their end. A circuit of a job costs nothing beside it."""
        words: dict[str, str] = {"status": "completed", "limit": "100"}
        for _ in range(PAGES):
            page = await self._calls.ask("GET", f"{self._url('jobs')}?{urlencode(words)}", headers)
            for it in listed(self._calls, page, "jobs"):
                if self._day(it, "submitted_at") < first - _QUEUED:
                    return
                if not it.get("parent_job_id") and it.get("backend") != "simulator" and not it.get("dry_run"):
                    day = self._day(it, "completed_at")
                    if day >= first:
                        yield str(it.get("id")), day
            if not (following := page.get("next")):
                return
            words["next"] = str(following)
        self._calls.unavailable("its pages have no end")

    async def _cost(self, headers: dict[str, str], job: str) -> Decimal:
        document = await self._calls.ask("GET", self._url(f"jobs/{quote(job, safe='')}/cost"), headers)
        cost = document.get("cost")
        if not isinstance(cost, dict) or "value" not in cost:
            self._calls.unavailable("a completed job has no cost yet")
        single_currency(self._calls, str(cost.get("unit")).upper(), self._settings.currency)
        return amount_of(self._calls, cost["value"])

    def _url(self, path: str) -> str:
        return f"{self._settings.url.rstrip('/')}/{path}"

    def _day(self, job: Any, name: str) -> date:  # JSON
        try:
            return datetime.fromisoformat(job[name]).astimezone(UTC).date()
        except (LookupError, TypeError, ValueError):
            self._calls.unavailable(f"a job has no {name}: the interface has changed")
