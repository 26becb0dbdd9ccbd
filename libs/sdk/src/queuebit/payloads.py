"""Circuits and results that are too large for an event, over the same transport."""

from __future__ import annotations

import asyncio

from queuebit.errors import NotFound, Unreachable
from queuebit.transport import Transport
from queuebit.writing import write
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest
from queuebit_runtime.payloads import CHUNK, describe

__all__ = ["Payloads"]

_LAG_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Pauses before a chunk is looked for again."""


class Payloads:
    """The payload store, seen by one tenant."""

    def __init__(self, transport: Transport, tenant: str) -> None:
        self._transport = transport
        self._tenant = tenant

    async def put(self, content: bytes, media_type: str) -> Payload:
        """Keep content where it is too large to ride inside an event; return its reference."""
        payload = describe(content, media_type)
        if payload.inline is None:
            for number, start in enumerate(range(0, len(content), CHUNK)):
                answer = await write(self._transport, self._key(payload, number), content[start : start + CHUNK])
                if error := answer.get("error"):
                    raise Unreachable(f"the circuit was not stored: {error.get('description')}; `qb doctor` helps")
        return payload

    async def get(self, payload: Payload) -> bytes:
        """Return content, checked against its digest."""
        if payload.inline is not None:
            return payload.inline.encode()
        content = b"".join([await self._chunk(payload, n) for n in range(-(-payload.size // CHUNK))])
        if digest(content) != payload.digest:
            raise NotFound(f"what is stored under {payload.digest} has another digest: tell the platform's operator")
        return content

    async def _chunk(self, payload: Payload, number: int) -> bytes:
        """One chunk. An event names it, so it was stored: where a replica does not have it yet, it is asked again."""
        for pause in (*_LAG_S, None):
            reply = await self._transport.request(f"$JS.API.DIRECT.GET.KV_PAYLOADS.{self._key(payload, number)}")
            if (status := reply.headers.get("Status")) is None:
                return reply.body
            if status != "404" or pause is None:
                break
            await asyncio.sleep(pause)
        raise NotFound(f"chunk {number} of {payload.digest} cannot be read ({status})")

    def _key(self, payload: Payload, number: int) -> str:
        return f"$KV.PAYLOADS.{self._tenant}.{payload.digest.removeprefix('sha256:')}.{number}"
