"""A server that answers requests of HTTP as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["JSON", "SSE", "Script", "chunked", "problem", "scripted"]

JSON = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"a": 12}'
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def problem(status: int, code: str, more: bytes = b"") -> bytes:
    """A problem document."""
    body = json.dumps({"code": code, "detail": "why", "reasons": [{"code": code, "text": "why"}]}).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + more + b"\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    """Chunks of a body; an empty one ends it."""
    return b"".join(b"%x\r\n%b\r\n" % (len(it), it) for it in pieces)


class Script:
    """Answers requests in turn; None closes the connection instead. Keeps heads and bodies of the requests."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = [*answers]
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while self.answers:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                self.heads.append(head)
                _, found, rest = head.partition("content-length: ")
                self.bodies.append(await reader.readexactly(int(rest.split("\r\n")[0])) if found else b"")
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                if answer.startswith(SSE):
                    await writer.drain()
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted(*answers: bytes | None) -> AsyncIterator[Script]:
    """A server with a script, on loopback."""
    script = Script(*answers)
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield script
    finally:
        server.close()
