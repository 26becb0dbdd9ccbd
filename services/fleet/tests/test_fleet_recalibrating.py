"""The operator's own system is asked to calibrate a device: once for each cause, again if it fails, and as a fact."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from queuebit_contracts.fleet import BackendIsolated, BackendRecalibrationAsked, FleetRequest, ManualOrder
from queuebit_fleet.adapters import secret_in
from queuebit_fleet.recalibrating import AskForCalibration
from queuebit_isolation import FleetDocument, parse_fleet
from queuebit_kernel import Stale, Unavailable

from .test_fleet import THEN, World, calibrated, failed

SECRET = b"0123456789abcdef0123456789abcdef"
HOOK = '[recalibration]\nurl = "https://lab.example/recalibrate"\nsecret = "hook"\n'
BAD = {f"cx_{a}_{b}": 1.0 for a, b in ((1, 2), (1, 3), (3, 5), (4, 5), (5, 6))}


class Lab:
    """The operator's system: answers with the next status; None: it cannot be reached."""

    def __init__(self, world: World, document: FleetDocument, *answers: int | None) -> None:
        assert document.recalibration is not None
        self.answers = [*answers]
        self.requests: list[tuple[str, Mapping[str, str], bytes]] = []
        self.world = world
        self.asking = AskForCalibration(
            world.fleet, document.recalibration, world.log, self.post, lambda: SECRET, world.clock, pauses=(0, 0, 0)
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.requests.append((url, headers, body))
        status = self.answers.pop(0)
        if status is None:
            raise ConnectionRefusedError("connection refused")
        return status

    def look(self) -> list[BackendRecalibrationAsked]:
        """Ask for what is wanted; return the facts of this look."""
        before = len(self.world.log.events(BackendRecalibrationAsked))
        asyncio.run(self.asking.ask(self.world.fleet.of("perth")))
        self.world.happens()
        return self.world.log.events(BackendRecalibrationAsked)[before:]


def lab(world: World, *answers: int | None, more: str = "") -> Lab:
    return Lab(world, parse_fleet(HOOK + more), *answers)


@pytest.fixture
def world() -> World:
    return World()


def test_it_is_asked_once_when_a_device_is_isolated_for_its_calibration(world: World) -> None:
    it = lab(world, 202)
    world.happens(calibrated(THEN, **BAD))
    (isolated,) = world.log.events(BackendIsolated)
    (fact,) = it.look()
    assert (fact.data.reason, fact.data.since) == (isolated.data.reason, isolated.data.since)
    assert (fact.data.outcome, fact.data.tries, fact.data.status, fact.data.error) == ("accepted", 1, 202, None)
    assert it.look() == []
    (listed,) = asyncio.run(world.order(FleetRequest())).rows
    assert listed.recalibration == fact.data
    restarted = lab(world)
    assert restarted.look() == [], "the log says that it was asked"


def test_the_request_is_signed_and_has_one_id_for_all_tries(world: World) -> None:
    it = lab(world, 503, None, 200)
    world.happens(calibrated(THEN, **BAD))
    (fact,) = it.look()
    assert (fact.data.outcome, fact.data.tries) == ("accepted", 3)
    assert len({headers["webhook-id"] for _, headers, _ in it.requests}) == 1
    url, headers, body = it.requests[0]
    assert url == "https://lab.example/recalibrate"
    content = ".".join((headers["webhook-id"], headers["webhook-timestamp"], body.decode()))
    known = base64.b64encode(hmac.digest(SECRET, content.encode(), hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{known}"
    data = json.loads(body)["data"]
    assert (data["backend"], data["reason"]["code"]) == ("perth", "elements")


def test_it_is_given_up_after_some_tries_and_the_fact_says_why(world: World) -> None:
    it = lab(world, 503, 503, None)
    world.happens(calibrated(THEN, **BAD))
    (fact,) = it.look()
    assert (fact.data.outcome, fact.data.tries, fact.data.status) == ("given_up", 3, None)
    assert fact.data.error == "it cannot be reached: the log of fleet says why"
    assert it.look() == []


def test_the_fact_names_no_address_and_no_path_because_tenants_can_read_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def unreadable() -> bytes:
        raise PermissionError(13, "Permission denied", "/srv/secrets/fleet/hook")

    async def away(_url: str, _headers: Mapping[str, str], _body: bytes) -> int:
        raise ConnectionRefusedError("10.1.2.3 cannot be reached: Connect call failed ('10.1.2.3', 8080)")

    world.happens(calibrated(THEN, **BAD))
    other = World()
    other.happens(calibrated(THEN, **BAD))
    first, second = lab(world), lab(other)
    first.asking._secret, second.asking._post = unreadable, away
    for it, what in ((first, "/srv"), (second, "10.1.2.3")):
        (fact,) = it.look()
        assert fact.data.outcome == "given_up"
        assert what not in fact.model_dump_json()
        assert what in caplog.text


def test_a_calibration_that_comes_between_two_tries_ends_them(world: World) -> None:
    it = lab(world, 503)
    world.happens(calibrated(THEN, **BAD))
    original = it.post

    async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        world.fleet.of("perth").isolation = None
        return await original(url, headers, body)

    it.asking._post = post
    assert it.look() == []
    assert len(it.requests) == 1


def test_other_causes_and_orders_of_a_person_ask_for_no_calibration(world: World) -> None:
    it = lab(world)
    for number in range(4):
        event = failed(f"j{number}")
        world.fleet.ended(event, THEN)
    world.happens(calibrated(THEN))
    assert world.state == "isolated"
    assert it.look() == []
    other = World()
    other.happens(calibrated(THEN))
    order = ManualOrder(backend="perth", reason="the cryostat is being serviced", by="ada")
    asyncio.run(other.order(FleetRequest(isolate=order)))
    other.happens()
    assert lab(other).look() == []


def test_an_overdue_calibration_is_asked_for_where_nothing_is_isolated_by_rule() -> None:
    text = HOOK + "[limits]\nisolate = false\n"
    world = World(parse_fleet(text))
    it = Lab(world, parse_fleet(text), 200)
    for day in range(3):
        world.happens(calibrated(THEN + timedelta(days=day), ro_0=0.01 + day / 1000))
    assert it.look() == []
    world.later(days=9)
    (fact,) = it.look()
    assert (fact.data.reason.code, fact.data.since) == ("overdue", THEN + timedelta(days=7))
    world.later(days=1)
    assert it.look() == [], "the same calibration is missing"


def test_only_the_backends_that_it_names_are_calibrated(world: World) -> None:
    it = lab(world, more='backends = ["torino", "fez-*"]\n')
    world.happens(calibrated(THEN, **BAD))
    assert it.look() == []


def test_a_secret_is_read_for_each_try_and_says_what_is_wrong(tmp_path: Path) -> None:
    hook = parse_fleet(HOOK).recalibration
    assert hook is not None
    with pytest.raises(ValueError, match="QUEUEBIT_FLEET_SECRETS"):
        secret_in(None, hook)()
    file = tmp_path / "hook"
    with pytest.raises(OSError, match="hook"):
        secret_in(tmp_path, hook)()
    file.touch(mode=0o600)
    file.write_text("whsec_" + base64.b64encode(SECRET).decode())
    assert secret_in(tmp_path, hook)() == SECRET
    file.write_text("whsec_nonsense!")
    with pytest.raises(ValueError, match="no secret of Standard Webhooks"):
        secret_in(tmp_path, hook)()
    assert secret_in(None, hook.model_copy(update={"secret": None}))() is None


@pytest.mark.parametrize(
    "text", ['url = "ftp://lab.example"', 'url = "https://x"\nsecret = "../key"', 'hook = "x"', ""]
)
def test_a_hook_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="recalibration"):
        parse_fleet(f"[recalibration]\n{text}\n")


def test_a_log_that_is_away_does_not_make_it_ask_again(world: World) -> None:
    it = lab(world, 202)
    it.asking._store_pauses = (0,)
    world.happens(calibrated(THEN, **BAD))
    original, faults = world.log.append, [Unavailable("no answer"), Stale("moved"), Unavailable("no answer")]

    async def append(*args: Any, **more: Any) -> int:
        if faults:
            raise faults.pop()
        return await original(*args, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.log, "append", append)
        (fact,) = it.look()
    assert (fact.data.outcome, len(it.requests), faults) == ("accepted", 1, [])
