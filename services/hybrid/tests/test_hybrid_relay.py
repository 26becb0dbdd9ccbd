"""What a child may send over the bus, and what it may not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from queuebit.errors import Refused, Unanswered
from queuebit.relay_transport import RelayTransport
from queuebit.transport import Message, OnGap, OnMessage, Reply, Unsubscribe
from queuebit_contracts.topology import topology
from queuebit_hybrid.output import Chunked
from queuebit_hybrid.relay import MAX_RESULT_BYTES, Relay, walls_of
from queuebit_runtime.frames import pack, read_frame

WALLS = walls_of(topology(), "acme", "ada")


@pytest.mark.parametrize(
    "subject",
    [
        "qb.job.acme.j1.submitted",
        "qb.command.acme.j1.cancel",
        "qb.query.acme.jobs",
        "$KV.PAYLOADS.acme.ab.0",
        "$JS.API.DIRECT.GET.LOG.qb.job.acme.j1.completed",
    ],
)
def test_a_child_may_do_what_a_member_may(subject: str) -> None:
    assert WALLS.may_send(subject)


@pytest.mark.parametrize(
    "subject",
    [
        "qb.job.other.j1.submitted",
        "qb.job.acme.j1.accepted",
        "qb.intake.job.acme.j1.submitted",
        "qb.query.other.jobs",
        "qb.query.acme.*",
        "qb.query.acme.>",
        "qb.query.acme.jobs\r\nPUB qb.admin.tenants 0",
        "qb.admin.tenants",
        "qb.identity.acme.delegate",
        "qb.hybrid.acme.h1.submitted",
        "qb.output.acme.h1.logs.1",
        "$KV.PAYLOADS.other.ab.0",
        "$JS.API.DIRECT.GET.LOG",
        "$JS.API.DIRECT.GET.LOG.qb.job.other.j1.completed",
        "$JS.API.STREAM.PURGE.LOG",
        "",
    ],
)
def test_and_nothing_else(subject: str) -> None:
    assert not WALLS.may_send(subject)


def test_with_a_cap_it_opens_no_session_and_submits_to_its_own_only() -> None:
    capped, subject = walls_of(topology(), "acme", "ada", "sown"), "qb.job.acme.j1.submitted"
    assert WALLS.may_send("qb.sessions.acme.open")
    assert not capped.may_send("qb.sessions.acme.open")
    golden = Path(__file__).parents[3] / "contracts" / "examples" / "qb.job.submitted.v1"
    document = json.loads(next(golden.glob("*.json")).read_bytes())

    def submitted(session: str | None) -> bytes:
        return json.dumps({**document, "data": {**document["data"], "session": session}}).encode()

    assert WALLS.is_paid(subject, submitted(None))
    assert capped.is_paid(subject, submitted("sown"))
    for body in (submitted(None), submitted("sother"), b"nonsense"):
        assert not capped.is_paid(subject, body)


def test_it_follows_jobs_of_its_tenant_only() -> None:
    assert WALLS.may_follow("qb.stored.acme.*.completed")
    assert not WALLS.may_follow("qb.stored.*.*.completed")
    assert not WALLS.may_follow("qb.stored.>")
    assert not WALLS.may_follow("_INBOX.t.acme.ada.>")


class FakeTransport:
    """Answers with the subject; `follow` delivers one message."""

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        if subject.endswith(".explain"):
            raise Unanswered("no service answers")
        return Reply(subject.encode() + body, {"Nats-Sequence": "7"})

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        on_message(Message(subjects[0], b"news"))

        async def end() -> None: ...

        return end

    async def close(self) -> None: ...


async def test_the_transport_of_a_child_speaks_to_the_relay(tmp_path: Path) -> None:
    points: list[bytes] = []
    relay = Relay(FakeTransport(), WALLS, points.append)
    await relay.open(tmp_path / "bus.sock", None)
    child, seen = RelayTransport(str(tmp_path / "bus.sock")), asyncio.Queue[Message]()
    try:
        reply = await child.request("qb.query.acme.jobs", b"{}")
        assert (reply.body, reply.headers["Nats-Sequence"]) == (b"qb.query.acme.jobs{}", "7")
        with pytest.raises(Refused):
            await child.request("qb.query.other.jobs")
        with pytest.raises(Unanswered):
            await child.request("qb.query.acme.explain")
        end = await child.follow(["qb.stored.acme.j1.completed"], seen.put_nowait, lambda: None)
        assert (await seen.get()).body == b"news"
        await end()
    finally:
        await child.close()
        await relay.close()


class SlowTransport(FakeTransport):
    """Counts subscriptions; each takes a turn of the loop to be made."""

    def __init__(self) -> None:
        self.open = 0

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        await asyncio.sleep(0)
        self.open += len(subjects)

        async def end() -> None:
            self.open -= len(subjects)

        return end


@pytest.mark.parametrize(("numbers", "most"), [([1] * 60, 1), ([*range(60)], 6)])
async def test_subscriptions_that_are_asked_for_side_by_side_are_bounded_and_end_with_the_child(
    tmp_path: Path, numbers: list[int], most: int
) -> None:
    transport = SlowTransport()
    relay = Relay(transport, WALLS, lambda _: None)
    await relay.open(tmp_path / "bus.sock", None)
    reader, writer = await asyncio.open_unix_connection(tmp_path / "bus.sock")
    subjects = ["qb.stored.acme.j1.completed"] * 10
    writer.write(b"".join(pack({"do": "follow", "id": it, "subjects": subjects}) for it in numbers))
    answers = [(await asyncio.wait_for(read_frame(reader), 5))[0] for _ in numbers]
    assert sum("error" not in it for it in answers) == most
    assert transport.open == most * 10
    writer.close()
    await relay.close()
    assert transport.open == 0


def test_only_json_of_a_bounded_size_is_a_result() -> None:
    relay = Relay(FakeTransport(), WALLS, lambda _: None)
    for content in (b"{nope", b"NaN", b"[" * 100_000, b"1" * (MAX_RESULT_BYTES + 1)):
        assert relay.save(content)[0]["error"] == "refused"
    assert relay.result is None
    assert relay.save(b'{"energy": -1.1}') == ({}, b"")
    assert relay.result == b'{"energy": -1.1}'


@pytest.mark.parametrize(
    "point", [None, {}, {"name": "", "value": 1.0, "at": 1}, {"name": "a", "value": "1", "at": 1}, {"name": "a" * 65}]
)
def test_only_numbers_are_metrics(point: object) -> None:
    seen: list[bytes] = []
    relay = Relay(FakeTransport(), WALLS, seen.append)
    assert relay.metric({"point": point})[0]["error"] == "refused"
    relay.metric({"point": {"name": "a", "value": 1.0, "step": 2, "at": 3.0}})
    assert len(seen) == 1


async def test_what_is_beyond_the_limit_is_dropped_and_said() -> None:
    stored: list[tuple[int, bytes]] = []

    async def publish(number: int, content: bytes) -> int:
        stored.append((number, content))
        return number

    logs = Chunked(publish, b"the end", number=4, most_bytes=10)
    for piece in (b"12345", b"6789012345", b"more"):
        logs.write(piece)
    logs.close()
    await logs.run()
    assert stored == [(5, b"1234567890the end")]
    assert (logs.number, logs.cut) == (5, True)


async def test_a_line_of_metrics_is_kept_whole_or_not_at_all() -> None:
    stored = bytearray()

    async def publish(number: int, content: bytes) -> int:
        stored.extend(content)
        return number

    metrics = Chunked(publish, b"", most_bytes=8)
    metrics.write_line(b"12345")
    metrics.write_line(b"6789")
    metrics.close()
    await metrics.run()
    assert (bytes(stored), metrics.cut) == (b"12345\n", True)
