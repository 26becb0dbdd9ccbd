"""Reads the jobs of one tenant from the log of a stack, and finds which contents can be erased."""

from __future__ import annotations

from queuebit_audit.erasable import Contents, Found, Scope, subjects_of
from queuebit_audit.inspection import as_operator, following
from queuebit_audit.target import Target
from queuebit_contracts.catalog import decode
from queuebit_contracts.wire import Payload, UnknownEvent
from queuebit_kernel import Malformed
from queuebit_runtime.payloads import KeyValuePayloads, Missing
from queuebit_runtime.view import Raw, View

__all__ = ["find_erasable"]

_LIMIT = 64 << 20
"""The largest program or result in which references are looked for."""


async def find_erasable(target: Target, scope: Scope) -> Found:
    """Find the contents of a scope that can be erased, and what stays.

    Raises:
        InvalidId: the tenant is no name.
        Unavailable: the bus does not answer.
    """
    contents = Contents(scope.tenant)

    def take(raw: Raw) -> None:
        try:
            event = decode(raw.body, raw.subject)
        except Malformed:
            return
        if not isinstance(event, UnknownEvent):
            contents.take(event, raw.subject, raw.sequence)

    subjects = subjects_of(scope.tenant)
    async with as_operator(target) as bus:
        view, store = View(bus, "operator", subjects, take), KeyValuePayloads(bus)
        await following(view, view.caught_up.wait())

        async def read(payload: Payload) -> bytes | None:
            try:
                return await store.get(scope.tenant, payload, limit=_LIMIT)
            except Missing:
                return None

        return await contents.find(scope, read)
