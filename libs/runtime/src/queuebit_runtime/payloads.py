"""Circuits and results by digest: small ones ride inside events, larger ones lie in the bucket in chunks."""

from __future__ import annotations

from typing import Protocol

from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError

from queuebit_contracts.wire import Payload
from queuebit_kernel import Fault, Unavailable, digest, require_token
from queuebit_planning.limits import MAX_SOURCE_BYTES
from queuebit_runtime.connection import Connection

__all__ = ["CHUNK", "INLINE_LIMIT", "KeyValuePayloads", "Missing", "PayloadStore", "describe"]

INLINE_LIMIT = 16_384
"""Bytes up to which content rides inside the event."""

CHUNK = 98_304

_TIMEOUT_S = 5.0


class Missing(Fault):
    """The content behind a digest is not there, or is not what the digest says."""

    code = "payload_missing"


class PayloadStore(Protocol):
    """The port behind which content lies."""

    async def put(self, tenant: str, content: bytes, media_type: str) -> Payload:
        """Keep content and return its reference; keeping the same content again changes nothing."""
        ...

    async def store(self, tenant: str, content: bytes, media_type: str) -> Payload:
        """Keep content outside of events, however small it is."""
        ...

    async def get(self, tenant: str, payload: Payload, *, limit: int = MAX_SOURCE_BYTES) -> bytes:
        """Return the content, of at most `limit` bytes.

        Raises:
            Missing: it is not there, it is larger, or it is not what its size and digest say.
            Unavailable: the store did not answer.
        """
        ...


def describe(content: bytes, media_type: str) -> Payload:
    """A reference to content, with the content inside when it is small."""
    inline = content.decode() if len(content) <= INLINE_LIMIT else None
    return Payload(digest=digest(content), size=len(content), media_type=media_type, inline=inline)


class KeyValuePayloads:
    """Content in the bucket `PAYLOADS`, under `<tenant>.<digest>.<chunk>`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, tenant: str, content: bytes, media_type: str) -> Payload:
        payload = describe(content, media_type)
        return await self.store(tenant, content, media_type) if payload.inline is None else payload

    async def store(self, tenant: str, content: bytes, media_type: str) -> Payload:
        """Keep content in the bucket, however small it is."""
        payload = Payload(digest=digest(content), size=len(content), media_type=media_type)
        for number, start in enumerate(range(0, len(content), CHUNK)):
            await self._write(_key(tenant, payload, number), content[start : start + CHUNK])
        return payload

    async def get(self, tenant: str, payload: Payload, *, limit: int = MAX_SOURCE_BYTES) -> bytes:
        if payload.size > limit:  # anybody may write any size into an event: nothing of it is read
            raise Missing(f"{payload.digest} has {payload.size:,} bytes, and at most {limit:,} are read")
        if payload.inline is not None:
            content = payload.inline.encode()
        else:
            chunks = (payload.size + CHUNK - 1) // CHUNK
            content = b"".join([await self._read(_key(tenant, payload, number)) for number in range(chunks)])
        if len(content) != payload.size or digest(content) != payload.digest:
            raise Missing(f"the content of {payload.digest} is not what it says: submit it again")
        return content

    async def _write(self, key: str, chunk: bytes) -> None:
        js = self._connection.client.jetstream(timeout=_TIMEOUT_S)
        try:
            await js.publish(f"$KV.PAYLOADS.{key}", chunk, stream="KV_PAYLOADS")
        except (NatsError, APIError) as error:
            raise Unavailable(f"the payload store did not confirm: {error!r}") from error

    async def _read(self, key: str) -> bytes:
        """One chunk, from any replica; that it is not there only the leader knows."""
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
