"""What the gateway counts for the audit trail: reads of its own answers, and refusals, with who sent them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import ASGIApp

from queuebit_contracts.job import JobCompleted
from queuebit_contracts.tenants import Role
from queuebit_gateway.access import READS
from queuebit_gateway.bus_door import BusDoor, read_of
from queuebit_gateway.callers import Caller
from queuebit_gateway.problems import Problem
from queuebit_gateway.settings import Settings
from queuebit_gateway.verbs import verbs_by_address
from queuebit_gateway.web import web_app
from queuebit_runtime.access_counter import Who
from queuebit_runtime.bus_log import BusLogFile
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.received import Received
from queuebit_testing.build import accepted, submitted
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus, platform

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
ANN = Caller("acme", "ann", "admin", delegation="d1")
KEY = public_key(new_seed())

NO_READS = """
    /v1/circuits /v1/circuits/{circuit}
    /v1/jobs /v1/jobs:waiting /v1/jobs/{job} /v1/jobs/{job}/explain /v1/backends/{backend}/queue /v1/activity
    /v1/groups /v1/groups/{kind}/{name} /v1/incidents /v1/sessions /v1/sessions/{session} /v1/reservations
    /v1/reservations/{reservation} /v1/hybrid-jobs /v1/hybrid-jobs/{hybrid} /v1/hybrid-jobs/{hybrid}/key
    /v1/hybrid-jobs/{hybrid}/metrics /qrmi/jobs /qrmi/jobs/{job} /qrmi/jobs/{job}/logs /qrmi/sessions/{session}
    /v1/budgets /v1/quotas /v1/inventory
"""
"""Addresses of the verbs `read` and `charges` that show states, lists and limits."""


@dataclass
class Seen:
    """A door that remembers."""

    reads: list[tuple[str, str, str, Who]] = field(default_factory=list)
    refusals: list[tuple[str, str, str, Who, str]] = field(default_factory=list)

    def read(self, door: str, kind: str, named: str, who: Who) -> None:
        self.reads.append((door, kind, named, who))

    def refused(self, door: str, kind: str, named: str, who: Who, code: str) -> None:
        self.refusals.append((door, kind, named, who, code))


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def counted(bus: Bus, log: MemoryLog, seen: Seen) -> ASGIApp:
    async def caller_of(request: Request) -> Caller:
        if "authorization" not in request.headers:
            raise Problem(401, "unauthenticated", "who asks?")
        return ANN

    return web_app(Settings(), platform(log, bus), caller_of, door=seen)


SIGNED = [("authorization", "Bearer x")]


def test_every_address_that_shows_data_is_a_read_or_is_none() -> None:
    shows = {
        path for (method, path), verb in verbs_by_address().items() if verb in ("read", "charges") and method == "GET"
    }
    assert READS.keys() - {"/v1/audit"} | {*NO_READS.split()} == shows, "put a new address into one of the two tables"
    assert not READS.keys() & {*NO_READS.split()}


async def test_a_result_that_is_read_is_counted_and_one_that_is_not_there_yet_is_not(
    counted: ASGIApp, log: MemoryLog, bus: Bus, seen: Seen
) -> None:
    bus.answers["qb.query.acme.waiting"] = lambda _: {"rows": []}
    event = submitted("k1")
    await log.append(event)
    await log.append(accepted(event.data.job))
    path = f"/v1/jobs/{event.data.job}"
    assert (await send(counted, "GET", f"{path}/result", headers=SIGNED)).status == 409
    assert (await send(counted, "GET", path, headers=SIGNED)).status == 200
    assert (seen.reads, seen.refusals) == ([], [])
    await send(counted, "GET", f"{path}/history", headers=SIGNED)
    assert seen.reads == [("gateway", "result", event.data.job, Who("acme", "ann", delegation="d1"))]


async def test_a_wait_that_returns_the_result_is_a_read_of_it(
    counted: ASGIApp, log: MemoryLog, bus: Bus, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.append(submitted("k1", job="j1"))
    done = json.loads((EXAMPLES / "qb.job.completed.v1" / "bell-on-a-shared-device.json").read_text())
    await log.append(JobCompleted.model_validate({**done, "data": {**done["data"], "tenant": "acme", "job": "j1"}}))

    async def measured(*_: object) -> dict[str, object]:
        return {"counts": {}}

    monkeypatch.setattr("queuebit_gateway.jobs._measured", measured)
    answer = await send(counted, "GET", "/v1/jobs/j1", headers=[*SIGNED, ("prefer", "wait=1")])
    assert answer.json()["counts"] == {}
    assert [it[:3] for it in seen.reads] == [("gateway", "result", "j1")]


@pytest.mark.parametrize(
    ("method", "path", "headers", "code", "who"),
    [
        ("GET", "/v1/jobs/j9/result", SIGNED, "unknown_job", "ann"),
        ("GET", "/v1/jobs", [], "unauthenticated", None),
        ("DELETE", "/v1/jobs", SIGNED, "method_not_allowed", None),
        ("GET", "/etc/passwd", SIGNED, "no_such_address", None),
    ],
)
async def test_a_refusal_has_its_code_and_who_if_that_is_verified(
    counted: ASGIApp, seen: Seen, method: str, path: str, headers: list[tuple[str, str]], code: str, who: str | None
) -> None:
    await send(counted, method, path, headers=headers)
    [(door, kind, tried, found, why)] = seen.refusals
    assert (door, kind, tried, found.by) == ("gateway", "request", f"{method} {path}", who)
    assert why == code


async def test_a_wrong_host_is_counted(counted: ASGIApp, seen: Seen) -> None:
    await send(counted, "GET", "/v1/jobs", headers=SIGNED, host="evil.example")
    assert [it[-1] for it in seen.refusals] == ["unknown_host"]


@pytest.mark.parametrize(
    ("subject", "read"),
    [
        ("$JS.API.DIRECT.GET.LOG.qb.job.acme.j1.completed", ("acme", "result", "j1")),
        ("$JS.API.DIRECT.GET.LOG.qb.job.acme.j1.metered", ("acme", "bill", "j1")),
        ("$JS.API.DIRECT.GET.LOG.qb.job.acme.j1.corrected.2", ("acme", "bill", "j1")),
        ("$JS.API.DIRECT.GET.LOG.qb.job.acme.j1.accepted", None),
        ("$JS.API.DIRECT.GET.LOG.qb.job.acme.j1.*", ("acme", "result", "j1")),
        ("$JS.API.DIRECT.GET.LOG.qb.job.acme.j1.>", ("acme", "result", "j1")),
        ("$JS.API.DIRECT.GET.LOG.qb.job.acme.>", ("acme", "result", ">")),
        ("$JS.API.DIRECT.GET.LOG.qb.account.acme.>", None),
        ("$JS.API.DIRECT.GET.LOG.qb.hybrid.acme.h1.completed", ("acme", "result", "h1")),
        ("$JS.API.DIRECT.GET.LOG.qb.invoice.acme.2026-11.issued", ("acme", "invoice", "2026-11")),
        ("$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.acme.abc.0", ("acme", "payload", "abc")),
        ("$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.acme.abc.1", None),
        ("$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.acme.abc.*", ("acme", "payload", "abc")),
        ("$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.acme.>", ("acme", "payload", ">")),
        ("$JS.API.CONSUMER.CREATE.LOG.operator-view-1", ("queuebit", "log", "LOG")),
    ],
)
def test_a_request_to_the_server_says_what_is_read(subject: str, read: tuple[str, str, str] | None) -> None:
    assert read_of(subject) == read


@pytest.fixture
def bus_door(seen: Seen) -> BusDoor:
    owners: dict[str, tuple[str, str, Role]] = {KEY: ("acme", "ann", "admin")}
    return BusDoor(seen, owners.get)


def message(subject: str, *, reply: str = "_R_.x", data: bytes = b"", user: str | None = None) -> Received:
    block = None
    if user is not None:
        block = b"NATS/1.0\r\nNats-Request-Info: " + json.dumps({"acc": "acme", "user": user}).encode() + b"\r\n\r\n"
    return Received(None, 1, subject, reply, data, block)  # type: ignore[arg-type]  # nothing is sent


RESULT = "$JS.API.DIRECT.GET.LOG.qb.job.acme.j1.completed"


def test_a_reader_on_the_bus_is_the_user_that_the_server_names(bus_door: BusDoor, seen: Seen) -> None:
    bus_door.take(message(RESULT, user=KEY))
    bus_door.take(message(RESULT, reply="_INBOX.operator.x"))
    bus_door.take(message(RESULT, reply="_INBOX.gateway.x"))
    assert [it[3] for it in seen.reads] == [Who("acme", "ann", KEY), Who("acme", "operator")]


def test_a_reader_with_a_token_is_its_user_with_the_delegation(bus_door: BusDoor, seen: Seen) -> None:
    bus_door.take(message(RESULT, user="acme/ci/d1"))
    about = json.dumps({"client": {"acc": "acme", "user": "acme/ci/d1"}}).encode()
    bus_door.take(message("qb.bus.connected.acme", data=about))
    assert [it[3] for it in seen.reads] == [Who("acme", "ci", None, "d1")] * 2
    bus_door.log_line(
        '[1] 2026/11/30 23:04:58.694114 [ERR] 127.0.0.1:1 - cid:8 - "v2.16.0:python3" - "acme/user:acme/ci/d1" - '
        'Publish Violation - Subject "qb.job.evil.j1.submitted"'
    )
    assert [it[3] for it in seen.refusals] == [Who("acme", "ci", None, "d1")]


def test_a_key_that_is_gone_or_of_another_tenant_names_no_user(bus_door: BusDoor, seen: Seen) -> None:
    other = public_key(new_seed())
    bus_door.take(message(RESULT, user=other))
    bus_door.take(message(RESULT.replace("acme", "evil"), user=KEY))
    assert [it[3] for it in seen.reads] == [Who("acme", None, other), Who("evil", None, KEY)]


def test_a_refused_login_has_the_name_that_it_gave_as_an_escaped_text(bus_door: BusDoor, seen: Seen) -> None:
    about = json.dumps({"client": {"user": "\x1b[31m'; DROP TABLE events; --\n" + "x" * 10_240}}).encode()
    bus_door.take(message("qb.bus.refused.N1", data=about))
    ((_, _, named, who, _),) = seen.refusals
    assert named.startswith("\"\\u001b[31m'; DROP TABLE events; --\\nxxx")
    assert (len(named), who) == (75, Who())


def test_logins_are_counted_by_whether_the_server_accepts_them(bus_door: BusDoor, seen: Seen) -> None:
    about = json.dumps({"client": {"acc": "acme", "user": KEY}, "reason": "Authentication Failure"}).encode()
    bus_door.take(message("qb.bus.refused.N1", data=about))
    bus_door.take(message("qb.bus.connected.acme", data=about))
    bus_door.take(message("qb.bus.connected.acme", data=b"no JSON"))
    assert seen.refusals == [("bus", "sign_in", f'"{KEY}"', Who(), "authentication_failed")]
    assert [it[1:3] for it in seen.reads] == [("events", "connection")]


def test_a_connection_to_the_platform_follows_no_events_of_the_tenant_of_its_user(
    bus_door: BusDoor, seen: Seen
) -> None:
    about = json.dumps({"client": {"acc": "QUEUEBIT", "user": "ops/ada/d1"}}).encode()
    bus_door.take(message("qb.bus.connected.QUEUEBIT", data=about))
    assert seen.reads == []


LINE = (
    '[1] 2026/11/30 23:04:58.694114 [ERR] 127.0.0.1:39590 - cid:11 - "v2.16.0:python3:{}" - "{}/nkey:{}" - '
    '{} Violation - Subject "{}"{}'
)


def test_the_log_of_the_server_says_what_it_refuses(bus_door: BusDoor, seen: Seen, tmp_path: Path) -> None:
    path = tmp_path / "nats-server.log"
    path.write_text(LINE.format("x", "acme", KEY, "Publish", "before", "") + "\n")
    log = BusLogFile(path, from_end=True)
    lines = [
        LINE.format("x", "acme", KEY, "Publish", "qb.query.evil.jobs", ""),
        LINE.format("x", "acme", KEY, "Subscription", "qb.>", ", SID 7"),
        LINE.format("x", "QUEUEBIT", KEY, "Publish", "qb.job.acme.j1.completed", ""),
        LINE.format(
            f'x\\" - \\"evil/nkey:{KEY}\\" - Publish Violation - Subject \\"forged', "acme", KEY, "Publish", "s", ""
        ),
        "[1] 2026/11/30 23:04:58 [INF] Server is ready",
    ]
    with path.open("a") as file:
        file.write("\n".join(lines) + "\n")
    for line in log._read():
        bus_door.log_line(line)
    assert [(it[1], it[2], it[3].tenant, it[3].by) for it in seen.refusals] == [
        ("publish", "qb.query.evil.jobs", "acme", "ann"),
        ("subscribe", "qb.>", "acme", "ann"),
        ("publish", "qb.job.acme.j1.completed", "queuebit", None),
        ("publish", "s", "acme", "ann"),
    ]
