"""Sends requests to an ASGI application without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message

__all__ = ["Answer", "send"]


@dataclass(frozen=True)
class Answer:
    """What the application answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def send(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | Sequence[bytes] = b"",
    host: str | None = "localhost",
    client: str = "127.0.0.1",
) -> Answer:
    """Send one request, its body in one or several pieces."""
    target, _, query = path.partition("?")
    given = [*headers, *([("host", host)] if host is not None else [])]
    pieces = [body] if isinstance(body, bytes) else [*body]
    sent: list[Message] = []

    complete = False

    async def receive() -> Message:
        nonlocal complete
        if complete:  # the client stays until it has its answer
            await asyncio.Event().wait()
        complete = len(pieces) <= 1
        piece = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def take(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "client": (client, 50_000),
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "server": ("127.0.0.1", 80),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given],
    }
    await app(scope, receive, take)
    start = next(it for it in sent if it["type"] == "http.response.start")
    content = b"".join(it.get("body", b"") for it in sent if it["type"] == "http.response.body")
    return Answer(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, content)
