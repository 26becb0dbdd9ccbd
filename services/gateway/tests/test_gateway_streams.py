"""Server-sent events: in the order of the log, each once, whenever a stream begins and however it is cut."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from starlette.types import ASGIApp

from queuebit_contracts.subjects import parse
from queuebit_gateway.hub import Channel, Filter, Hub, encoded
from queuebit_gateway.streams import Streams, _while_it_lasts
from queuebit_kernel import Unavailable
from queuebit_testing.build import accepted, funded, submitted
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import ANN, Bus, MemoryReader, platform


@pytest.fixture
def streams(hub: Hub, reader: MemoryReader, log: MemoryLog, bus: Bus) -> Streams:
    async def ann(_: object) -> object:
        return ANN

    return Streams(hub, reader, platform(log, bus), ann)  # type: ignore[arg-type]  # it is not called


class Stream:
    """A stream that a test reads piece by piece."""

    def __init__(self, frames: AsyncIterator[bytes]) -> None:
        self._frames = frames
        self.text = ""

    async def next(self) -> None:
        async with asyncio.timeout(5):
            self.text += (await anext(self._frames)).decode()

    async def until(self, sequence: int) -> None:
        while not self.ids or self.ids[-1] < sequence:
            await self.next()

    @property
    def ids(self) -> list[int]:
        return [int(it) for it in re.findall(r"^id: (\d+)$", self.text, re.MULTILINE)]

    @property
    def events(self) -> list[int]:
        return [int(it) for it in re.findall(r"^id: (\d+)\nevent: ", self.text, re.MULTILINE)]


async def fill(log: MemoryLog, number: int, tenant: str = "acme") -> None:
    for at in range(number):
        await log.append(submitted(f"{tenant}{len(log.stored)}-{at}", tenant=tenant))


async def test_a_stream_resumes_after_any_event_without_gap_or_repetition(
    streams: Streams, reader: MemoryReader, log: MemoryLog
) -> None:
    await fill(log, 5)
    await fill(log, 4, "evil")
    await fill(log, 3)
    own = [1, 2, 3, 4, 5, 10, 11, 12]
    for after in range(13):
        stream = Stream(streams._frames(Filter("acme"), after))
        if after < 12:
            await stream.until(12)
            assert stream.events == [it for it in own if it > after]
    await fill(log, 3)
    stream = Stream(streams._frames(Filter("acme"), 4))
    await stream.next()
    reader.catch_up()
    await fill(log, 2)
    reader.catch_up()
    await stream.until(17)
    assert stream.events == [5, 10, 11, 12, 13, 14, 15, 16, 17]


async def test_a_replica_that_lags_behind_is_waited_for(streams: Streams, reader: MemoryReader, log: MemoryLog) -> None:
    await fill(log, 4)
    reader.hidden = 2
    stream = Stream(streams._frames(Filter("acme"), 0))
    await stream.until(4)
    assert stream.events == [1, 2, 3, 4]


async def test_streams_have_what_they_want_and_nothing_of_others(
    streams: Streams, reader: MemoryReader, log: MemoryLog
) -> None:
    first = submitted("k1")
    wanted = [Filter("acme"), Filter("acme", first.data.job), Filter("acme", None, frozenset({"job.accepted"}))]
    opened = [Stream(streams._frames(it, 0)) for it in wanted]
    for stream in opened:
        await stream.next()
    for event in (first, submitted("k2"), accepted(first.data.job), funded(), submitted("k3", tenant="evil")):
        await log.append(event)
    reader.catch_up()
    for stream in opened:
        await stream.next()
    assert [it.events for it in opened] == [[1, 2, 3, 4], [1, 3], [3]]


async def test_a_stream_that_is_read_too_slowly_is_cut_and_says_so(
    streams: Streams, hub: Hub, reader: MemoryReader, log: MemoryLog
) -> None:
    stream = Stream(streams._frames(Filter("acme"), None))
    await stream.next()
    for _ in range(300):
        await fill(log, 1)
        reader.catch_up()
        hub._flush()
    await stream.next()
    assert stream.text.splitlines()[-3] == "event: reset" or "event: reset" in stream.text
    with pytest.raises(StopAsyncIteration):
        await stream.next()
    assert hub.streams == 0


async def test_streams_end_with_the_service(streams: Streams, hub: Hub) -> None:
    stream = Stream(streams._frames(Filter("acme"), None))
    await stream.next()
    waiting = asyncio.ensure_future(stream.next())
    await asyncio.sleep(0)
    hub.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert hub.streams == 0


async def test_an_event_that_the_log_does_not_have_resets_a_stream(streams: Streams) -> None:
    stream = Stream(streams._frames(Filter("acme"), 99))
    await stream.next()
    await stream.next()
    assert "event: reset" in stream.text


async def test_a_body_with_line_breaks_stays_one_event() -> None:
    subject = parse("qb.job.acme.j1.submitted")
    assert encoded(7, subject, b'{\r\n"a":\n1}').decode().splitlines() == [
        "id: 7",
        "event: job.submitted",
        'data: {  "a": 1}',
        "",
    ]


def test_a_channel_knows_which_frames_it_has() -> None:
    channel = Channel(Filter("acme"))
    for number in range(1, 4):
        channel.put(number, b"x")
        channel.flush()
    assert [it.number for it in channel.after(1) or ()] == [2, 3]
    assert channel.after(3) == []


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 19])
async def test_a_bad_sequence_is_refused(app: ASGIApp, after: str) -> None:
    answer = await send(app, "GET", "/v1/events", headers=[("last-event-id", after)])
    assert (answer.status, answer.json()["code"]) == (422, "bad_sequence")


async def test_a_type_that_a_stream_never_has_is_refused_with_those_that_it_has(app: ASGIApp, log: MemoryLog) -> None:
    event = submitted("k1")
    await log.append(event)
    answer = await send(app, "GET", "/v1/events?types=job.completed,job.complete")
    assert (answer.status, answer.json()["code"]) == (422, "unknown_type")
    detail = answer.json()["detail"]
    assert detail.startswith("there is no event job.complete: did you mean job.completed?")
    assert all(it in detail for it in ("job.submitted", "hybrid.submitted", "account.held"))
    for path, kind in (
        ("/v1/events", "tenant.user_defined"),  # an admin's alone
        ("/v1/events", "backend.registered"),
        (f"/v1/jobs/{event.data.job}/events", "account.held"),
        (f"/v1/jobs/{event.data.job}/events", "hybrid.submitted"),
    ):
        answer = await send(app, "GET", f"{path}?types={kind}")
        assert (answer.status, answer.json()["code"]) == (422, "unknown_type"), kind


async def test_a_stream_of_known_types_begins(app: ASGIApp, log: MemoryLog) -> None:
    event = submitted("k1")
    await log.append(event)
    for path in (
        "/v1/events?types=job.completed,account.held",
        f"/v1/jobs/{event.data.job}/events?types=job.completed",
    ):
        assert (await send(app, "HEAD", path)).status == 200


async def test_events_of_a_job_of_others_are_not_found(app: ASGIApp, log: MemoryLog) -> None:
    await log.append(submitted("k1", tenant="evil", job="jabc"))
    assert (await send(app, "GET", "/v1/jobs/jabc/events")).status == 404


async def test_changes_of_a_tenant_are_shown_to_admins_only() -> None:
    """They name the users and their public keys."""
    changed = parse("qb.tenant.acme.user_defined.ann")
    assert [Filter("acme", admin=it).wants(changed) for it in (False, True)] == [False, True]


async def test_a_stream_ends_with_the_rights_of_its_caller(streams: Streams, hub: Hub, log: MemoryLog) -> None:
    await fill(log, 4)
    lasting = True
    caller = replace(ANN, lasts=lambda: lasting)
    stream = Stream(_while_it_lasts(caller, streams._frames(Filter("acme"), 0)))
    await stream.until(3)
    lasting = False
    with pytest.raises(StopAsyncIteration):
        await stream.next()
    assert (stream.events, hub.streams) == ([1, 2, 3], 0)


async def test_a_stream_that_cannot_begin_is_a_problem(app: ASGIApp, reader: MemoryReader) -> None:
    async def silent() -> None:
        raise Unavailable("the log cannot be followed now")

    reader.start = silent  # type: ignore[method-assign]  # as the log while the bus is gone
    answer = await send(app, "GET", "/v1/events")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


async def test_head_of_a_stream_ends(app: ASGIApp, hub: Hub) -> None:
    async with asyncio.timeout(5):
        assert (await send(app, "HEAD", "/v1/events")).status == 200
    assert hub.streams == 0
