"""The endpoint for statements: reads an ASGI request and streams the response."""

from __future__ import annotations

import asyncio
import io
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from queuebit_warehouse.answer import Answer
from queuebit_warehouse.body import Body
from queuebit_warehouse.codec import decoded
from queuebit_warehouse.dialect import ExternalTable, QueryRequest, Stats, credentials, external_table, parse_request
from queuebit_warehouse.errors import DatabaseError, Disconnected
from queuebit_warehouse.execution import Execution
from queuebit_warehouse.fair_queue import FairQueue
from queuebit_warehouse.integrity import Integrity
from queuebit_warehouse.logins import Login, Logins
from queuebit_warehouse.pipe import Outlet
from queuebit_warehouse.protocol import ADMITTED
from queuebit_warehouse.sessions import Sessions
from queuebit_warehouse.settings import Settings
from queuebit_warehouse.store import Store

__all__ = ["Statements"]

_IN_MEMORY = 16 << 20
"""A buffered result that is larger is written to disk, for any buffer size that the client asks for."""


@dataclass(slots=True)
class _Request:
    query: QueryRequest
    body: BinaryIO
    external: list[tuple[ExternalTable, BinaryIO]]
    source: Body | None
    """The source of `body` while it is still arriving; None for a form, which is read completely."""

    def abandon(self) -> None:
        if self.source is not None:
            self.source.abandon()


@dataclass(slots=True)
class _Flow:
    """A running query, and the resources to release when it ends."""

    query: QueryRequest
    execution: Execution
    running: asyncio.Future[Stats]
    out: Outlet
    lent: AsyncExitStack


class Statements:
    """The ASGI application of `/`: runs the statement of a request.

    If the client disconnects, its query is cancelled; an insert is not cancelled after all its rows have arrived.
    """

    def __init__(
        self, store: Store, sessions: Sessions, settings: Settings, logins: Logins, integrity: Integrity
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._settings = settings
        self._logins = logins
        self._integrity = integrity
        self._pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="query")
        self._queue = FairQueue(settings.workers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = Answer(send, self._store)
        if request.method == "GET" and not request.url.query:
            await answer.plain("Ok.\n")
            return
        try:
            login = self._logins.admit(credentials(request.query_params, request.headers))
            scope["state"].get(ADMITTED, _ignore_login)()
            incoming = await self._read(request)
            answer.prepare(incoming.query, request.headers.get("accept-encoding", ""))
            await self._run(incoming, login, answer, receive)
        except DatabaseError as error:
            self._integrity.suspect(error)
            await answer.fail(error)
        except Disconnected:
            return

    @property
    def running(self) -> int:
        """Statements that a worker runs now."""
        return self._queue.running

    async def close(self) -> None:
        """Wait for the workers. The event loop keeps running, because they may need it to end."""
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    async def _read(self, request: Request) -> _Request:
        keys = request.query_params.multi_items()
        limit = self._settings.max_body_mb << 20
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            body = Body(request, limit)
            await body.prefetch()
            stream = decoded(cast("BinaryIO", body), request.headers.get("content-encoding", ""))
            return _Request(parse_request(request.method, keys, request.headers), stream, [], body)
        form = await request.form(max_part_size=limit)
        files = {part: value for part, value in form.multi_items() if isinstance(value, UploadFile)}
        keys += [(part, value) for part, value in form.multi_items() if isinstance(value, str)]
        query = parse_request(request.method, keys, request.headers, external=bool(files))
        tables = [(external_table(part, dict(keys)), file.file) for part, file in files.items()]
        return _Request(query, io.BytesIO(), tables, None)

    async def _run(self, incoming: _Request, login: Login, answer: Answer, receive: Receive) -> None:
        async with AsyncExitStack() as lent:
            handle = lent.enter_context(self._sessions.lease(incoming.query, login))
            await lent.enter_async_context(self._queue.turn(login))
            out = Outlet()
            store = self._store
            execution = Execution(
                incoming.query, incoming.body, incoming.external, out, store.guard, store.kill, incoming.abandon
            )
            running = asyncio.get_running_loop().run_in_executor(self._pool, execution, handle)
            lent.push_async_callback(self._finish, running, out, incoming)
            failure: Exception | None = None
            try:
                async with asyncio.TaskGroup() as group:
                    watch = group.create_task(_watch(receive, incoming.source))
                    await self._deliver(_Flow(incoming.query, execution, running, out, lent), answer)
                    watch.cancel()
            except* (Disconnected, DatabaseError) as failed:
                failure = failed.exceptions[0]  # before Python 3.11.4, raising here would create a group again
            if failure is not None:
                raise failure

    async def _deliver(self, flow: _Flow, answer: Answer) -> None:
        """Buffer the result while an error can still change the status line, then stream it.

        Resources are released before the last byte of the response, so that the client can use its session at once.
        """
        with _spool(flow.query, self._store) as held:
            async for chunk in flow.out:
                _buffer(held, chunk)
                if not flow.query.wait_end and held.tell() > flow.query.buffer_bytes:
                    break
            else:
                stats = await flow.running
                await flow.lent.aclose()
                await answer.whole(held, stats, flow.execution.format)
                return
            await answer.begin(held, flow.execution.format)
        async for chunk in flow.out:
            await answer.more(chunk)
        failed: DatabaseError | None = None
        try:
            await flow.running
        except DatabaseError as error:
            failed = error
            self._integrity.suspect(error)
        await flow.lent.aclose()
        await (answer.break_off(failed) if failed else answer.end())

    async def _finish(self, running: asyncio.Future[Stats], out: Outlet, incoming: _Request) -> None:
        """Wait for the worker; cancel a query without a waiting client, repeatedly until it ends."""
        out.stop_reading()
        incoming.abandon()
        loop = asyncio.get_running_loop()
        while not running.done():
            await loop.run_in_executor(None, self._store.kill, out.path)
            await asyncio.wait([running], timeout=0.1)
        out.close()
        running.exception()


def _ignore_login() -> None:
    """Do nothing: a connection without limits needs no notice of a login."""


def _spool(query: QueryRequest, store: Store) -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(max_size=min(2 * query.buffer_bytes, _IN_MEMORY) or 1, dir=str(store.spool))


def _buffer(held: IO[bytes], chunk: bytes) -> None:
    try:
        held.write(chunk)
    except OSError as error:
        raise DatabaseError(243, f"Cannot hold the result on disk: {error.strerror}", "NOT_ENOUGH_SPACE") from error


async def _watch(receive: Receive, source: Body | None) -> None:
    """Raise `Disconnected` when the client disconnects, after its body is complete. Another task reads the body."""
    if source is not None:
        await source.complete.wait()
    while (await receive())["type"] != "http.disconnect":
        pass
    raise Disconnected
