"""Backends whose executor does not answer, as the scheduler sees them: a page for each executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from queuebit_alerting.ports import BackendState, Liveness
from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence
from queuebit_contracts.backend import BackendInterrupted, BackendRegistered, BackendRestored
from queuebit_kernel import Clock
from queuebit_runtime.stored import Stored

__all__ = ["BackendsDown"]

_NAME: Final = "BackendDown"
_SILENT_S: Final = 8.0
"""How long the same silence must last between two rounds: two of ten seconds see it, and one does not."""
_START_S: Final = 300.0
"""How long a backend that never answered this process must be silent: an executor may be slow to start."""
_OLD: Final = timedelta(days=1)
"""An interruption that is older when this process first sees it is known, or is that of a backend that was removed."""


class BackendsDown:
    """A backend is down while its executor gives no answer, if it answered since this process started.

    One that did not is down if the log says that it is out of service, since less than a day, unless another backend
    of its executor answers: then the executor runs without it, because it was removed.

    All backends of an executor have its name as a label: they are one group, so one page and one incident.
    """

    def __init__(
        self,
        liveness: Liveness,
        clock: Clock,
        firing: Callable[[], Iterable[Mapping[str, str]]] = tuple,
        *,
        silent_s: float = _SILENT_S,
    ) -> None:
        """Prepare; `firing` returns the labels of all alerts that fire."""
        self._liveness = liveness
        self._clock = clock
        self._firing = firing
        self._silent_s = silent_s
        self._answered: set[str] = set()
        self._silences: dict[str, tuple[datetime, float]] = {}
        """Since when a backend is silent, and when this process saw that first, by the monotonic clock."""
        self._executors: dict[str, str] = {}
        """The executor of each backend."""
        self._interrupted: dict[str, datetime] = {}
        """Backends that are out of service, and since when."""

    @property
    def answered(self) -> int:
        """How many backends answered since this process started."""
        return len(self._answered)

    def take(self, stored: Stored) -> None:
        """Fold a fact about a backend."""
        match stored.event:
            case BackendRegistered(data=data):
                self._executors[data.backend] = data.stack
            case BackendInterrupted(data=data):
                self._interrupted[data.backend] = data.since
            case BackendRestored(data=data):
                self._interrupted.pop(data.backend, None)

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
        """One signal for each backend that answered, or is out of service; see `SignalSource`."""
        states = await self.look()
        alive = {self._executors.get(it.backend) for it in states if it.silent_since is None and it.live}
        found = [
            self._signal(it.backend, now)
            for it in states
            if it.backend in self._answered or self._hung_before(it.backend, alive, now)
        ]
        return [*found, *self._renamed(found, now)]

    def _hung_before(self, backend: str, alive: set[str | None], now: datetime) -> bool:
        since, executor = self._interrupted.get(backend), self._executors.get(backend)
        if since is None or executor is None or executor in alive or backend not in self._silences:
            return False
        seen = self._silences[backend][1]
        return self._clock.monotonic() - seen >= _START_S and now - since <= _OLD

    def _signal(self, name: str, now: datetime) -> Signal:
        labels = {"alertname": _NAME, "severity": "page", "backend": name}
        if executor := self._executors.get(name):
            labels["executor"] = executor
        if name not in self._silences:
            return Signal(labels, {}, firing=False, at=now)
        since, seen = self._silences[name]
        since = min(since, self._interrupted.get(name, since))
        lasts = self._clock.monotonic() - seen >= self._silent_s
        return Signal(
            labels,
            {"summary": f"{name}: its executor has not answered since {since:%Y-%m-%d %H:%M:%S} UTC"},
            firing=True if lasts else None,
            at=now,
            evidence=Evidence(since=since),
        )

    def _renamed(self, found: Sequence[Signal], now: datetime) -> list[Signal]:
        """The end of alerts with the labels of an earlier version, or of another executor of the backend."""
        current = {it.labels["backend"]: it.labels for it in found}
        mine = [it for it in self._firing() if it.get("alertname") == _NAME and it.get("backend") in current]
        return [Signal(it, {}, firing=False, at=now) for it in mine if it != current[it["backend"]]]
