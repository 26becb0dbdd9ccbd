"""The only way out of a child: a socket on which it asks for what a member of its tenant may send over the bus.

The service sends it over its own connection. The child signs with the key that its owner delegated, and the broker
checks every signature: the relay needs no trust, and adds the tenant's walls.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from queuebit.errors import QueuebitError, Refused, Unanswered
from queuebit.transport import Message, Transport, Unsubscribe
from queuebit_contracts.catalog import decode
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.subjects import covers, parse
from queuebit_contracts.topology import Topology
from queuebit_kernel import Malformed
from queuebit_runtime.frames import Broken, Frame, pack, read_frame

__all__ = ["MAX_RESULT_BYTES", "Relay", "Walls", "walls_of"]

MAX_RESULT_BYTES: Final = 1 << 20
_LARGEST_FRAME: Final = (1 << 20) + 65_536
_MOST_CONNECTIONS: Final = 16
_MOST_FOLLOWS: Final = 64
_SIDE_BY_SIDE: Final = 64
_LONGEST_S: Final = 60.0
_UNREAD_BYTES: Final = 4 << 20
_SUBJECT = re.compile(r"[!-)+-=?-~]{1,512}")
"""Printable, without blanks, `*` and `>`."""
_NEVER: Final = ("identity", "hybrid")
"""A child makes no keys and no further hybrid jobs."""

_Head = Mapping[str, Any]  # plain JSON


class Walls:
    """What the child may send and follow."""

    def __init__(self, publish: tuple[str, ...], subscribe: tuple[str, ...], session: str | None = None) -> None:
        never = (*_NEVER, "sessions") if session else _NEVER
        self._publish = tuple(it for it in publish if parse(it).noun not in never)
        self._session = session
        self._subscribe = subscribe

    def may_send(self, subject: str) -> bool:
        """Whether a message may go to a subject."""
        return bool(_SUBJECT.fullmatch(subject)) and any(covers(it, subject) for it in self._publish)

    def is_paid(self, subject: str, body: bytes) -> bool:
        """Whether a job that is submitted is one of the session whose cap pays for the child, if there is a cap."""
        it = parse(subject)
        if self._session is None or (it.noun, it.event) != ("job", "submitted"):
            return True
        try:
            event = decode(body, subject)
        except Malformed:
            return False
        return isinstance(event, JobSubmitted) and event.data.session == self._session

    def may_follow(self, pattern: str) -> bool:
        """Whether messages of a subject, or of a pattern of them, may come in."""
        plain = pattern.replace("*", "_")  # a `*` may stand where a wall has one, or anything
        return bool(_SUBJECT.fullmatch(plain.removesuffix(">") or "_")) and any(
            covers(it, pattern) for it in self._subscribe
        )


def walls_of(topology: Topology, tenant: str, user: str, session: str | None = None) -> Walls:
    """The walls of a submitter of a tenant, without what only a person needs; and of the session with its cap."""
    allowed = topology.client_permissions("submitter", tenant, user)
    return Walls(allowed.publish, tuple(it for it in allowed.subscribe if parse(it).noun == "stored"), session)


class Relay:
    """Serves one child on one socket."""

    def __init__(self, transport: Transport, walls: Walls, on_metric: Callable[[bytes], None]) -> None:
        self._transport = transport
        self._walls = walls
        self._on_metric = on_metric
        self._turns = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._connections: set[asyncio.Task[None]] = set()
        self._follows = 0
        self.result: bytes | None = None
        """What the child saved last, JSON."""

    async def open(self, path: Path, owner: int | None) -> None:
        """Listen; processes of this user may connect, by default of this service's own."""
        self._server = await asyncio.start_unix_server(self._serve, path)
        os.chmod(path, 0o600)
        if owner is not None:
            os.chown(path, owner, owner)

    async def close(self) -> None:
        """End all connections."""
        self._server.close()
        for task in [*self._connections]:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= _MOST_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            await _Connection(self, reader, writer).run()
        finally:
            self._connections.discard(task)
            writer.close()

    async def request(self, head: _Head, body: bytes) -> bytes | Frame:
        subject = str(head.get("subject", ""))
        if not self._walls.may_send(subject):
            return _refusal("forbidden", f"a hybrid job may not use {subject:.80}")
        if not self._walls.is_paid(subject, body):
            text = "this hybrid job has a cap: its jobs belong to its session, which `Client.submit` names by itself"
            return _refusal("outside_session", text)
        timeout = head.get("timeout")
        within = float(min(timeout, _LONGEST_S)) if isinstance(timeout, int | float) and timeout > 0 else 5.0
        async with self._turns:
            reply = await self._transport.request(subject, body, timeout=within)
        return {"headers": {**reply.headers}}, reply.body

    async def follow(self, head: _Head, send: Callable[[_Head, bytes], None]) -> tuple[Unsubscribe | None, Frame]:
        number, subjects = head.get("id"), head.get("subjects")
        if not isinstance(subjects, list) or not all(
            isinstance(it, str) and self._walls.may_follow(it) for it in subjects
        ):
            return None, _refusal("forbidden", "a hybrid job follows events of jobs of its tenant only")
        if self._follows + len(subjects) > _MOST_FOLLOWS:
            return None, _refusal("too_many", f"a hybrid job has at most {_MOST_FOLLOWS} subscriptions")

        def forward(message: Message) -> None:
            send({"follow": number, "subject": message.subject, "headers": {**message.headers}}, message.body)

        self._follows += len(subjects)  # before anything waits: requests come side by side
        try:
            end = await self._transport.follow(subjects, forward, lambda: send({"follow": number, "gap": True}, b""))
        except BaseException:
            self._follows -= len(subjects)
            raise

        async def stop() -> None:
            self._follows -= len(subjects)
            await end()

        return stop, ({}, b"")

    def metric(self, head: _Head) -> Frame:
        point = head.get("point")
        if not isinstance(point, dict) or not _is_point(point):
            return _refusal("bad_metric", "a metric has a name, a number, and maybe a step")
        self._on_metric(json.dumps(point).encode())
        return {}, b""

    def save(self, body: bytes) -> Frame:
        if len(body) > MAX_RESULT_BYTES:
            text = f"the result has {len(body):,} bytes and may have {MAX_RESULT_BYTES:,}: save less"
            return _refusal("result_too_large", text)
        try:
            json.loads(body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return _refusal("bad_result", "the result is not JSON: use queuebit.hybrid.save_result")
        self.result = body
        return {}, b""


class _Connection:
    """One connection of a child."""

    def __init__(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._relay = relay
        self._reader = reader
        self._writer = writer
        self._follows: dict[int, Callable[[], Awaitable[None]] | None] = {}
        """By number; None while one is being made."""
        self._work: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Answer until the child closes the connection or sends what is no frame."""
        try:
            while True:
                head, body = await read_frame(self._reader, _LARGEST_FRAME)
                while len(self._work) >= _SIDE_BY_SIDE:
                    await asyncio.wait(self._work, return_when=asyncio.FIRST_COMPLETED)
                task = asyncio.ensure_future(self._answer(head, body))
                self._work.add(task)
                task.add_done_callback(self._work.discard)
                await self._writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, Broken):
            return
        finally:
            for task in self._work:
                task.cancel()
            await asyncio.gather(*self._work, return_exceptions=True)
            for end in filter(None, [*self._follows.values()]):
                with suppress(QueuebitError):
                    await end()

    async def _answer(self, head: _Head, body: bytes) -> None:
        try:
            answer, content = await self._do(head, body)
        except Unanswered as error:
            answer, content = {"error": "unanswered", "text": str(error)}, b""
        except Refused as error:
            answer, content = {"error": "refused", "code": error.reasons[0].code, "text": str(error)}, b""
        except QueuebitError as error:
            answer, content = {"error": "unreachable", "text": str(error)}, b""
        self._send({**answer, "id": head.get("id")}, content)

    async def _do(self, head: _Head, body: bytes) -> Any:  # a frame
        number = head.get("id")
        match head.get("do"):
            case "request":
                return await self._relay.request(head, body)
            case "follow" if isinstance(number, int) and number not in self._follows:
                return await self._follow(number, head)
            case "unfollow" if isinstance(head.get("follow"), int):
                if (end := self._follows.get(head["follow"])) is not None:
                    del self._follows[head["follow"]]
                    await end()
                return {}, b""
            case "metric":
                return self._relay.metric(head)
            case "result":
                return self._relay.save(body)
        return _refusal("malformed", "the relay does not know this request")

    async def _follow(self, number: int, head: _Head) -> Frame:
        end, self._follows[number] = None, None  # taken: a second one of this number would be lost
        try:
            end, answer = await self._relay.follow(head, self._send)
        finally:
            if end is None:
                del self._follows[number]
            else:
                self._follows[number] = end
        return answer

    def _send(self, head: _Head, body: bytes) -> None:
        """Send, unless the child does not read: then the connection ends."""
        if self._writer.transport.get_write_buffer_size() > _UNREAD_BYTES:
            self._writer.transport.abort()
        elif not self._writer.is_closing():
            self._writer.write(pack({**head}, body))


def _is_point(point: _Head) -> bool:
    name, value, step, at = (point.get(it) for it in ("name", "value", "step", "at"))
    return (
        isinstance(name, str)
        and 0 < len(name) <= 64
        and isinstance(value, float)
        and math.isfinite(value)
        and (step is None or (isinstance(step, int) and abs(step) < 2**53))
        and isinstance(at, float | int)
        and len(point) <= 4
    )


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _refusal(code: str, text: str) -> Frame:
    return {"error": "refused", "code": code, "text": text}, b""
