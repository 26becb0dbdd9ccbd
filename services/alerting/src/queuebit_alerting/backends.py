"""Backends whose executor does not answer, as the scheduler sees them: a page for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from queuebit_alerting.ports import BackendState, Liveness
from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence
from queuebit_kernel import Clock

__all__ = ["BackendsDown"]

_SILENT_S: Final = 8.0
"""How long the same silence must last between two rounds: two of ten seconds see it, and one does not."""


class BackendsDown:
    """A backend is down while its executor gives no answer. It must have answered since this process started.

    So a backend that was removed while the stack was down pages no person, and neither does one that is slow to start.
    What was down before this process started stays as it is until the backend answers.
    """

    def __init__(self, liveness: Liveness, clock: Clock, *, silent_s: float = _SILENT_S) -> None:
        self._liveness = liveness
        self._clock = clock
        self._silent_s = silent_s
        self._answered: set[str] = set()
        self._silences: dict[str, tuple[datetime, float]] = {}
        """Since when a backend is silent, and when this process saw that first, by the monotonic clock."""

    @property
    def answered(self) -> int:
        """How many backends answered since this process started."""
        return len(self._answered)

    async def look(self) -> Sequence[BackendState]:
        """Note who answers. A process that does not lead does so too, to know it when it leads.

        Raises:
            Unavailable: the scheduler does not answer.
        """
        states = await self._liveness.backends()
        for it in states:
            known = self._silences.get(it.backend)
            if it.silent_since is None:
                self._silences.pop(it.backend, None)
                if it.live:
                    self._answered.add(it.backend)
            elif known is None or known[0] != it.silent_since:
                self._silences[it.backend] = it.silent_since, self._clock.monotonic()
        return states

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """One signal for each backend that answered once; see `SignalSource`."""
        return [self._signal(it, now) for it in await self.look() if it.backend in self._answered]

    def _signal(self, state: BackendState, now: datetime) -> Signal:
        name = state.backend
        labels = {"alertname": "BackendDown", "severity": "page", "backend": name}
        if name not in self._silences:
            return Signal(labels, {}, firing=False, at=now)
        since, seen = self._silences[name]
        lasts = self._clock.monotonic() - seen >= self._silent_s
        return Signal(
            labels,
            {"summary": f"{name}: its executor has not answered since {since:%Y-%m-%d %H:%M:%S} UTC"},
            firing=True if lasts else None,
            at=now,
            evidence=Evidence(since=since),
        )
