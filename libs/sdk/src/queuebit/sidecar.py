"""A gateway on a Unix socket, for a program that has no credentials: adds a token, and repeats what had no answer."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

from queuebit.bearer_tokens import BearerTokens
from queuebit.credentials import Credential
from queuebit.errors import InvalidInput, QueuebitError, Unreachable
from queuebit.http_connection import Answer, HttpConnections, origin_of, tls_for
from queuebit.inputs import one_line
from queuebit.sidecar_hybrid import started, starts_hybrid
from queuebit.sidecar_requests import BadRequest, Request, keyed, problem, read_request

__all__ = ["Sidecar"]

_KEPT_BACK: Final = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "www-authenticate"})
_REQUEST_S: Final = 30.0
"""How long a request may take to arrive."""
_ANSWER_S: Final = 75.0
"""Longer than the longest wait of a gateway."""
_SILENCE_S: Final = 40.0
"""Longer than two pings of a stream are apart."""
_RETRY_S: Final = 15.0
_PAUSE_S: Final = 0.3
_AWAY: Final = frozenset({502, 503, 504})
_MOST: Final = 256
"""Connections at once; further ones wait."""


class Sidecar:
    """Serves a Unix socket, on which only this user may connect, until it is closed."""

    def __init__(self, credential: Credential, path: Path, *, key: str | None = None, scope: str = "submit") -> None:
        """Prepare.

        Args:
            credential: with the address of a gateway, and the key or token of the user.
            path: of the socket.
            key: what the keys of jobs without one begin with: an equal request then is the same job, also after a
                restart. Without it, each request without a key is a new job.
            scope: what the program may do: `read`, `submit` or `admin`.

        Raises:
            InvalidInput: the address or the key cannot be used, or there is no credential.
        """
        if not (credential.seed or credential.token):
            raise InvalidInput("a sidecar needs a credential or a token of its own: name a home, or set QUEUEBIT_TOKEN")
        origin = origin_of(credential.url)
        self._connections = HttpConnections(origin, tls_for(origin, credential.ca_file))
        self._tokens = BearerTokens(self._connections, credential, scope)
        self._signer = credential if credential.seed and not credential.token and scope != "read" else None
        """Whose key grants those of hybrid jobs; with a token alone, the gateway says that none can be started."""
        self._path = path
        self._key = None if key is None else one_line("key", key, 64)
        self._slots = asyncio.Semaphore(_MOST)
        self._running: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            Refused: the gateway gives no token.
            Unreachable: the gateway does not answer.
            InvalidInput: the path cannot be used, or another process listens there.
        """
        await self._tokens.valid()
        self._server = await asyncio.start_unix_server(self._accept, sock=_listening(self._path))

    async def close(self) -> None:
        """Accept no more, end what is open, remove the socket, and end the token."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._tokens.revoke()
        await self._connections.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        with suppress(OSError, EOFError, asyncio.CancelledError):  # the program is gone, or the sidecar ends
            async with self._slots, aclosing(self._answered(reader)) as pieces:
                async for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
        writer.close()

    async def _answered(self, reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
        try:
            async with asyncio.timeout(_REQUEST_S):
                request = keyed(await read_request(reader), self._key)
        except BadRequest as error:
            yield _written(error.answer)
            return
        if self._signer is not None and starts_hybrid(request):
            yield _written(await started(self._signer, request))
            return
        stream = request.method == "GET" and request.path.endswith("/events")
        async with aclosing(self._streamed(request) if stream else self._forwarded(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def _forwarded(self, request: Request) -> AsyncGenerator[bytes]:
        """Forward a request; repeat it while the gateway is away, if that is safe."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (_RETRY_S if request.repeatable else 0.0)
        while True:
            try:
                answer = await self._sent(request)
            except QueuebitError as error:
                answer = _own(error)
            if answer.status not in _AWAY or loop.time() >= until:
                yield _written(answer)
                return
            await asyncio.sleep(_PAUSE_S)

    async def _sent(self, request: Request) -> Answer:
        for last in (False, True):
            token = await self._tokens.valid()
            answer = await self._connections.send(
                request.method,
                self._connections.origin.target(request.target),
                {**request.headers, "authorization": f"Bearer {token}"},
                request.body,
                _ANSWER_S,
                once=not request.repeatable,
            )
            if answer.status != 401 or not self._tokens.rejected(token) or last:
                break
        return answer

    async def _streamed(self, request: Request) -> AsyncGenerator[bytes]:
        """Forward a stream. A program resumes it after an end, as it does with a gateway."""
        target, begun = self._connections.origin.target(request.target), False
        try:
            headers = {**request.headers, "authorization": f"Bearer {await self._tokens.valid()}"}
            async with aclosing(self._connections.stream(target, headers, _SILENCE_S)) as pieces:
                async for piece in pieces:
                    begun = True
                    yield _written(piece) if isinstance(piece, Answer) else piece
        except QueuebitError as error:
            if not begun:
                yield _written(_own(error))


def _own(error: QueuebitError) -> Answer:
    if isinstance(error, Unreachable):
        return problem(503, "unavailable", str(error), "repeat the request; with the same key it is safe")
    return problem(401, "unauthenticated", f"the sidecar gets no token: {error}", "start it with a valid credential")


def _written(answer: Answer) -> bytes:
    """An answer as it is sent; the end of the connection is the end of its body."""
    kept = {name: value for name, value in answer.headers.items() if name not in _KEPT_BACK}
    lines = [f"HTTP/1.1 {answer.status} {'OK' if answer.status < 400 else 'Refused'}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in kept.items()]
    if "text/event-stream" not in kept.get("content-type", ""):
        lines.append(f"content-length: {len(answer.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + answer.body


def _listening(path: Path) -> socket.socket:
    """A socket that only this user may use; replaces one that a killed process left."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
            path.unlink()
        before = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(_MOST)
    except OSError as error:
        listening.close()
        why = "another process uses it" if path.exists() else error.strerror or str(error)
        raise InvalidInput(f"{path} cannot be the socket of a sidecar ({why}): give another one") from error
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
