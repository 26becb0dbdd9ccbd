"""Erases contents of the payload store at the operator's request."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from queuebit_broker.following import follow
from queuebit_broker.ports import EventLog, Follower
from queuebit_broker.state import World
from queuebit_contracts.erasure import EraseAnswer, EraseRequest, PayloadsErased
from queuebit_contracts.subjects import TENANTS, subject_of
from queuebit_contracts.wire import Reason
from queuebit_kernel import Stale, event_id

__all__ = ["EraseContents"]


class _Eraser(Protocol):
    """The payload store, of which contents are erased."""

    async def erase(self, tenant: str, digest: str, size: int) -> None:
        """Replace the content of a digest by nothing; repeating it changes nothing.

        Raises:
            Unavailable: the store did not confirm.
        """
        ...


class EraseContents:
    """Appends the fact, then erases. A repetition after a crash finds the fact, and erases again."""

    def __init__(self, log: EventLog, follower: Follower, world: World, store: _Eraser) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._store = store

    async def __call__(self, request: EraseRequest) -> EraseAnswer:
        """Erase contents of a tenant.

        Raises:
            Unavailable: the log or the store did not confirm, or the view of the tenants lags; the same request can be
                made again.
        """
        wanted = request.erasure
        await follow(self._log, self._follower, TENANTS)  # another broker may have set a legal hold
        tenant = self._world.directory.tenant.get(wanted.tenant)
        if tenant is not None and tenant.legal_hold:
            text = f"tenant {wanted.tenant} is under a legal hold: {tenant.legal_hold}; nothing was erased"
            return EraseAnswer(errors=(Reason(code="legal_hold", text=text),))
        fact = PayloadsErased(
            id=event_id("payloads-erased", wanted.tenant, wanted.erasure), source="qb/broker", data=wanted
        )
        with suppress(Stale):  # an earlier request appended it, and may not have erased everything
            await self._log.append(fact, after=0, guard=subject_of(fact))
        for it in wanted.contents:
            await self._store.erase(wanted.tenant, it.digest, it.size)
        return EraseAnswer(erased=len(wanted.contents))
