"""AWS Cost Explorer, `GetCostAndUsage` by day.

The body is written from knowledge of the API: compare it with the API reference of AWS Cost Management before use.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from queuebit_kernel import Clock
from queuebit_kernel.exact import total
from queuebit_metering.costs.aws_keys import keys_of
from queuebit_metering.costs.calls import PAGES, Calls, amount_of, listed, single_currency
from queuebit_metering.costs.config import Aws
from queuebit_metering.costs.port import Cost, cost_of_day
from queuebit_runtime.aws_signature import sign

__all__ = ["AwsCosts"]

_METRIC = "UnblendedCost"
_TARGET = "AWSInsightsIndexService.GetCostAndUsage"


class AwsCosts:
    """Asks for the unblended cost of one service. AWS updates it several times a day, and calls it estimated."""

    vendor = "aws"

    def __init__(self, settings: Aws, calls: Calls, clock: Clock) -> None:
        self._settings = settings
        self._calls = calls
        self._clock = clock

    async def read(self, first: date, last: date) -> list[Cost]:
        """The costs of each day."""
        settings, days = self._settings, defaultdict[str, list[Decimal]](list)
        request: dict[str, Any] = {  # JSON
            "TimePeriod": {"Start": f"{first:%Y-%m-%d}", "End": f"{last + timedelta(days=1):%Y-%m-%d}"},
            "Granularity": "DAILY",
            "Metrics": [_METRIC],
            "Filter": {"Dimensions": {"Key": "SERVICE", "Values": [settings.service]}},
        }
        for _ in range(PAGES):
            document = await self._ask(request)
            for it in listed(self._calls, document, "ResultsByTime"):
                day, amount = self._result(it)
                days[day].append(amount)
            if not (token := document.get("NextPageToken")):
                break
            request["NextPageToken"] = token
        else:
            self._calls.unavailable("its pages have no end")
        count = (last - first).days + 1
        return [
            cost_of_day(day, {settings.currency: total(days[f"{day:%Y-%m-%d}"])})
            for day in (first + timedelta(days=it) for it in range(count))
        ]

    async def _ask(self, request: dict[str, Any]) -> Any:  # JSON
        settings = self._settings
        keys = await keys_of(settings)
        url, body = f"{settings.url.rstrip('/')}/", json.dumps(request).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": _TARGET}
        signed = sign(keys, "ce", "POST", url, body, self._clock.now(), headers)
        return await self._calls.ask("POST", url, signed, body)

    def _result(self, result: Any) -> tuple[str, Decimal]:  # JSON
        try:
            cost = result["Total"][_METRIC]
            day, amount, unit = result["TimePeriod"]["Start"], cost["Amount"], cost["Unit"]
        except (KeyError, TypeError):
            self._calls.unavailable(f"a day has no {_METRIC}: the interface has changed")
        found = amount_of(self._calls, amount)
        if found:  # of a day without usage, AWS states `N/A` or USD
            single_currency(self._calls, unit, self._settings.currency)
        return str(day), found
