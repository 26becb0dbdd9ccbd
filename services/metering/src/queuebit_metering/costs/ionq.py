"""IonQ's costs by day: `GET /organizations/ID/usage` (API v0.4, updated 2026-04-30, read 2026-11-30)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from queuebit_kernel.exact import total
from queuebit_metering.costs.calls import Calls, amount_of, listed, single_currency
from queuebit_metering.costs.config import Ionq
from queuebit_metering.costs.port import Cost, cost_of_day

__all__ = ["IonqCosts"]


class IonqCosts:
    """Asks for the usage by job and day; the amount of a day has all jobs, also those that the answer does not name."""

    vendor = "ionq"

    def __init__(self, settings: Ionq, calls: Calls) -> None:
        self._settings = settings
        self._calls = calls

    async def read(self, first: date, last: date) -> list[Cost]:
        """The costs of each day."""
        settings, calls = self._settings, self._calls
        words = {
            "group_by": "job",
            "modality": "daily",
            "start_date": f"{first:%Y-%m-%d}",
            "end_date": f"{last + timedelta(days=1):%Y-%m-%d}",
        }
        url = f"{settings.url.rstrip('/')}/organizations/{settings.organization}/usage?{urlencode(words)}"
        document = await calls.ask("GET", url, {"authorization": f"apiKey {await settings.key.read()}"})
        days: defaultdict[str, list[Decimal]] = defaultdict(list)
        usage = listed(calls, document, "usage_data")
        if usage:
            single_currency(calls, document.get("usage_unit"), settings.currency)
        for it in usage:
            if not isinstance(it, dict) or "from" not in it or "amount" not in it:
                calls.unavailable("a day of its usage has no from or no amount: the interface has changed")
            days[str(it["from"])].append(amount_of(calls, it["amount"]))
        count = (last - first).days + 1
        return [
            cost_of_day(day, {settings.currency: total(days[f"{day:%Y-%m-%d}"])})
            for day in (first + timedelta(days=it) for it in range(count))
        ]
