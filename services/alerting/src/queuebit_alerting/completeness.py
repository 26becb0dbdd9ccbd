"""Whether the warehouse has what the log had a while ago: of a part of the log, waiting jobs look lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from queuebit_alerting.ports import Rows
from queuebit_kernel import Clock, Unavailable

__all__ = ["Completeness"]

_NEWEST: Final = "SELECT max(seq) AS seq FROM events"


class Completeness:
    """Compares the warehouse with the end of the log as it was seen before, so that no clock of another machine counts.

    While the warehouse is rebuilt from the log, or reads it late, the end of a job may be missing and its begin not.
    Objectives would then find cases that never were.
    """

    def __init__(
        self, warehouse: Rows, log_end: Callable[[], Awaitable[int]], clock: Clock, *, late_s: float = 15
    ) -> None:
        """Prepare.

        Args:
            warehouse: what is compared.
            log_end: the last sequence of the log; raises `Unavailable`.
            clock: measures how long ago an end was seen.
            late_s: how late the warehouse may be.
        """
        self._warehouse = warehouse
        self._log_end = log_end
        self._clock = clock
        self._late_s = late_s
        self._ends: deque[tuple[float, int]] = deque()

    async def require(self) -> None:
        """Return if the warehouse is complete.

        Raises:
            Unavailable: it is not, or one of the two does not answer; the text says how far it is.
        """
        now = self._clock.monotonic()
        self._ends.append((now, await self._log_end()))
        while len(self._ends) > 1 and self._ends[1][0] <= now - self._late_s:
            self._ends.popleft()
        rows = await self._warehouse.rows(_NEWEST, {})
        stored, due = int(rows[0]["seq"]), self._ends[0][1]
        if stored < due:
            raise Unavailable(
                f"the warehouse has the log up to {stored:,} of {due:,}: alerts of objectives stay as they are until "
                "it has caught up; `qb status` shows whether telemetry runs"
            )
