"""Entries of a key-value bucket that several processes write: each write names the revision that it follows."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Final, NamedTuple

from queuebit_kernel import Stale, Unavailable
from queuebit_runtime.connection import Connection, NatsError
from queuebit_runtime.harden import OnMessage, listen
from queuebit_runtime.requests import Requests
from queuebit_runtime.server_errors import WRONG_LAST_SEQUENCE

__all__ = ["Bucket", "BucketEntry"]

_GUARD: Final = "Nats-Expected-Last-Subject-Sequence"


class BucketEntry(NamedTuple):
    """An entry of a bucket."""

    key: str
    revision: int
    """0 if it was never written."""
    body: bytes
    written_at: datetime | None = None
    """When the server stored it; None if it was never written."""


class Bucket:
    """Every method raises `Unavailable` if the bucket does not answer."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self.requests = Requests(connection, timeout_s=5)
        self.name = name
        self.stream = f"KV_{name}"
        self.prefix = f"$KV.{name}."
        """What precedes the key in the subject of an entry."""

    async def newest(self, keys: str) -> BucketEntry:
        """The newest entry of a key, or of a pattern of keys, as the leader of the bucket knows it."""
        wanted = json.dumps({"last_by_subj": f"{self.prefix}{keys}"}).encode()
        reply = await self.requests.ask(f"$JS.API.STREAM.MSG.GET.{self.stream}", wanted)
        message = json.loads(reply.data).get("message", {})
        key = message.get("subject", f"{self.prefix}{keys}").removeprefix(self.prefix)
        written_at = datetime.fromisoformat(message["time"]) if "time" in message else None
        return BucketEntry(key, int(message.get("seq", 0)), base64.b64decode(message.get("data", "")), written_at)

    async def write(self, key: str, body: bytes, revision: int) -> int:
        """Write an entry that follows a revision, 0 for none; return the new one.

        Raises:
            Stale: another process wrote it meanwhile.
        """
        answer = json.loads((await self.requests.ask(f"{self.prefix}{key}", body, {_GUARD: str(revision)})).data)
        if error := answer.get("error"):
            if error.get("err_code") == WRONG_LAST_SEQUENCE:
                raise Stale(f"{key} of the bucket {self.name} was written by another process")
            raise Unavailable(f"{key} of the bucket {self.name} cannot be stored: {error.get('description')}")
        return int(answer["seq"])

    async def watch(self, key: str, on_message: OnMessage) -> None:
        """Call a function with each message to an entry, also one that the bucket then refuses."""
        try:
            await listen(self._connection.client, f"{self.prefix}{key}", on_message)
        except NatsError as error:
            raise Unavailable(f"{key} of the bucket {self.name} cannot be watched: {error!r}") from error
