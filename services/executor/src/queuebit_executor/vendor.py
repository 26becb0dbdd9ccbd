"""The children behind the port `Vendor`."""

from __future__ import annotations

from typing import Any

from queuebit_contracts.job import Measure
from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.answers import Collected, Refused, Submitted, Text, Used
from queuebit_executor.child_answers import read_as
from queuebit_executor.errors import BACKEND_ERROR, NO_ACCESS, NOT_REACHABLE, PluginFailed, VendorAway
from queuebit_executor.worker_pool import WorkerPool
from queuebit_planning.limits import TRANSIENT
from queuebit_runtime.frames import Frame

__all__ = ["ChildVendor"]

_Head = dict[str, Any]  # plain JSON


class ChildVendor:
    """Has one of a backend's children ask the vendor."""

    def __init__(self, circuits: ChildCircuits) -> None:
        self._circuits = circuits

    async def submit(
        self, backend: str, source: bytes, shots: int, seed: int, *, budget_us: int, token: str
    ) -> Submitted | Refused:
        work: _Head = {"shots": shots, "seed": seed, "budget_us": budget_us, "token": token}
        work["target"] = self._circuits.target(backend)
        found = await self._pool(backend).ask(_head("submit", backend, **work), read_as(Submitted), source)
        return found if isinstance(found, Submitted) else _unless_unasked(found)

    async def find(self, backend: str, source: bytes, token: str) -> Submitted:
        found = await self._pool(backend).ask(_head("find", backend, token=token), read_as(Submitted), source)
        if isinstance(found, Refused):
            _of_a_run(found)
            # the backend of today does not take the circuit; the vendor may have taken it all the same
            return await self.find(backend, b"", token) if source else Submitted()
        return found

    async def ended(self, backend: str, handle: str) -> bool:
        found = await self._pool(backend).ask(_head("poll", backend, handle=handle), read_as(Text))
        if isinstance(found, Refused):
            return _of_a_run(found) is found  # a run that the vendor does not know will not go on
        return found.text == "ended"

    async def collect(self, backend: str, handle: str) -> bytes | Refused:
        found = await self._pool(backend).ask(_head("collect", backend, handle=handle), _collected)
        if isinstance(found, Refused):
            return _of_a_run(found)
        return found.counts if found.failed is None else Refused(error=found.failed)

    async def cancel(self, backend: str, handle: str) -> None:
        found = await self._pool(backend).ask(_head("cancel", backend, handle=handle), read_as(Text))
        if isinstance(found, Refused):
            _of_a_run(found)

    async def usage(self, backend: str, handle: str) -> tuple[Measure, ...]:
        found = await self._pool(backend).ask(_head("usage", backend, handle=handle), read_as(Used))
        if isinstance(found, Refused):
            _of_a_run(found)
            return ()
        return found.measures

    def _pool(self, backend: str) -> WorkerPool:
        return self._circuits.runners[backend]


def _head(op: str, backend: str, **more: Any) -> _Head:
    return {"op": op, "backend": backend, **more}


def _collected(frame: Frame) -> Collected | Refused:
    head, counts = frame
    return read_as(Collected)(({**head, "counts": counts}, b""))


def _unless_unasked(refused: Refused) -> Refused:
    """Raise where the answer says nothing of the run: the vendor is away, or the plugin failed while it asked."""
    if refused.error.code == NOT_REACHABLE:
        raise VendorAway(refused.error.message)
    if refused.error.code == BACKEND_ERROR or refused.error.code in TRANSIENT:
        raise PluginFailed(refused)
    return refused


def _of_a_run(refused: Refused) -> Refused:
    """The same for a run that the vendor may have: an account that is refused says nothing of it.

    The operator can correct the account, and the run goes on.
    """
    if refused.error.code in NO_ACCESS:
        raise VendorAway(refused.error.message)
    return _unless_unasked(refused)
