"""Requests to a vendor's interface for costs: repeated while the vendor is busy, and read as exact JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from queuebit_contracts.issuers import LOOPBACK
from queuebit_metering.costs.port import CostsUnavailable
from queuebit_reconciliation import BadBill, exact_json, number
from queuebit_runtime.addresses import BadTarget, Rules
from queuebit_runtime.outbound import Outbound, Response

__all__ = ["PAGES", "Calls", "Document", "Sleep", "amount_of", "listed", "single_currency"]

Document = Mapping[str, Any]  # JSON

_WHOLE_S: Final = 30
_MOST: Final = 16 << 20
"""Bytes of an answer."""
_ABSENT: Final = 404
_PAUSES: Final = (1, 5, 20)
"""Seconds before the repetitions of a request; a vendor may ask for more."""
_LONGEST_PAUSE: Final = 120
PAGES: Final = 1000
"""Pages of an answer: a vendor whose pages have no end is not asked for ever."""

Sleep = Callable[[int], Awaitable[None]]


class Calls:
    """Requests to one vendor. The hosts are the operator's choice, so that they may be on a private network."""

    def __init__(self, vendor: str, *urls: str, sleep: Sleep = asyncio.sleep) -> None:
        hosts = {urlsplit(it).hostname or "" for it in urls}
        self._vendor = vendor
        self._outbound = Outbound(Rules("costs.toml", hosts, hosts & LOOPBACK), _WHOLE_S)
        self._sleep = sleep

    async def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Document:
        """Send a request and return the object in its answer.

        Raises:
            CostsUnavailable: the vendor does not answer, refuses, or answers no JSON object.
        """
        return self.object_in((await self._answer(method, url, headers, body, _MOST)).body)

    async def fetch(self, url: str, headers: Mapping[str, str], most: int) -> bytes | None:
        """Get a file; None if there is none.

        Raises:
            CostsUnavailable: the vendor does not answer, refuses, or the file is larger than `most` bytes.
        """
        answer = await self._answer("GET", url, headers, b"", most, absent=True)
        return None if answer.status == _ABSENT else answer.body

    async def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, most: int, *, absent: bool = False
    ) -> Response:
        for pause in (*_PAUSES, None):
            try:
                answer = await self._outbound.send(method, url, headers, body, most=most)
            except (BadTarget, OSError) as error:
                wait, reason = pause, str(error)
            else:
                if answer.status == 200 or (absent and answer.status == _ABSENT):
                    return answer
                wait, reason = _pause(answer, pause), f"it answers {answer.status}"
                if answer.status in (401, 403):
                    self.unavailable("it refuses the credentials: check costs.toml and the rights of its key")
            if wait is None:
                self.unavailable(reason)
            await self._sleep(wait)
        raise AssertionError("the last pause is None")

    def object_in(self, content: bytes) -> Document:
        """The JSON object in what a vendor sent.

        Raises:
            CostsUnavailable: it is none.
        """
        try:
            found = exact_json(content)
        except BadBill as error:
            self.unavailable(f"its answer cannot be read ({error.text}): is there a proxy in between?")
        if not isinstance(found, dict):
            self.unavailable("its answer is no JSON object")
        return found

    def unavailable(self, reason: str) -> NoReturn:
        """Raise `CostsUnavailable`; the reason must contain no secret."""
        raise CostsUnavailable(f"the costs of {self._vendor} are not known: {reason}")


def listed(calls: Calls, document: Document, *path: str) -> list[Any]:
    """A list in an answer.

    Raises:
        CostsUnavailable: there is none.
    """
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, list):
        calls.unavailable(f"its answer has no list {'.'.join(path)}: the interface has changed")
    return found


def amount_of(calls: Calls, value: object) -> Decimal:
    """An amount, which some vendors send as text.

    Raises:
        CostsUnavailable: it is none.
    """
    try:
        return number(format(value, "f") if isinstance(value, Decimal) else str(value))
    except BadBill as error:
        calls.unavailable(f"an amount is wrong: {error}")


def single_currency(calls: Calls, currency: object, expected: str) -> str:
    """The currency of an answer.

    Raises:
        CostsUnavailable: it is not the expected one.
    """
    if str(currency).upper() != expected:
        calls.unavailable(f"it answers in {currency!s:.10}, and costs.toml expects {expected}: set `currency`")
    return expected


def _pause(answer: Response, pause: int | None) -> int | None:
    """Seconds before the next try; None: there is none, because the answer would be the same, or tries ended."""
    if pause is None or not (answer.status == 429 or answer.status >= 500):
        return None
    asked = answer.headers.get("retry-after", "")
    return min(max(pause, int(asked) if asked.isdecimal() else 0), _LONGEST_PAUSE)
