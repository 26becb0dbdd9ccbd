"""The bucket `WEBHOOKS`, which only gateways read and write: endpoints, and heartbeats of gateways.

An endpoint is the entry `<tenant>.<slot>`, a gateway the entry of its name; an empty entry is a free slot, or a gateway
that has ended. Every write names the revision that it follows, so that of two writers one learns that it is late.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from queuebit_contracts.topology import WEBHOOKS
from queuebit_gateway.webhooks.records import Heartbeat, Webhook
from queuebit_kernel import Unavailable
from queuebit_runtime.bucket import Bucket
from queuebit_runtime.connection import Connection

__all__ = ["Entry", "Store"]

_BATCH: Final = 256


class Entry(NamedTuple):
    """An entry of the bucket."""

    key: tuple[str, ...]
    """Tenant and slot of an endpoint, or the name of a gateway."""
    revision: int
    """0 if it was never written."""
    body: bytes

    @property
    def webhook(self) -> Webhook | None:
        """The endpoint; None if the slot is free."""
        return Webhook.model_validate_json(self.body) if self.body else None

    @property
    def heartbeat(self) -> Heartbeat | None:
        """The heartbeat; None if the gateway has ended."""
        return Heartbeat.model_validate_json(self.body) if self.body else None


class Store:
    """Every method raises `Unavailable` if the bus does not answer; those that write raise `Stale`."""

    def __init__(self, connection: Connection) -> None:
        self._bucket = Bucket(connection, WEBHOOKS)

    async def all(self) -> list[Entry]:
        """All entries, as the leader of the bucket knows them, in the order of their revisions."""
        return await self._read(">", 0, (await self._newest(">"))[1])

    async def after(self, revision: int) -> list[Entry]:
        """What was written since a revision; a replica that lags behind leaves out the newest."""
        return await self._read(">", revision, None)

    async def of(self, tenant: str) -> list[Entry]:
        """All slots of a tenant that were ever used, as the leader knows them."""
        return await self._read(f"{tenant}.*", 0, (await self._newest(f"{tenant}.*"))[1])

    async def entry(self, tenant: str, slot: int) -> Entry:
        """One slot, as the leader knows it."""
        return await self._newest(f"{tenant}.{slot}")

    async def put(self, webhook: Webhook, revision: int) -> int:
        """Write an endpoint; return its new revision."""
        return await self._write(f"{webhook.tenant}.{webhook.slot}", webhook.model_dump_json().encode(), revision)

    async def free(self, webhook: Webhook, revision: int) -> None:
        """Remove an endpoint."""
        await self._write(f"{webhook.tenant}.{webhook.slot}", b"", revision)

    async def beat(self, name: str, heartbeat: Heartbeat | None, revision: int) -> int:
        """Write that a gateway lives, or has ended; return the new revision."""
        return await self._write(name, heartbeat.model_dump_json().encode() if heartbeat else b"", revision)

    async def _read(self, keys: str, position: int, newest: int | None) -> list[Entry]:
        bucket, found = self._bucket, dict[tuple[str, ...], Entry]()
        while newest is None or position < newest:
            wanted = {"seq": position + 1, "next_by_subj": f"{bucket.prefix}{keys}", "batch": _BATCH}
            replies = await bucket.requests.ask_all(f"$JS.API.DIRECT.GET.{bucket.stream}", json.dumps(wanted).encode())
            for it in replies:
                headers: Mapping[str, str] = it.headers or {}
                position = int(headers["Nats-Sequence"])
                key = _key(headers["Nats-Subject"].removeprefix(bucket.prefix))
                found[key] = Entry(key, position, it.data)
            if newest is None and len(replies) < _BATCH:
                break
            if not replies:  # a replica that lags behind
                raise Unavailable(f"the bucket {WEBHOOKS} cannot be read up to {newest}")
        return sorted(found.values(), key=lambda it: it.revision)

    async def _newest(self, keys: str) -> Entry:
        newest = await self._bucket.newest(keys)
        return Entry(_key(newest.key), newest.revision, newest.body)

    async def _write(self, key: str, body: bytes, revision: int) -> int:
        return await self._bucket.write(key, body, revision)


def _key(text: str) -> tuple[str, ...]:
    return tuple(text.split("."))
