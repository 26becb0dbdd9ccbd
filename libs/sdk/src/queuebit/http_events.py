"""Live events over server-sent events: one stream for each subscription, resumed where it broke."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from queuebit.errors import QueuebitError, Unreachable
from queuebit.http_connection import Answer
from queuebit.http_errors import error_of
from queuebit.transport import Message, OnGap, OnMessage
from queuebit_contracts.catalog import Decoded, decode
from queuebit_contracts.subjects import covers, origin, parse, stored, subject_of
from queuebit_contracts.subjects import job as job_history
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import InvalidId, Malformed

__all__ = ["LiveEvents", "Stream"]

Stream = Callable[[str, Mapping[str, str], float], AsyncGenerator[bytes | Answer]]
"""Opens a stream by its target and headers; it ends when nothing arrives for so many seconds."""

_logger = logging.getLogger("queuebit")
_SILENCE_S: Final = 40.0
"""Longer than two pings of the gateway are apart."""
_FRAME_BYTES: Final = 8 << 20
"""More than the largest event of the log, written as a frame."""
_PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)


class LiveEvents:
    """The events of some subjects of `qb.stored`, from now on."""

    def __init__(
        self, stream: Stream, tenant: str, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap
    ) -> None:
        self._stream = stream
        self._tenant = tenant
        self._wanted = [*subjects]
        self._on_message = on_message
        self._on_gap = on_gap
        self._started: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.job, self._target = _target(subjects)
        """The job whose events alone are wanted, if it is so."""
        self.last: int | None = None
        """The sequence of the last event, or the one that the stream began after."""

    async def start(self) -> None:
        """Return when the stream is open; raises as a request, if it cannot be opened."""
        self._started = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="queuebit events")
        try:
            await self._started
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the stream."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._read()
                if self._started is not None and not self._started.done():
                    raise Unreachable("the stream of events ended before it began: see `qb status`")
                failures = 0
            except QueuebitError as error:
                if self._started is not None and not self._started.done():
                    self._started.set_exception(error)
                    return
                if not isinstance(error, Unreachable):  # the rights have ended: the next read of the log says why
                    _logger.warning("no further events: %s", error)
                    self._on_gap()
                failures += 1
            await asyncio.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])

    async def _read(self) -> None:
        headers = {} if self.last is None else {"last-event-id": str(self.last)}
        async with aclosing(self._stream(self._target, headers, _SILENCE_S)) as stream:
            answer = await anext(stream)
            if isinstance(answer, Answer) and answer.status != 200:
                raise error_of(answer, "the gateway")
            buffer = b""
            async for piece in stream:
                if isinstance(piece, bytes):
                    *frames, buffer = (buffer + piece).split(b"\n\n")
                    if len(buffer) > _FRAME_BYTES:
                        raise Unreachable(f"the stream of events has a frame of more than {_FRAME_BYTES:,} bytes")
                    for frame in frames:
                        self._take(frame)

    def _take(self, frame: bytes) -> None:
        fields = dict(line.partition(b": ")[::2] for line in frame.split(b"\n") if not line.startswith(b":"))
        name = fields.get(b"event", b"").decode(errors="replace")
        if name == "reset":
            if b"no event" in fields.get(b"data", b""):  # the log is another one, such as that of a backup
                self.last = None
                self._on_gap()
            return
        if (place := fields.get(b"id")) is None:
            return
        if not place.isdigit():
            raise Unreachable(f"the stream of events has the id {place[:40]!r}, which is no sequence of the log")
        sequence = int(place[:20])
        if name.startswith("job.") and (self.last is None or sequence > self.last):
            self._show(sequence, name.removeprefix("job."), fields.get(b"data", b""))
        self.last = sequence
        if self._started is not None and not self._started.done():
            self._started.set_result(None)

    def _show(self, sequence: int, name: str, body: bytes) -> None:
        try:
            event = decode(body)
            subject = self._subject(event, name)
        except (Malformed, InvalidId) as error:
            _logger.warning("a live event is ignored: %s", error)
            return
        if any(covers(pattern, stored(subject)) for pattern in self._wanted):
            self._on_message(Message(stored(subject), body, {"Nats-Sequence": str(sequence)}))

    def _subject(self, event: Decoded, name: str) -> str:
        if not isinstance(event, UnknownEvent):
            return subject_of(event)
        data = json.loads(event.raw).get("data")
        return job_history(self._tenant, str(data.get("job") if isinstance(data, dict) else data)).event(name)


def _target(patterns: Sequence[str]) -> tuple[str | None, str]:
    """The job that alone is wanted, and the address of the stream that has the wanted events."""
    addresses = [parse(origin(it)) for it in patterns]
    jobs = {it.id for it in addresses}
    if len(jobs) == 1 and not jobs & {"*", ">", ""}:
        job = jobs.pop()
        return job, f"/v1/jobs/{job}/events"
    names = sorted({it.event for it in addresses})
    if all(names) and not {"*", ">"} & {*names}:
        return None, f"/v1/events?types={','.join(f'job.{it}' for it in names)}"
    return None, "/v1/events"
