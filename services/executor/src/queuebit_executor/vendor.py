"""The children behind the port `Vendor`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from queuebit_contracts.job import Measure, Usage
from queuebit_contracts.results import ItemResult
from queuebit_contracts.wire import Digest
from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.answers import ItemRan, Refused, Submitted, Text, Used
from queuebit_executor.child_answers import read_as, read_item, read_submitted
from queuebit_executor.errors import (
    BACKEND_ERROR,
    NO_ACCESS,
    NOT_REACHABLE,
    UNKNOWN_HANDLE,
    PluginFailed,
    VendorAway,
)
from queuebit_executor.frames import with_sources
from queuebit_executor.manifest import Manifest, SentItem
from queuebit_executor.ports import ItemWork
from queuebit_executor.worker_pool import WorkerPool
from queuebit_kernel import Unavailable
from queuebit_planning.limits import TRANSIENT
from queuebit_runtime.frames import Frame

__all__ = ["ChildVendor"]

_A = TypeVar("_A")
_Head = dict[str, Any]  # plain JSON
_log = logging.getLogger(__name__)


class ChildVendor:
    """Has one of a backend's children ask the vendor."""

    def __init__(self, circuits: ChildCircuits) -> None:
        self._circuits = circuits

    def max_items(self, backend: str) -> int:
        return self._circuits.max_items(backend)

    async def submit(
        self, backend: str, items: Sequence[ItemWork], owner: str, *, budget_us: int, token: str
    ) -> Submitted | Refused:
        most, target = self.max_items(backend), self._circuits.target(backend)
        head, body = with_sources(map(_request, items))
        head |= _head("submit", backend, owner=owner, budget_us=budget_us, token=token, most=most, target=target)
        head |= self._circuits.without(backend)
        found = await self._ask(owner, head, read_submitted, body)
        return found if isinstance(found, Submitted) else _unless_unasked(found)

    async def find(
        self, backend: str, items: Sequence[ItemWork], owner: str, token: str, *, incomplete: bool = False
    ) -> Submitted:
        head, body = with_sources(map(_request, items))
        head |= _head("find", backend, owner=owner, token=token, target=self._circuits.target(backend))
        head |= self._circuits.without(backend)
        head["incomplete"] = incomplete
        found = await self._ask(owner, head, read_submitted, body)
        if isinstance(found, Refused):
            _of_a_run(found)
            return Submitted()
        return found

    async def ended(self, backend: str, handle: str, owner: str) -> bool:
        found = await self._ask(owner, _head("poll", backend, handle=handle), read_as(Text))
        if isinstance(found, Refused):
            _of_a_run(found)
            return True  # `collect` says why: the vendor does not know the run, or failed
        return found.text == "ended"

    async def collect(
        self, backend: str, handle: str, items: Sequence[ItemWork], manifest: Manifest, owner: str
    ) -> list[ItemResult] | Refused:
        sent = [(work, it) for work, it in zip(items, manifest.items, strict=True) if it.circuits]
        requests = [({**_request(work)[0], "circuits": it.circuits}, work.source) for work, it in sent]
        head, body = with_sources(requests)
        head |= _head("collect", backend, handle=handle, rebuilt=manifest.rebuilt)
        found: list[ItemRan | Refused] = []
        while len(found) < len(sent):
            await self._circuits.pause.over()
            async with self._pool(backend).borrow(owner) as child:
                ask, most = {**head, "from": len(found)}, len(sent) - len(found)
                refused = await child.ask_each(ask, read_item, body, found.append, most)
            refused = refused or next((it for it in found if isinstance(it, Refused)), None)
            if refused is not None:
                self._circuits.pause.note(refused)
                return _of_a_run(refused)
        results = iter([it.result for it in found if isinstance(it, ItemRan)])
        return [_result(it, next(results) if it.circuits else None) for it in manifest.items]

    async def calibration(self, backend: str) -> Digest | None:
        try:
            return (await self._circuits.recalibrate(backend)).calibration
        except Unavailable as fault:
            _log.warning("the calibration of %s at the end of a run is not known: %s", backend, fault)
            return self._circuits.calibrated(backend)

    async def cancel(self, backend: str, handle: str, owner: str) -> None:
        found = await self._ask(owner, _head("cancel", backend, handle=handle), read_as(Text))
        if isinstance(found, Refused):
            _of_a_run(found)

    async def usage(self, backend: str, handle: str, owner: str) -> tuple[Measure, ...]:
        found = await self._ask(owner, _head("usage", backend, handle=handle), read_as(Used))
        if isinstance(found, Refused):
            if _of_a_run(found).error.code != UNKNOWN_HANDLE:
                raise PluginFailed(found)  # the run may be charged: its usage is not known, and not 0
            return ()
        return found.measures

    async def _ask(
        self, owner: str, head: _Head, read: Callable[[Frame], _A | Refused], body: bytes = b""
    ) -> _A | Refused:
        """Have a child of this tenant ask, once the vendor may be asked."""
        await self._circuits.pause.over()
        found = await self._pool(head["backend"]).ask(head, read, body, line=owner)
        self._circuits.pause.note(found)
        return found

    def _pool(self, backend: str) -> WorkerPool:
        return self._circuits.runners[backend]


def _head(op: str, backend: str, **more: Any) -> _Head:
    return {"op": op, "backend": backend, **more}


def _request(work: ItemWork) -> tuple[_Head, bytes]:
    head = {name: value for name, value in work.head.items() if name != "token"}
    return {"parameters": dict(work.item.parameters), **head}, work.source


def _result(sent: SentItem, found: ItemResult | None) -> ItemResult:
    """The result of an item: what the vendor returned, with what was known when it was submitted."""
    if sent.reason is not None:
        return ItemResult(state="failed", reason=sent.reason, usage=found.usage if found else Usage())
    if found is None:
        return ItemResult(state="failed")
    usage = found.usage.model_copy(update={"qubits": sent.qubits})
    return found.model_copy(update={"compilations": sent.compilations, "usage": usage})


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
