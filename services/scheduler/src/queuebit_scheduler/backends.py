"""Every backend that the log names: its capacity, and whether it is in service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from sys import intern

from queuebit_contracts.backend import BackendInterrupted, BackendRegistered, BackendRestored
from queuebit_contracts.fleet import BackendIsolated, BackendReadmitted
from queuebit_scheduling import BackendCapacity, micros

__all__ = ["Backends"]


class Backends:
    """Capacities by name. A backend without slots has not registered."""

    def __init__(self, places_per_slot: int) -> None:
        self._places_per_slot = places_per_slot
        self._capacity: dict[str, BackendCapacity] = {}
        self._kinds: dict[str, str] = {}
        self.answering: set[str] = set()
        """Those that promised to answer."""
        self.queueing: set[str] = set()
        """Those whose vendor has reported its queue."""
        self._interrupted: dict[str, datetime] = {}
        self._isolated: dict[str, tuple[datetime, int]] = {}
        """Those that are isolated: since when, and the sequence of the fact."""

    def __getitem__(self, name: str) -> BackendCapacity:
        return self._capacity.get(name) or BackendCapacity(name, 0, 0)

    def __setitem__(self, name: str, capacity: BackendCapacity) -> None:
        self._capacity[name] = capacity

    @property
    def interrupted(self) -> dict[str, datetime]:
        """Those that are out of service, and since when."""
        return {**self._interrupted}

    @property
    def isolated(self) -> dict[str, tuple[datetime, int]]:
        """Those that are isolated: since when, and the sequence of the fact in the log."""
        return {**self._isolated}

    def out(self) -> set[str]:
        """Those that are out of service or isolated, as the log says."""
        return {*self._interrupted, *self._isolated}

    def isolate(self, backend: str, since: datetime, sequence: int) -> None:
        """Note that the log has the fact, before or when the view shows it."""
        self._isolated[backend] = since, sequence
        self._note_isolation(backend)

    def take_isolation(self, event: BackendIsolated | BackendReadmitted, sequence: int) -> None:
        """Fold a fact; one that is older than an isolation that this process appended changes nothing."""
        backend = event.data.backend
        _, newest = self._isolated.get(backend, (None, 0))
        if sequence < newest:
            return
        if isinstance(event, BackendIsolated):
            self.isolate(backend, event.data.since, sequence)
        else:
            self._isolated.pop(backend, None)
            self._note_isolation(backend)

    def _note_isolation(self, name: str) -> None:
        since, _ = self._isolated.get(name, (None, 0))
        self._capacity[name] = replace(self[name], isolated_since_us=None if since is None else micros(since))

    def kinds(self) -> dict[str, int]:
        """The slots of all registered backends of each kind."""
        slots: dict[str, int] = {}
        for it in self.registered():
            kind = self.kind(it.name)
            slots[kind] = slots.get(kind, 0) + it.slots
        return slots

    def kind(self, name: str) -> str:
        """The kind of a backend; empty before its registration."""
        return self._kinds.get(name, "")

    def registered(self) -> Iterator[BackendCapacity]:
        """Those that can run jobs."""
        return (it for it in self._capacity.values() if it.slots)

    def take(self, event: BackendRegistered | BackendInterrupted | BackendRestored) -> None:
        """Fold a fact about a backend."""
        match event:
            case BackendRegistered(data=data):
                self.offer(data.backend, data.slots, data.kind)
                promised = data.answers_alive and data.slots
                (self.answering.add if promised else self.answering.discard)(data.backend)
            case BackendInterrupted(data=interruption):
                self._interrupted[interruption.backend] = interruption.since
                self._serve(interruption.backend)
            case BackendRestored(data=restoration):
                self._interrupted.pop(restoration.backend, None)
                self._serve(restoration.backend)

    def offer(self, name: str, slots: int, kind: str) -> None:
        """Note how many jobs run at the same time on a backend, and its kind."""
        self._kinds[name] = intern(kind)
        self._capacity[name] = replace(self[name], slots=slots, queue_depth=slots * self._places_per_slot)

    def restore(
        self,
        slots: Mapping[str, tuple[int, str]],
        answering: set[str],
        interrupted: Mapping[str, datetime],
        isolated: Mapping[str, tuple[datetime, int]],
    ) -> None:
        """Take what was known earlier."""
        self.answering, self._interrupted = answering, {**interrupted}
        for name in slots:
            self.offer(name, *slots[name])
        for name in interrupted:
            self._serve(name)
        for name, (since, sequence) in isolated.items():
            self.isolate(name, since, sequence)

    def _serve(self, name: str) -> None:
        """Note in its capacity whether a backend is in service."""
        since = self._interrupted.get(name)
        self._capacity[name] = replace(self[name], out_since_us=None if since is None else micros(since))

    def queue(self, waits_us: Mapping[str, int]) -> bool:
        """Note the expected waits in the queues of vendors, by backend; return whether anything changed."""
        before = dict(self._capacity)
        for name, it in before.items():
            self._capacity[name] = replace(it, queue_us=waits_us.get(name, 0))
        self.queueing |= waits_us.keys()
        return before != self._capacity

    def silence(self, since: Mapping[str, datetime]) -> bool:
        """Note which backends do not answer, and since when; return whether anything changed."""
        before = dict(self._capacity)
        for name, it in before.items():
            silent_since_us = micros(since[name]) if name in since else None
            self._capacity[name] = replace(it, silent_since_us=silent_since_us)
        return before != self._capacity
