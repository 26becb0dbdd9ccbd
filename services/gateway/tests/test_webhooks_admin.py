"""What admins do with an endpoint: new secrets, use after an outage, and the handshake."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from queuebit_gateway.webhooks.records import Outcome, Webhook, rotated
from queuebit_gateway.webhooks.sending import Permission
from queuebit_gateway.webhooks.signing import Signing
from queuebit_runtime.keys import new_seed
from queuebit_runtime.retries import Verdict
from queuebit_testing.build import submitted

from .conftest import Bus
from .webhook_world import OK, URL, World, added, door

DAY = 86_400


def gone(_: str) -> Outcome:
    return Outcome(verdict=Verdict.GONE, status=410)


async def is_disabled(world: World) -> Webhook:
    async with asyncio.timeout(5):
        while not (found := (await world.webhooks.of("acme"))[0]).disabled:
            await asyncio.sleep(0)
    return found


def test_both_secrets_verify_for_the_stated_time() -> None:
    signing, now = Signing(new_seed()), int(datetime.now().timestamp())
    given = {"id": "wh_1", "tenant": "acme", "slot": 1, "url": URL, "created_at": 0.0, "created_by": "a", "position": 0}
    before = Webhook.model_validate(given)
    after = rotated(before, now=now, overlap_s=60)
    old, new = Verifier(signing.secret(before)), Verifier(signing.secret(after))
    headers = dict(signing.headers(after, "msg_1", now, b"{}"))
    assert [it.split(",")[0] for it in headers["webhook-signature"].split(" ")] == ["v1", "v1", "v1a"]
    for it in (old, new):
        it.verify(b"{}", headers)
    for ended in (
        signing.headers(after, "msg_1", now + 60, b"{}"),
        signing.headers(rotated(before, now=now, overlap_s=0), "msg_1", now, b"{}"),
    ):
        new.verify(b"{}", dict(ended))
        with pytest.raises(WebhookVerificationError):
            old.verify(b"{}", dict(ended))


async def test_a_secret_is_rotated_with_an_overlap(world: World, bus: Bus) -> None:
    async with door(world, bus) as api:
        made = (await api("POST", "/v1/webhooks", {"url": URL})).json()
        one = f"/v1/webhooks/{made['id']}"
        turned = (await api("POST", f"{one}:rotate")).json()
        assert turned["secret"] != made["secret"]
        assert datetime.fromisoformat(turned["former_until"]) == world.clock.now() + timedelta(days=1)
        await world.store(submitted("k1"))
        await world.receivers.until([1])
        assert world.receivers.signatures[-1].count("v1,") == 2
        again = await api("POST", f"{one}:rotate", {"overlap_s": 60})
        assert (again.status, again.json()["code"]) == (409, "webhook_rotating")
        at_once = (await api("POST", f"{one}:rotate", {"overlap_s": 0})).json()
        assert at_once["secret"] not in (turned["secret"], made["secret"])
        assert at_once["former_until"] is None
        await world.store(submitted("k2"))
        await world.receivers.until([1, 2])
        assert world.receivers.signatures[-1].count("v1,") == 1
        assert "secret" not in (await api("GET", one)).json()
        for overlap in (-1, 8 * DAY, "1d"):
            assert (await api("POST", f"{one}:rotate", {"overlap_s": overlap})).json()["code"] == "invalid_body"


@pytest.mark.parametrize("missed", [True, False])
async def test_a_disabled_endpoint_is_used_again(world: World, bus: Bus, missed: bool) -> None:
    await added(world)
    world.receivers.answers[URL] = lambda it: gone(it) if it.startswith("msg_2_") else OK
    await world.store(submitted("k1"), submitted("k2"), submitted("k3"))
    await world.receivers.until([1, 2])
    disabled = await is_disabled(world)
    async with door(world, bus) as api:
        refused = await api("POST", f"/v1/webhooks/{disabled.id}:replay", {"after": 0})
        assert (refused.json()["code"], ":enable" in refused.json()["next_step"]) == ("webhook_disabled", True)
        await world.store(submitted("k4"))
        del world.receivers.answers[URL]
        enabled = await api("POST", f"/v1/webhooks/{disabled.id}:enable", {"missed": missed})
        assert (enabled.status, enabled.json()["disabled"]) == (200, None)
        await world.store(submitted("k5"))
        await world.receivers.until([1, 2, 2, 3, 4, 5] if missed else [1, 2, 5])
        again = await api("POST", f"/v1/webhooks/{disabled.id}:enable")
        assert (again.status, again.json()["code"]) == (409, "webhook_enabled")


async def test_a_disabled_endpoint_is_used_again_by_any_gateway(world: World) -> None:
    world.receivers.answers[URL] = gone
    made = await added(world)
    two = await world.open("two")
    await world.store(submitted("k1"))
    await is_disabled(world)
    await world.pass_time(2)
    del world.receivers.answers[URL]
    await two.webhooks.enable("acme", made.id, missed=True)
    await world.pass_time(2)
    await world.receivers.until([1, 1])


async def test_an_endpoint_that_wants_a_handshake_is_asked_first(world: World, bus: Bus) -> None:
    async with door(world, bus) as api:
        world.receivers.permitted = Permission("it answers OPTIONS with 405")
        answer = await api("POST", "/v1/webhooks", {"url": URL, "handshake": True})
        assert (answer.status, answer.json()["code"]) == (422, "handshake_refused")
        assert world.kept.endpoints == []
        world.receivers.permitted = Permission(per_minute=60)
        made = (await api("POST", "/v1/webhooks", {"url": URL, "handshake": True})).json()
        assert (made["handshake"], made["per_minute"]) == (True, 60)
    assert world.receivers.origins == ["gateway.example"] * 2


async def test_an_endpoint_gets_no_more_requests_in_a_minute_than_it_allowed(world: World) -> None:
    world.receivers.permitted = Permission(per_minute=60)
    await world.webhooks.create("acme", "ann", URL, (), "", handshake=True)
    await world.store(submitted("k1"), submitted("k2"), submitted("k3"))
    await world.receivers.until([1])
    for number in (2, 3):
        await asyncio.sleep(0)
        assert len(world.receivers.taken) == number - 1
        for worker, _ in world.gates[0].owning._running.values():
            assert worker._pause() == 1, "the next one is sent as soon as the rate allows it"
        world.clock.advance(1)
        world.gates[0].wake()
        await world.receivers.until([*range(1, number + 1)])
