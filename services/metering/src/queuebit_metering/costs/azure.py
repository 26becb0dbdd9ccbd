"""Azure Cost Management, `Query - Usage` by day (REST API version 2023-11-01).

The request is written from knowledge of the API: compare it with Azure's REST reference before use.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

from queuebit_kernel.exact import total
from queuebit_metering.costs.calls import PAGES, Calls, amount_of, listed, single_currency
from queuebit_metering.costs.config import Azure
from queuebit_metering.costs.port import Cost, cost_of_day

__all__ = ["AzureCosts"]

_COLUMNS = ("Cost", "UsageDate", "Currency")


class AzureCosts:
    """Asks for the actual cost of one service, as an application with a secret."""

    vendor = "azure"

    def __init__(self, settings: Azure, calls: Calls) -> None:
        self._settings = settings
        self._calls = calls

    async def read(self, first: date, last: date) -> list[Cost]:
        """The costs of each day."""
        settings, calls = self._settings, self._calls
        days: defaultdict[str, list[Decimal]] = defaultdict(list)
        headers = {"authorization": f"Bearer {await self._token()}", "content-type": "application/json"}
        body = json.dumps(_query(settings.service, first, last)).encode()
        base = settings.url.rstrip("/")
        url = f"{base}/{settings.scope}/providers/Microsoft.CostManagement/query?api-version=2023-11-01"
        for _ in range(PAGES):
            document = await calls.ask("POST", url, headers, body)
            for day, amount in self._rows(document):
                days[day].append(amount)
            following = document["properties"].get("nextLink")
            if not following:
                break
            if urlsplit(str(following)).netloc != urlsplit(base).netloc:
                calls.unavailable("its next page is on another host, which gets no token")
            url = str(following)
        else:
            calls.unavailable("its pages have no end")
        count = (last - first).days + 1
        return [
            cost_of_day(day, {settings.currency: total(days[f"{day:%Y%m%d}"])})
            for day in (first + timedelta(days=it) for it in range(count))
        ]

    async def _token(self) -> str:
        settings = self._settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": await settings.client_secret.read(),
            "scope": f"{settings.url.rstrip('/')}/.default",
        }
        url = f"{settings.login_url.rstrip('/')}/{settings.tenant_id}/oauth2/v2.0/token"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        token = (await self._calls.ask("POST", url, headers, urlencode(form).encode())).get("access_token")
        return token if isinstance(token, str) else self._calls.unavailable("its sign-in gives no token")

    def _rows(self, document: Any) -> list[tuple[str, Decimal]]:  # JSON
        calls = self._calls
        columns = [it.get("name") for it in listed(calls, document, "properties", "columns") if isinstance(it, dict)]
        if not {*_COLUMNS} <= {*columns}:
            calls.unavailable(f"its answer lacks one of the columns {', '.join(_COLUMNS)}: the interface has changed")
        found = []
        for row in listed(calls, document, "properties", "rows"):
            if not isinstance(row, list) or len(row) != len(columns):
                calls.unavailable("a row has not as many cells as there are columns")
            cost, day, currency = (row[columns.index(it)] for it in _COLUMNS)
            single_currency(calls, currency, self._settings.currency)
            found.append((str(day), amount_of(calls, cost)))
        return found


def _query(service: str, first: date, last: date) -> dict[str, object]:
    return {
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": f"{first:%Y-%m-%d}T00:00:00Z", "to": f"{last:%Y-%m-%d}T23:59:59Z"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "filter": {"dimensions": {"name": "ServiceName", "operator": "In", "values": [service]}},
        },
    }
