"""Circuits and results by digest: small ones are inside events, larger ones in chunks in a bucket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from queuebit_contracts.wire import INLINE_LIMIT, Payload
from queuebit_kernel import Fault, Unavailable, digest, require_token
from queuebit_planning.limits import MAX_SOURCE_BYTES
from queuebit_runtime.connection import APIError, Connection, NatsError, NotFoundError

__all__ = ["CHUNK", "IN_FLIGHT", "KeyValuePayloads", "Missing", "PayloadStore", "chunks", "describe"]

_T = TypeVar("_T")

CHUNK = 98_304

IN_FLIGHT = 8
"""Chunks of one content that are written or read at once: enough to keep the server busy, and under a megabyte."""

_TIMEOUT_S = 5.0


class Missing(Fault):
    """The content of a digest is missing, or does not match the digest."""

    code = "payload_missing"


class PayloadStore(Protocol):
    """The port for stored content."""

    async def put(self, tenant: str, content: bytes, media_type: str) -> Payload:
        """Store content and return its reference; storing the same content again changes nothing."""
        ...

    async def store(self, tenant: str, content: bytes, media_type: str) -> Payload:
        """Store content outside of events, even if small."""
        ...

    async def get(self, tenant: str, payload: Payload, *, limit: int = MAX_SOURCE_BYTES) -> bytes:
        """Return the content, at most `limit` bytes.

        Raises:
            Missing: it is missing, larger, or does not match its size and digest.
            Unavailable: the store did not answer.
        """
        ...


def describe(content: bytes, media_type: str) -> Payload:
    """A reference to content; includes small content that is text."""
    inline = None
    if len(content) <= INLINE_LIMIT:
        with contextlib.suppress(UnicodeDecodeError):
            inline = content.decode()
    return Payload(digest=digest(content), size=len(content), media_type=media_type, inline=inline)


async def chunks(size: int, one: Callable[[int], Awaitable[_T]]) -> list[_T]:
    """Call `one` with the number of each chunk of a content of `size` bytes, `IN_FLIGHT` at once; return all in order.

    The first failure cancels the others and is raised.
    """
    count = -(-size // CHUNK)
    if count == 1:
        return [await one(0)]
    numbers, done = iter(range(count)), dict[int, _T]()

    async def work() -> None:
        for number in numbers:
            done[number] = await one(number)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(count, IN_FLIGHT)):
                group.create_task(work())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [done[number] for number in range(count)]


class KeyValuePayloads:
    """Content in the bucket `PAYLOADS`, under `<tenant>.<digest>.<chunk>`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, tenant: str, content: bytes, media_type: str) -> Payload:
        payload = describe(content, media_type)
        return await self.store(tenant, content, media_type) if payload.inline is None else payload

    async def store(self, tenant: str, content: bytes, media_type: str) -> Payload:
        """Store content in the bucket, even if small."""
        payload = Payload(digest=digest(content), size=len(content), media_type=media_type)

        async def write(number: int) -> None:
            await self._write(_key(tenant, payload, number), content[number * CHUNK : (number + 1) * CHUNK])

        await chunks(len(content), write)
        return payload

    async def get(self, tenant: str, payload: Payload, *, limit: int = MAX_SOURCE_BYTES) -> bytes:
        if payload.size > limit:  # an event may claim any size: nothing is read
            raise Missing(f"{payload.digest} has {payload.size:,} bytes; the limit is {limit:,}")
        if payload.inline is not None:
            content = payload.inline.encode()
        else:
            read = await chunks(payload.size, lambda number: self._read(_key(tenant, payload, number)))
            content = b"".join(read)
            if not content and payload.size:
                raise Missing(f"the content of {payload.digest} was erased: submit it again")
        if len(content) != payload.size or digest(content) != payload.digest:
            raise Missing(f"the stored content does not match {payload.digest}: submit it again")
        return content

    async def erase(self, tenant: str, digest: str, size: int) -> None:
        """Replace each chunk of a content by an empty one: the server keeps only the newest of a subject.

        Raises:
            Unavailable: the store did not confirm.
        """
        payload = Payload(digest=digest, size=size, media_type="")

        async def empty(number: int) -> None:
            await self._write(_key(tenant, payload, number), b"")

        await chunks(size, empty)

    async def _write(self, key: str, chunk: bytes) -> None:
        js = self._connection.client.jetstream(timeout=_TIMEOUT_S)
        try:
            await js.publish(f"$KV.PAYLOADS.{key}", chunk, stream="KV_PAYLOADS")
        except (NatsError, APIError) as error:
            raise Unavailable(f"the payload store did not confirm: {error!r}") from error

    async def _read(self, key: str) -> bytes:
        """One chunk, from any replica; only the leader knows that it is missing."""
        js = self._connection.client.jetstream(timeout=_TIMEOUT_S)
        subject = f"$KV.PAYLOADS.{key}"
        try:
            try:
                found = await js.get_msg("KV_PAYLOADS", subject=subject, direct=True)
            except NotFoundError:
                found = await js.get_msg("KV_PAYLOADS", subject=subject)
        except NotFoundError as error:
            raise Missing(f"no content under {key}: submit it again") from error
        except (NatsError, APIError) as error:
            raise Unavailable(f"the payload store did not answer: {error!r}") from error
        return bytes(found.data or b"")


def _key(tenant: str, payload: Payload, number: int) -> str:
    return f"{require_token(tenant, 'tenant')}.{payload.digest.removeprefix('sha256:')}.{number}"
