"""The time until a vendor may be asked again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from queuebit_executor.answers import Refused

__all__ = ["LONGEST_S", "VendorPause"]

LONGEST_S = 900
"""The longest pause, in seconds: a vendor that asks for more is asked after it all the same."""

_log = logging.getLogger(__name__)


class VendorPause:
    """Keeps all calls of an executor from a vendor until the time that it asked for in `Retry-After` is over.

    One executor serves one vendor, whose limits are those of an account: what is asked of one call holds for all.
    """

    def __init__(
        self,
        now: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._until = 0.0

    async def over(self) -> None:
        """Wait until the vendor may be asked."""
        while (left_s := self._until - self._now()) > 0:
            await self._sleep(left_s)

    def note(self, answer: object) -> None:
        """Keep the pause that an answer asks for; a longer one before it stays."""
        if not isinstance(answer, Refused) or not answer.wait_s:
            return
        pause_s = min(answer.wait_s, LONGEST_S)
        self._until = max(self._until, self._now() + pause_s)
        _log.warning("the vendor asks to wait %d s: it is not asked for %d s", answer.wait_s, pause_s)
