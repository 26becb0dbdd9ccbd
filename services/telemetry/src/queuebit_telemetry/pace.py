"""When collected items are inserted: an insert of one row costs as much as one of hundreds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from math import inf

__all__ = ["Pace"]

_PAUSE_S = 0.2
"""Nothing new for this long: the next insert would not be much larger."""


@dataclass(slots=True)
class Pace:
    """Few large inserts while items keep arriving, a prompt one when they pause."""

    longest_s: float
    """How long an item waits for others at most."""
    apart_s: float
    """Inserts begin this far apart after a pause too: otherwise every job of a slow stream would have its own."""
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while waiting longer has no use."""
    oldest: float = inf
    """When the first item arrived that no insert took, by the event loop's clock: it may wait since the last insert."""
    newest: float = -inf
    """When the newest item arrived."""
    began: float = -inf
    """When the last insert began."""

    def arrived(self) -> None:
        """Note that there is an item more."""
        self.newest = _now()
        self.oldest = min(self.oldest, self.newest)

    async def collect(self) -> None:
        """Return when it is time to insert what was collected, and take it at once; call it when there is an item."""
        first = min(self.oldest, _now())
        while not self.complete.is_set():
            left = self.due(first) - _now()
            if left <= 0:
                break
            try:
                async with asyncio.timeout(left):
                    await self.complete.wait()
            except TimeoutError:
                continue
        self.began, self.oldest = _now(), inf

    def due(self, first: float) -> float:
        """When the insert begins, if the item at `first` is the oldest and no other arrives."""
        return min(first + self.longest_s, max(self.newest + _PAUSE_S, self.began + self.apart_s))


def _now() -> float:
    return asyncio.get_running_loop().time()
