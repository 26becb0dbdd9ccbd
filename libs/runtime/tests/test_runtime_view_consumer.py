"""What a view asks of the server, and when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from queuebit_runtime.connection import Client, Connected
from queuebit_runtime.view_consumer import ViewConsumer


class Asked:
    """A client that keeps what is asked."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    async def publish(self, _: str, body: bytes, reply: str) -> None:
        assert reply == "_INBOX.x"
        self.requests.append({key: it for key, it in json.loads(body).items() if key in ("batch", "no_wait")})


def _consumer(asked: Asked, every_s: float) -> ViewConsumer:
    return ViewConsumer(Connected(cast("Client", asked)), "broker", "LOG", ["qb.>"], bodies=True, every_s=every_s)


@pytest.mark.parametrize("every_s", [0, 0.01])
async def test_a_long_log_is_asked_for_before_the_server_has_sent_all(every_s: float) -> None:
    asked = Asked()
    consumer = _consumer(asked, every_s)
    for _ in range(503):
        await consumer.ask("_INBOX.x", 100_000)
        consumer.sent()
    assert asked.requests == [{"batch": 500}, {"batch": 251}, {"batch": 251}]


async def test_messages_that_wait_are_asked_for_together_and_then_the_next_one() -> None:
    asked, began = Asked(), asyncio.get_running_loop().time()
    consumer = _consumer(asked, 0.01)
    await consumer.ask("_INBOX.x", 0)
    await consumer.ask("_INBOX.x", 0)
    assert asked.requests == [{"batch": 1}], "nothing waits"
    consumer.sent()
    await consumer.ask("_INBOX.x", 3)
    assert asked.requests[1:] == [{"batch": 500, "no_wait": True}]
    assert asyncio.get_running_loop().time() - began >= 0.01
    consumer.sent()
    await consumer.ask("_INBOX.x", 2)
    assert len(asked.requests) == 2, "more is under way"
    assert consumer.ended("404")
    await consumer.ask("_INBOX.x", 0)
    assert asked.requests[2:] == [{"batch": 1}]
    assert consumer.ended("408")
    await consumer.ask("_INBOX.x", 0)
    assert asked.requests[3:] == [{"batch": 500, "no_wait": True}]
    assert not consumer.ended("409")


@pytest.mark.parametrize(
    ("first", "counts", "asked"),
    [
        (1, {"a.x": 10, "a.y": 3_000, "a.z": 9}, [["a.x"], ["a.y"], ["a.>"]]),
        (1, {"a.x": 10, "a.y": 20, "a.z": 9}, [["a.x"], ["a.y"], ["a.z"], ["a.x", "a.y", "a.z"]]),
        (9_000, {"a.x": 10, "a.y": 3_000, "a.z": 9}, [["a.x", "a.y", "a.z"]]),
    ],
    ids=["much", "few among many", "near the end"],
)
async def test_the_server_counts_for_one_filter_at_a_time_and_not_near_the_end(
    first: int, counts: Mapping[str, int], asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, made = list[list[str]](), list[str]()

    async def call(_: ViewConsumer, subject: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if ".STREAM.INFO." in subject:
            return {"state": {"last_seq": 10_000}}
        if ".DELETE." in subject:
            made.remove(subject.rpartition(".")[2])
            return {"success": True}
        seen.append(request["config"]["filter_subjects"])
        made.append(request["config"]["name"])
        return {"num_pending": sum(counts.get(it, 0) for it in seen[-1])}

    monkeypatch.setattr(ViewConsumer, "_call", call)
    connection = Connected(cast("Client", Asked()))
    consumer = ViewConsumer(connection, "broker", "LOG", [*counts], bodies=True, every_s=0)
    await consumer.create(first)
    assert seen == asked
    assert made == [consumer.name]
    assert consumer.far == (asked[-1] == ["a.>"])
