"""Stores and reads circuits and results that are too large for an event."""

from __future__ import annotations

from queuebit.errors import NotFound, Unreachable
from queuebit.transport import Transport
from queuebit.writing import write
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest
from queuebit_runtime.lag import read_past_lag
from queuebit_runtime.payloads import CHUNK, chunks, describe

__all__ = ["Payloads", "checked"]


def checked(content: bytes, payload: Payload) -> bytes:
    """The content that was read, if it is that of its reference.

    Raises:
        NotFound: it was erased, or is another one.
    """
    if not content and payload.size:
        raise NotFound(f"the content of {payload.digest} was erased: its receipt is still valid")
    if digest(content) != payload.digest:
        raise NotFound(f"the content stored under {payload.digest} has another digest: tell the operator")
    return content


class Payloads:
    """The payload store as one tenant sees it."""

    def __init__(self, transport: Transport, tenant: str) -> None:
        self._transport = transport
        self._tenant = tenant

    async def put(self, content: bytes, media_type: str) -> Payload:
        """Store content that is too large for an event; return its reference."""
        payload = describe(content, media_type)
        await self.keep(payload, content)
        return payload

    async def keep(self, payload: Payload, content: bytes) -> None:
        """Store the content of a reference that does not include it."""
        if payload.inline is None:
            await self._store(payload, content)

    async def store(self, content: bytes, media_type: str) -> Payload:
        """Keep content outside of any event, however small; return its reference."""
        payload = describe(content, media_type).model_copy(update={"inline": None})
        await self._store(payload, content)
        return payload

    async def _store(self, payload: Payload, content: bytes) -> None:
        async def store(number: int) -> None:
            chunk = content[number * CHUNK : (number + 1) * CHUNK]
            answer = await write(self._transport, self._key(payload, number), chunk)
            if error := answer.get("error"):
                raise Unreachable(f"the circuit was not stored: {error.get('description')}; see `qb doctor`")

        await chunks(len(content), store)

    async def get(self, payload: Payload) -> bytes:
        """Return content after checking its digest."""
        if payload.inline is not None:
            return payload.inline.encode()
        content = b"".join(await chunks(payload.size, lambda number: self._chunk(payload, number)))
        return checked(content, payload)

    async def _chunk(self, payload: Payload, number: int) -> bytes:
        """One chunk. It was stored before the event that names it: if a replica does not have it yet, retry."""

        async def stored() -> bytes | None:
            reply = await self._transport.request(f"$JS.API.DIRECT.GET.KV_PAYLOADS.{self._key(payload, number)}")
            status = reply.headers.get("Status")
            if status not in (None, "404"):
                raise NotFound(f"chunk {number} of {payload.digest} cannot be read ({status})")
            return reply.body if status is None else None

        if (chunk := await read_past_lag(stored)) is None:
            raise NotFound(f"chunk {number} of {payload.digest} cannot be read: it is not stored")
        return chunk

    def _key(self, payload: Payload, number: int) -> str:
        return f"$KV.PAYLOADS.{self._tenant}.{payload.digest.removeprefix('sha256:')}.{number}"
