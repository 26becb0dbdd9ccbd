"""Server-sent events in the order of the log: per tenant and per job, from any sequence on, each event once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from queuebit_contracts.hybrid import is_hybrid
from queuebit_contracts.subjects import everything_of, hybrid, job, parse
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.hub import Filter, Hub, encoded
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem
from queuebit_gateway.webhooks.kinds import KINDS, kinds_of, known_kind
from queuebit_kernel import Unavailable
from queuebit_runtime.stored import Message

__all__ = ["Past", "Streams"]

_PING_S: Final = 15.0
_SEND_S: Final = 30.0
"""How long one write may take: a client that does not read is cut."""
_LIFE_S: Final = 3600.0
"""A stream ends after an hour, and is resumed by its client."""
_LAG_S: Final = 5.0
_MOST_TYPES: Final = 32
_OF_JOB: Final = kinds_of("job")
_OF_HYBRID: Final = kinds_of("hybrid")
_CHANGES: Final = kinds_of("tenant")
"""Only admins see them."""


class Past(Protocol):
    """The log as it is stored."""

    async def newest(self, pattern: str) -> int:
        """The sequence of the newest message under a pattern; 0 if there is none."""
        ...

    async def after(self, pattern: str, sequence: int) -> list[Message]:
        """Messages under a pattern after a sequence, in order: some hundred, and none if there are no more yet."""
        ...

    async def reached(self, sequence: int) -> None:
        """Wait until the view of the log is there."""
        ...


class Streams:
    """`/v1/events`, `/v1/jobs/{job}/events` and `/v1/hybrid-jobs/{hybrid}/events`."""

    def __init__(self, hub: Hub, past: Past, platform: Platform, caller_of: CallerOf) -> None:
        self._hub = hub
        self._past = past
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/events", self._tenant),
            Route("/v1/jobs/{job}/events", self._job),
            Route("/v1/hybrid-jobs/{hybrid}/events", self._hybrid),
        ]

    async def _tenant(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        kinds = (*KINDS, *_CHANGES) if caller.may("manage") else KINDS
        wanted = Filter(caller.tenant, None, _types(request, kinds), caller.may("manage"))
        return EventStream(_while_it_lasts(caller, self._frames(wanted, _after(request))))

    async def _job(self, request: Request) -> Response:
        caller, job_id = await self._caller_of(request), request.path_params["job"]
        await self._platform.history(caller.tenant, job_id)  # raises for a job that the tenant does not have
        return self._of_one(request, caller, job_id)

    async def _hybrid(self, request: Request) -> Response:
        caller, hybrid_id = await self._caller_of(request), request.path_params["hybrid"]
        await self._platform.hybrid(caller.tenant, hybrid_id)  # as above
        return self._of_one(request, caller, hybrid_id)

    def _of_one(self, request: Request, caller: Caller, name: str) -> Response:
        """The stream of one job or hybrid job, from its first event on unless the request names another."""
        kinds = _OF_HYBRID if is_hybrid(name) else _OF_JOB
        after, wanted = _after(request), Filter(caller.tenant, name, _types(request, kinds))
        return EventStream(_while_it_lasts(caller, self._frames(wanted, 0 if after is None else after)))

    async def _frames(self, wanted: Filter, after: int | None) -> AsyncGenerator[bytes]:
        """What a stream sends: first what it missed, then what is live, until it is cut or the service ends."""
        until = asyncio.get_running_loop().time() + _LIFE_S
        channel, number, joined = await self._hub.join(wanted)
        try:
            yield b"retry: 1000\nid: %d\n\n" % (joined if after is None else after)
            if after is not None and after > joined and not await self._is_reached(after):
                yield _reset(f"the log has no event {after} yet")
                return
            if after is not None:
                async for content in self._missed(wanted, after, joined):
                    yield content
            while not self._hub.closed and asyncio.get_running_loop().time() < until:
                frames = channel.after(number)
                if frames is None:
                    yield _reset("the stream was read too slowly: resume it after the last event that you have")
                    return
                if not frames:
                    await channel.changed(_PING_S)
                    if channel.number == number and not self._hub.closed:
                        yield b": ping\n\n"
                    continue
                number = frames[-1].number
                fresh = [it for it in frames if it.sequence > (after or 0)]
                if fresh:
                    yield b"".join(it.content for it in fresh)
        finally:
            self._hub.leave(channel)

    async def _is_reached(self, sequence: int) -> bool:
        try:
            async with asyncio.timeout(_LAG_S):
                await self._past.reached(sequence)
        except TimeoutError:
            return False
        return True

    async def _missed(self, wanted: Filter, after: int, joined: int) -> AsyncIterator[bytes]:
        """Events of the log after a sequence, up to the one from which on the channel has them."""
        pattern = _pattern(wanted)
        newest, position = await self._past.newest(pattern), after
        until = asyncio.get_running_loop().time() + _LAG_S
        while position < min(newest, joined):
            messages = await self._past.after(pattern, position)
            if not messages:  # a replica of the log that lags behind
                if asyncio.get_running_loop().time() > until:
                    raise Unavailable(f"the log cannot be read up to sequence {min(newest, joined)}")
                await asyncio.sleep(0.05)
                continue
            position = messages[-1].sequence
            past = [(it, parse(it.subject)) for it in messages if it.sequence <= joined]
            content = [encoded(it.sequence, address, it.body) for it, address in past if wanted.wants(address)]
            if content:
                yield b"".join(content)


def _pattern(wanted: Filter) -> str:
    """The subjects that have the events of a stream."""
    if wanted.job is None:
        return everything_of(wanted.tenant)
    aggregate = hybrid if is_hybrid(wanted.job) else job
    return aggregate(wanted.tenant, wanted.job).everything


async def _while_it_lasts(caller: Caller, frames: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """A stream as long as its caller has the rights that it began with; pings make this at most 15 s too long."""
    async with aclosing(frames):
        async for content in frames:
            if not caller.lasts():
                return
            yield content


class EventStream(Response):
    """The answer that does not end by itself."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes]) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        content = await anext(self._frames, None)  # what fails until then has an answer of its own
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(_gone(receive))
            try:
                while content is not None and not gone.done() and scope["method"] != "HEAD":
                    async with asyncio.timeout(_SEND_S):
                        await send({"type": "http.response.body", "body": content, "more_body": True})
                    content = await anext(self._frames, None)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                gone.cancel()
                await self._frames.aclose()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _reset(why: str) -> bytes:
    return b"event: reset\ndata: %b\n\n" % json.dumps({"reason": why}).encode()


def _after(request: Request) -> int | None:
    """The sequence after which a client wants events; None: only new ones."""
    text = request.headers.get("last-event-id") or request.query_params.get("after") or ""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Problem(422, "bad_sequence", "Last-Event-ID and after are sequences: the `id` of an event")
    return int(text)


def _types(request: Request, kinds: Sequence[str]) -> frozenset[str]:
    """The types of events that a client wants, each one of `kinds`; empty means all."""
    types = [it for given in request.query_params.getlist("types") for it in given.split(",") if it]
    if len(types) > _MOST_TYPES:
        raise Problem(422, "too_many_types", f"{len(types)} types: at most {_MOST_TYPES} are allowed")
    try:
        return frozenset(known_kind(it, kinds) for it in types)
    except ValueError as error:
        raise Problem(
            422, "unknown_type", str(error), "name one that there is, or leave `types` out for all"
        ) from error
