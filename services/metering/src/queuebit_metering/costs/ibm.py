"""IBM Cloud's usage by month: `GET /v4/accounts/ID/resource_instances/usage/MONTH` (API 4.0.6, read 2026-11-30).

The request for a token (`/identity/token`) is written from knowledge of the API: compare it with IBM's reference
before use.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from queuebit_kernel.exact import total
from queuebit_metering.costs.calls import PAGES, Calls, amount_of, listed, single_currency
from queuebit_metering.costs.config import Ibm
from queuebit_metering.costs.port import Cost, cost_of_month

__all__ = ["IbmCosts"]

_GRANT = "urn:ibm:params:oauth:grant-type:apikey"


class IbmCosts:
    """Asks for the usage of instances of Qiskit Runtime. IBM says months, and no days."""

    vendor = "ibm"

    def __init__(self, settings: Ibm, calls: Calls) -> None:
        self._settings = settings
        self._calls = calls

    async def read(self, first: date, last: date) -> list[Cost]:
        """The costs of each month, so far."""
        headers = {"authorization": f"Bearer {await self._token()}"}
        months = sorted({(first.year, first.month), (last.year, last.month)})
        return [await self._month(year, month, headers) for year, month in months]

    async def _month(self, year: int, month: int, headers: dict[str, str]) -> Cost:
        settings, calls, words = self._settings, self._calls, {"_limit": "200"}
        amounts: defaultdict[str, list[Decimal]] = defaultdict(list, {settings.currency: []})
        base = f"{settings.url.rstrip('/')}/v4/accounts/{settings.account}/resource_instances/usage/{year}-{month:02}"
        for _ in range(PAGES):
            document = await calls.ask("GET", f"{base}?{urlencode(words)}", headers)
            for it in listed(calls, document, "resources"):
                if isinstance(it, dict) and it.get("resource_id") == settings.resource:
                    currency = single_currency(calls, it.get("currency_code"), settings.currency)
                    amounts[currency] += self._usage(it)
            start = _start(document.get("next"))
            if start is None:
                break
            words["_start"] = start
        else:
            calls.unavailable("its pages have no end")
        return cost_of_month(year, month, ((it, total(found)) for it, found in amounts.items()))

    def _usage(self, instance: Any) -> list[Decimal]:  # JSON
        found = listed(self._calls, instance, "usage")
        if not all(isinstance(it, dict) and "cost" in it for it in found):
            self._calls.unavailable("a metric has no cost: the interface has changed")
        return [amount_of(self._calls, it["cost"]) for it in found]

    async def _token(self) -> str:
        form = {"grant_type": _GRANT, "apikey": await self._settings.key.read()}
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        url = f"{self._settings.iam_url.rstrip('/')}/identity/token"
        token = (await self._calls.ask("POST", url, headers, urlencode(form).encode())).get("access_token")
        return token if isinstance(token, str) else self._calls.unavailable("its sign-in gives no token")


def _start(following: Any) -> str | None:  # JSON
    """The place of the next page. Only this word of its address counts: the token goes to no other host."""
    if not isinstance(following, dict) or not following.get("href"):
        return None
    return next(iter(parse_qs(urlsplit(str(following["href"])).query).get("_start", [])), None)
