"""Endpoints in the bucket `WEBHOOKS`, which only the gateway reads and writes. An empty entry is a free slot."""

from __future__ import annotations

import json
from typing import Final

from queuebit_contracts.topology import WEBHOOKS
from queuebit_gateway.webhooks.records import Webhook
from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Connection
from queuebit_runtime.requests import Requests

__all__ = ["Store"]

_STREAM: Final = f"KV_{WEBHOOKS}"
_BATCH: Final = 256


class Store:
    """Every endpoint of every tenant: read once at the start, written after each change."""

    def __init__(self, connection: Connection) -> None:
        self._requests = Requests(connection, timeout_s=5)

    async def all(self) -> list[Webhook]:
        """All endpoints, as the leader of the bucket knows them.

        Raises:
            Unavailable: the bus does not answer.
        """
        newest = await self._newest()
        found: dict[str, bytes] = {}
        position = 0
        while position < newest:
            wanted = {"seq": position + 1, "next_by_subj": f"$KV.{WEBHOOKS}.>", "batch": _BATCH}
            replies = await self._requests.ask_all(f"$JS.API.DIRECT.GET.{_STREAM}", json.dumps(wanted).encode())
            if not replies:  # a replica that lags behind
                raise Unavailable(f"the bucket {WEBHOOKS} cannot be read up to {newest}")
            for it in replies:
                headers = it.headers or {}
                position = int(headers["Nats-Sequence"])
                found[headers["Nats-Subject"]] = it.data
        return [Webhook.model_validate_json(it) for it in found.values() if it]

    async def _newest(self) -> int:
        wanted = json.dumps({"last_by_subj": f"$KV.{WEBHOOKS}.>"}).encode()
        reply = await self._requests.ask(f"$JS.API.STREAM.MSG.GET.{_STREAM}", wanted)
        return int(json.loads(reply.data).get("message", {}).get("seq", 0))

    async def put(self, webhook: Webhook) -> None:
        """Write an endpoint; raises `Unavailable` if it is not stored."""
        await self._write(webhook, webhook.model_dump_json().encode())

    async def free(self, webhook: Webhook) -> None:
        """Remove an endpoint; raises as `put`."""
        await self._write(webhook, b"")

    async def _write(self, webhook: Webhook, body: bytes) -> None:
        subject = f"$KV.{WEBHOOKS}.{webhook.tenant}.{webhook.slot}"
        answer = json.loads((await self._requests.ask(subject, body)).data)
        if error := answer.get("error"):
            raise Unavailable(f"the endpoint {webhook.id} cannot be stored: {error.get('description')}")
