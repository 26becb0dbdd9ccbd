"""Hybrid jobs over HTTP: what they are, wrote and returned, and who stops them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from starlette.requests import Request
from starlette.types import ASGIApp

from queuebit.transport import Reply
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.hybrid import (
    PYTHON,
    HybridAcceptance,
    HybridAccepted,
    HybridCompleted,
    HybridCompletion,
    HybridSubmission,
    HybridSubmitted,
    HybridTerms,
    hybrid_id,
)
from queuebit_contracts.job import Signature
from queuebit_contracts.roles import Role
from queuebit_contracts.subjects import output, parse
from queuebit_contracts.wire import Amount
from queuebit_gateway.callers import Caller
from queuebit_gateway.hub import Filter, Hub
from queuebit_gateway.streams import Streams
from queuebit_gateway.web import Streaming
from queuebit_kernel import Json, digest
from queuebit_runtime.payloads import describe
from queuebit_testing.build import NOON, submitted
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus, MemoryReader, app_for, platform

NAME = hybrid_id("acme", "vqe")
ONE = f"/v1/hybrid-jobs/{NAME}"
TERMS = HybridTerms(
    project="main", price="p", price_book=digest(b""), hold=Amount(amount="0.01"), max_time_s=60
)  # fmt: skip
FILE = describe(b"pass", PYTHON)


@dataclass
class Writing(Bus):
    """A bus with the output of hybrid jobs, by subject."""

    chunks: dict[str, bytes] = field(default_factory=dict)

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        if not subject.startswith("$JS.API.DIRECT.GET.OUTPUT."):
            return await super().request(subject, body, headers, timeout=timeout)
        chunk = self.chunks.get(subject.removeprefix("$JS.API.DIRECT.GET.OUTPUT."))
        return Reply(b"", {"Status": "404"}) if chunk is None else Reply(chunk, {})


@pytest.fixture
def bus() -> Writing:
    return Writing()


def app(log: MemoryLog, bus: Bus, user: str = "ann", role: Role = "submitter") -> ASGIApp:
    def signer(content: Json) -> Signature:
        return Signature(key="UANN", signature="s", delegation="d9")

    return app_for(platform(log, bus), Caller("acme", user, role, signer))


async def stored(log: MemoryLog, *, ended: bool) -> None:
    of = {"tenant": "acme", "hybrid": NAME}
    asked = {**of, "project": "main", "key": "vqe", "purpose": "test", "file": FILE, "delegation": "d1"}
    asked |= {"max_time_s": 60, "proof": {"key": "UANN", "signature": "s"}}
    accepted = {**of, "user": "ann", "delegation": "d1", "file": FILE, "parameters": "{}", "purpose": "test"}
    done = {**of, "attempt": 1, "result": describe(b'{"energy": -1.1}', "application/json")}
    events: list[AnyEvent] = [
        HybridSubmitted(source="qb/client", data=HybridSubmission.model_validate(asked)),
        HybridAccepted(
            source="qb/broker",
            data=HybridAcceptance.model_validate({**accepted, "terms": TERMS, "submitted_at": NOON}),
        ),
    ]
    if ended:
        end = HybridCompletion.model_validate({**done, "terms": TERMS, "submitted_at": NOON})
        events.append(HybridCompleted(source="qb/hybrid", data=end))
    for it in events:
        await log.append(it)


async def test_it_is_what_its_events_say(log: MemoryLog, bus: Writing) -> None:
    await stored(log, ended=True)
    found = (await send(app(log, bus), "GET", ONE)).json()
    assert (found["state"], found["attempt"], found["hold"]) == ("completed", 1, {"amount": "0.01", "currency": "USD"})
    result = (await send(app(log, bus), "GET", f"{ONE}/result")).json()
    assert (result["result"], result["as_of_seq"]) == ({"energy": -1.1}, 3)
    history = (await send(app(log, bus), "GET", f"{ONE}/history")).json()["data"]
    assert [it["event"]["type"] for it in history] == [
        f"qb.hybrid.{name}.v1" for name in ("submitted", "accepted", "completed")
    ]


@pytest.mark.parametrize("name", ["hnone", "x.y", "*"])
async def test_one_that_the_tenant_does_not_have_is_unknown(log: MemoryLog, bus: Writing, name: str) -> None:
    for what in ("", "/history", "/logs", "/metrics", "/result"):
        answer = await send(app(log, bus), "GET", f"/v1/hybrid-jobs/{name}{what}")
        assert (answer.status, answer.json()["code"]) == (404, "unknown_job")


@pytest.mark.parametrize("ended", [False, True])
async def test_output_comes_in_pages_that_go_on_until_it_has_ended(log: MemoryLog, bus: Writing, ended: bool) -> None:
    await stored(log, ended=ended)
    bus.chunks = {output("acme", NAME, "logs", number): b"line %d\n" % number for number in range(1, 19)}
    bus.chunks[output("acme", NAME, "metrics", 1)] = b'{"name":"e","value":1.5,"at":1}\n{"name":"e","value":1,"at":2}\n'
    first = (await send(app(log, bus), "GET", f"{ONE}/logs")).json()
    assert (first["data"][0], first["next"]) == ({"number": 1, "text": "line 1\n"}, "16")
    second = (await send(app(log, bus), "GET", f"{ONE}/logs?after=16")).json()
    assert ([it["number"] for it in second["data"]], second["next"]) == ([17, 18], None if ended else "18")
    metrics = (await send(app(log, bus), "GET", f"{ONE}/metrics")).json()
    assert ([it["value"] for it in metrics["data"]], metrics["next"]) == ([1.5, 1], None if ended else "1")
    assert (await send(app(log, bus), "GET", f"{ONE}/logs?after=x")).status == 422


async def test_one_that_runs_has_no_result_and_is_stopped_by_its_user_or_an_admin(log: MemoryLog, bus: Writing) -> None:
    await stored(log, ended=False)
    bus.answers[f"qb.command.acme.{NAME}.cancel"] = lambda _: {"seq": 7}
    refused = await send(app(log, bus), "GET", f"{ONE}/result")
    assert (refused.status, refused.json()["code"]) == (409, "not_completed")
    assert (await send(app(log, bus, "bob"), "POST", f"{ONE}:cancel")).json()["code"] == "not_yours"
    assert (await send(app(log, bus, role="viewer"), "POST", f"{ONE}:cancel")).status == 403
    assert bus.asked == []
    kind = [("content-type", "application/json")]
    for by in (app(log, bus), app(log, bus, "bob", "admin")):
        done = await send(by, "POST", f"{ONE}:cancel", headers=kind, body=b'{"reason": "no"}')
        assert (done.status, done.json()["state"]) == (202, "accepted")
    assert [(it["data"]["job"], it["data"]["reason"]) for _, it in bus.asked] == [(NAME, "no")] * 2


async def test_the_list_has_amounts_of_money(log: MemoryLog, bus: Writing) -> None:
    bus.answers["qb.query.acme.hybrids"] = lambda asked: {"rows": [{"hybrid": NAME, "hold": "0.01 USD", **asked}]}
    found = (await send(app(log, bus), "GET", "/v1/hybrid-jobs?limit=7&project=main")).json()["data"]
    assert json.dumps(found[0]["hold"]) == '{"amount": "0.01", "currency": "USD"}'
    assert (found[0]["limit"], found[0]["project"]) == (7, "main")


async def test_its_events_come_in_order_and_without_those_of_others(
    log: MemoryLog, bus: Writing, hub: Hub, reader: MemoryReader
) -> None:
    await log.append(submitted("k1"))
    await stored(log, ended=False)
    wanted = [Filter("acme", NAME), Filter("acme"), Filter("acme", None, frozenset({"hybrid.completed"}))]
    streams = Streams(hub, reader, platform(log, bus), never)
    opened = [streams._frames(it, 0) for it in wanted]
    seen = [await anext(it) for it in opened]
    async with asyncio.timeout(5):
        for number in (0, 1):
            seen[number] += await anext(opened[number])
        (end,) = await ended_with(log)
        await log.append(end)
        reader.catch_up()
        for number, stream in enumerate(opened):
            seen[number] += await anext(stream)
    names = [re.findall(rb"^event: (.+)$", it, re.MULTILINE) for it in seen]
    own = [b"hybrid.submitted", b"hybrid.accepted", b"hybrid.completed"]
    assert names == [own, [b"job.submitted", *own], own[2:]]
    assert not Filter("evil").wants(parse(f"qb.hybrid.acme.{NAME}.completed"))
    for stream in opened:
        await stream.aclose()


async def ended_with(log: MemoryLog) -> list[AnyEvent]:
    """The end of the hybrid job, which is not in the log yet."""
    whole = MemoryLog()
    await stored(whole, ended=True)
    last = whole.stored[-1].event
    assert isinstance(last, HybridCompleted)
    return [last]


async def never(_: Request) -> Caller:
    raise AssertionError


async def test_a_stream_of_one_that_the_tenant_does_not_have_is_refused(
    log: MemoryLog, bus: Writing, hub: Hub, reader: MemoryReader
) -> None:
    of = app_for(platform(log, bus), Caller("acme", "ann", "submitter"), Streaming(hub, reader))
    answer = await send(of, "GET", f"{ONE}/events")
    assert (answer.status, answer.json()["code"]) == (404, "unknown_job")
