"""Has devices compiled without the qubits and couplers that the log says are not used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from queuebit_contracts.fleet import BackendDegraded
from queuebit_executor.answers import Described
from queuebit_kernel import Stale, Unavailable
from queuebit_runtime.stored import Stored

__all__ = ["Degradations"]

_log = logging.getLogger(__name__)

_AGAIN_S = 5.0
"""Pause before a change that came to no end is tried again."""


class _Circuits(Protocol):
    async def exclude(self, backend: str, without: Sequence[tuple[int, ...]]) -> Described: ...


class Degradations:
    """Folds which elements of each backend are not used, and passes each new description."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._newest: dict[str, tuple[tuple[int, ...], ...]] = {}
        self._due: set[str] = set()
        self._changed = asyncio.Event()

    def take(self, stored: Stored) -> None:
        """Fold a fact about a backend."""
        if isinstance(stored.event, BackendDegraded):
            data = stored.event.data
            self._newest[data.backend] = (*((it,) for it in data.qubits), *data.couplers)
            self._due.add(data.backend)
            self._changed.set()

    async def run(
        self, circuits: _Circuits, backends: Sequence[str], changed: Callable[[Described], Awaitable[None]]
    ) -> None:
        """Work until cancelled.

        Args:
            circuits: has children compile without elements.
            backends: those of this executor.
            changed: takes the new description of a backend.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            for backend in [it for it in backends if it in self._due]:
                self._due.discard(backend)
                try:
                    await changed(await circuits.exclude(backend, self._newest[backend]))
                except (Stale, Unavailable) as fault:
                    _log.warning("%s is not compiled without some elements yet: %s", backend, fault)
                    self._due.add(backend)
                    asyncio.get_running_loop().call_later(_AGAIN_S, self._changed.set)
                else:
                    _log.info("%s is compiled without %d elements", backend, len(self._newest[backend]))
