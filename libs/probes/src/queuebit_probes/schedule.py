"""What is due. Time is cut into slots of each probe and backend, so that a run has the same name in every process.

A slot is named by its begin: then another length of a probe's slots, or a clock that was wrong for a while, stops none.

Two copies of the prober, or one that restarts, therefore submit the same job and store the same finding: idempotency
follows from the slot, and no process needs to know what another does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from queuebit_contracts.probe_documents import Probes

__all__ = ["Due", "due"]


@dataclass(frozen=True, slots=True)
class Due:
    """One run that is to be done."""

    probe: str
    backend: str
    slot: int
    """Its begin, in seconds since 1970."""

    @property
    def run(self) -> str:
        """Its name, among the runs of its backend."""
        return f"{self.probe}-{self.slot}"


def due(document: Probes, backends: Iterable[str], newest: Mapping[tuple[str, str], int], now: datetime) -> list[Due]:
    """What is to run now: first what has not run for longest, so that slow backends do not keep others from running.

    Args:
        document: what runs where.
        backends: those that are registered.
        newest: the slot of the last finding, by probe and backend. It may be a later one, of a clock that was wrong.
        now: an aware time.
    """
    known = sorted(backends)
    found = [
        Due(name, backend, _slot(name, backend, probe.every_minutes * 60, now))
        for name, probe in sorted(document.probe.items())
        for backend in probe.chosen(known)
    ]
    waiting = [it for it in found if newest.get((it.probe, it.backend)) != it.slot]
    return sorted(waiting, key=lambda it: newest.get((it.probe, it.backend), -1))


def _slot(probe: str, backend: str, every_s: int, now: datetime) -> int:
    """The begin of the slot. Slots of different probes and backends begin at different times, to spread the load."""
    begins = int.from_bytes(sha256(f"{probe}\n{backend}".encode()).digest()[:8]) % every_s
    return int(now.timestamp() - begins) // every_s * every_s + begins
