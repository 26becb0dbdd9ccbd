"""Dead letters: messages that no service could handle, with the reason."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from queuebit_contracts.subjects import DEAD, parse
from queuebit_kernel import rfc3339
from queuebit_runtime.connection import Connection, Msg
from queuebit_runtime.dead_letters import HEADERS
from queuebit_runtime.requests import Requests
from queuebit_runtime.stream_state import stream_state

__all__ = ["DeadLetter", "DeadLetterReader"]

_STREAM: Final = "DEAD"
_BATCH: Final = 32
_MOST: Final = 512
_LARGEST: Final = 16 << 20
_KEPT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a message was not handled. Its content is left out: the reason is what helps."""

    sequence: int
    stored_at: datetime
    owner: str
    """The consumer or view that could not handle it."""
    code: str
    reason: str
    subject: str
    """The subject of the message, which permissions guard: it says whose it is."""

    @property
    def tenant(self) -> str:
        """Whose message it is; empty if it is the platform's."""
        return parse(self.subject).tenant

    def document(self) -> dict[str, object]:
        return {
            "id": self.sequence,
            "at": rfc3339(self.stored_at),
            "owner": self.owner,
            "code": self.code,
            "reason": self.reason,
            "subject": self.subject,
            "job": parse(self.subject).id if parse(self.subject).noun in ("job", "command") else None,
        }


class DeadLetterReader:
    """Reads the newest dead letters of all tenants, bounded: 512 of them, or 16 MiB, once in five seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._requests = Requests(connection, timeout_s=5)
        self._turn = asyncio.Lock()
        self._read: tuple[float, list[DeadLetter]] = (-_KEPT_S, [])

    async def __call__(self) -> list[DeadLetter]:
        """Newest first; raises `Unavailable`."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            if self._read[0] + _KEPT_S < loop.time():
                self._read = (loop.time(), await self._newest())
            return self._read[1]

    async def _newest(self) -> list[DeadLetter]:
        state = await stream_state(self._connection, _STREAM)
        found: dict[int, DeadLetter] = {}
        place, size = state.last + 1, 0
        for _ in range(_MOST // _BATCH):
            if not state.messages or place <= state.first or size > _LARGEST:
                break
            place = max(state.first, place - _BATCH)
            wanted = {"seq": place, "next_by_subj": DEAD, "batch": _BATCH}
            replies = await self._requests.ask_all(f"$JS.API.DIRECT.GET.{_STREAM}", json.dumps(wanted).encode())
            size += sum(len(it.data) for it in replies)
            found |= {it.sequence: it for it in map(_letter, replies)}
        return [found[it] for it in sorted(found, reverse=True)]


def _letter(reply: Msg) -> DeadLetter:
    headers = reply.headers or {}
    said = {name: headers.get(header, "") for name, header in HEADERS.items()}
    return DeadLetter(
        int(headers["Nats-Sequence"]),
        datetime.fromisoformat(headers["Nats-Time-Stamp"]),
        parse(headers["Nats-Subject"]).id,
        said["code"],
        said["text"],
        said["subject"],
    )
