"""Deliveries of endpoints on a log in memory: what is sent, in which order, and what is kept."""

from __future__ import annotations

import asyncio

import pytest

from queuebit_gateway.webhooks.records import PARKED, Outcome
from queuebit_gateway.webhooks.service import MOST
from queuebit_runtime.retries import Verdict
from queuebit_testing.build import accepted, funded, submitted

from .conftest import Bus
from .webhook_world import OK, URL, World, added, door, fail


async def test_an_endpoint_gets_new_events_of_its_tenant_in_order(world: World) -> None:
    await world.store(submitted("old"))
    await added(world)
    await world.store(submitted("k1"), submitted("k2", tenant="evil"), accepted("j1"), funded())
    await world.receivers.until([2, 4, 5])


async def test_an_endpoint_gets_the_types_that_it_wants(world: World) -> None:
    await added(world, types=("job.accepted",))
    await world.store(submitted("k1"), accepted("j1"), funded(), accepted("j2"))
    await world.receivers.until([2, 4])


async def test_a_failed_delivery_is_tried_again_and_holds_up_no_other(world: World) -> None:
    refused = ["msg_1_"]
    world.receivers.answers[URL] = lambda it: fail(it) if it.startswith(tuple(refused)) else OK
    await added(world)
    await world.store(submitted("k1"), submitted("k2"))
    await world.receivers.until([1, 2])
    await world.pass_time(4)
    await world.store(submitted("k3"))
    await world.receivers.until([1, 2, 3])
    await world.pass_time(2)
    await world.receivers.until([1, 2, 3, 1])
    refused.clear()
    await world.pass_time(301)
    await world.receivers.until([1, 2, 3, 1, 1])
    ids = [it for _, it in world.receivers.taken if it.startswith("msg_1_")]
    assert len({*ids}) == 1, "the id is that of the event, for each try"
    (webhook,) = await world.webhooks.of("acme")
    assert [(it.n, it.state, it.tries) for it in webhook.recent] == [
        (2, "delivered", 1),
        (3, "delivered", 1),
        (1, "delivered", 3),
    ]


async def test_a_receiver_that_hangs_holds_up_no_other(world: World) -> None:
    slow, quick = "https://slow.example/", "https://quick.example/"
    world.receivers.hanging.add(slow)
    await added(world, slow)
    await added(world, quick)
    await world.store(*(submitted(f"k{it}") for it in range(5)))
    await world.receivers.until([1, 2, 3, 4, 5], quick)
    assert world.receivers.sequences(slow) == []


async def test_while_a_receiver_is_down_the_log_keeps_its_events(world: World) -> None:
    world.receivers.answers[URL] = fail
    await added(world)
    total = PARKED + 10
    await world.store(*(submitted(f"k{it}") for it in range(total)))
    await world.receivers.until([*range(1, PARKED + 1)])
    del world.receivers.answers[URL]
    await world.pass_time(6)
    async with asyncio.timeout(5):
        while len(world.receivers.taken) < PARKED + total:
            world.receivers.changed.clear()
            await world.receivers.changed.wait()
    assert sorted(world.receivers.sequences()[PARKED:]) == [*range(1, total + 1)]


async def test_nothing_is_lost_by_a_crash(world: World) -> None:
    world.receivers.answers[URL] = lambda it: fail(it) if it.startswith("msg_2_") else OK
    await added(world)
    await world.store(*(submitted(f"k{it}") for it in range(3)))
    await world.receivers.until([1, 2, 3])
    await world.crash()
    await world.store(submitted("k3"))
    async with asyncio.timeout(5):
        while 4 not in world.receivers.sequences():
            world.receivers.changed.clear()
            await world.receivers.changed.wait()
    del world.receivers.answers[URL]
    await world.pass_time(6)
    async with asyncio.timeout(5):
        while world.receivers.sequences()[-1] != 2:
            world.receivers.changed.clear()
            await world.receivers.changed.wait()
    assert {*world.receivers.sequences()} == {1, 2, 3, 4}
    assert len({*world.receivers.taken}) == 4, "what is sent twice has the same id"


async def test_a_retry_waits_for_a_replica_that_lags_behind(world: World) -> None:
    world.receivers.answers[URL] = fail
    await added(world)
    await world.store(submitted("k1"))
    await world.receivers.until([1])
    world.reader.hidden = 1
    await world.pass_time(6)
    await world.receivers.until([1, 1])


async def test_gone_disables(world: World) -> None:
    world.receivers.answers[URL] = lambda _: Outcome(verdict=Verdict.GONE, status=410)
    await added(world)
    await world.store(submitted("k1"), submitted("k2"))
    await world.receivers.until([1])
    async with asyncio.timeout(5):
        while not (await world.webhooks.of("acme"))[0].disabled:
            await asyncio.sleep(0)
    await world.gates[0].owning.close()
    await world.crash()
    (kept,) = await world.webhooks.of("acme")
    assert kept.disabled == "the receiver answered 410 Gone"


async def test_an_outage_of_the_bucket_stops_no_delivery_for_good(world: World) -> None:
    await added(world)
    world.kept.down = True
    world.clock.advance(1)
    await world.store(submitted("k1"))
    await world.receivers.until([1])
    world.kept.down = False
    await world.store(submitted("k2"))
    await world.receivers.until([1, 2])


async def test_endpoints_are_created_listed_and_deleted(world: World, bus: Bus) -> None:
    async with door(world, bus) as api:
        made = await api("POST", "/v1/webhooks", {"url": URL, "types": ["job.sealed"], "description": "ours"})
        found = made.json()
        assert (made.status, made.headers["location"]) == (201, f"/v1/webhooks/{found['id']}")
        assert found["secret"] == world.signing.secret((await world.webhooks.of("acme"))[0])
        listed = (await api("GET", "/v1/webhooks")).json()["data"]
        assert [(it["id"], it["url"], it["types"]) for it in listed] == [(found["id"], URL, ["job.sealed"])]
        one = await api("GET", f"/v1/webhooks/{found['id']}")
        assert "secret" not in one.json()
        assert found["secret"].encode() not in b"".join(it.body for it in world.kept.written.values())
        keys = (await api("GET", "/.well-known/queuebit-webhooks.json")).json()
        assert keys["standard_webhooks"] == [found["public_key"]]
        assert (await api("DELETE", f"/v1/webhooks/{found['id']}")).status == 204
        assert (await api("GET", "/v1/webhooks")).json()["data"] == []
        assert (await api("GET", f"/v1/webhooks/{found['id']}")).json()["code"] == "unknown_webhook"


async def test_a_deletion_that_is_not_stored_is_none(world: World, bus: Bus) -> None:
    async with door(world, bus) as api:
        made = (await api("POST", "/v1/webhooks", {"url": URL})).json()
        world.kept.down = True
        assert (await api("DELETE", f"/v1/webhooks/{made['id']}")).status == 503
        world.kept.down = False
        await world.pass_time(2)
        await world.store(submitted("k1"))
        await world.receivers.until([1])


async def test_deliveries_are_shown_and_sent_again(world: World, bus: Bus) -> None:
    async with door(world, bus) as api:
        one = f"/v1/webhooks/{(await api('POST', '/v1/webhooks', {'url': URL})).json()['id']}"
        await world.store(submitted("k1"), submitted("k2", tenant="evil"), accepted("j1"), submitted("k3"))
        await world.receivers.until([1, 3, 4])
        shown = (await api("GET", f"{one}/deliveries")).json()["data"]
        assert [(it["n"], it["type"], it["state"], it["status"]) for it in shown] == [
            (4, "job.submitted", "delivered", 204),
            (3, "job.accepted", "delivered", 204),
            (1, "job.submitted", "delivered", 204),
        ]
        assert (await api("POST", f"{one}/deliveries/3:replay")).status == 202
        await world.receivers.until([1, 3, 4, 3])
        assert (await api("POST", f"{one}:replay", {"after": 1})).json()["until"] == 4
        await world.receivers.until([1, 3, 4, 3, 3, 4])
        for n in ("2", "99"):
            assert (await api("POST", f"{one}/deliveries/{n}:replay")).json()["code"] == "unknown_event"
        for n in ("0", "x", "-1"):
            assert (await api("POST", f"{one}/deliveries/{n}:replay")).json()["code"] == "bad_sequence"
        assert (await api("POST", f"{one}:replay", {"after": 5, "until": 5})).json()["code"] == "bad_range"


async def test_a_test_event_is_sent_at_once(world: World, bus: Bus) -> None:
    async with door(world, bus) as api:
        one = f"/v1/webhooks/{(await api('POST', '/v1/webhooks', {'url': URL})).json()['id']}"
        done = (await api("POST", f"{one}:test")).json()
        assert (done["delivered"], done["status"]) == (True, 204)
        assert world.receivers.taken == [(URL, done["webhook_id"])]
        world.receivers.hanging.add(URL)
        first = asyncio.ensure_future(api("POST", f"{one}:test"))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while not world.webhooks._testing:
                await asyncio.sleep(0)
        assert (await api("POST", f"{one}:test")).json()["code"] == "webhook_busy"
        first.cancel()


@pytest.mark.parametrize("role", ["viewer", "submitter"])
async def test_only_admins_see_webhooks(world: World, bus: Bus, role: str) -> None:
    made = await added(world)
    async with door(world, bus, role) as api:
        for method, path in (
            ("GET", "/v1/webhooks"),
            ("POST", "/v1/webhooks"),
            ("GET", f"/v1/webhooks/{made.id}"),
            ("DELETE", f"/v1/webhooks/{made.id}"),
            ("GET", f"/v1/webhooks/{made.id}/deliveries"),
            ("POST", f"/v1/webhooks/{made.id}/deliveries/1:replay"),
            ("POST", f"/v1/webhooks/{made.id}:replay"),
            ("POST", f"/v1/webhooks/{made.id}:test"),
        ):
            assert (await api(method, path)).status == 403


async def test_endpoints_of_others_are_not_found(world: World, bus: Bus) -> None:
    made = await added(world)
    async with door(world, bus, tenant="evil") as api:
        assert (await api("GET", "/v1/webhooks")).json()["data"] == []
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", ":test")):
            assert (await api(method, f"/v1/webhooks/{made.id}{path}")).status == 404
    assert len(await world.webhooks.of("acme")) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "http://example.com/"}, "bad_url"),
        ({"url": "https://u:p@example.com/"}, "bad_url"),
        ({"url": URL, "types": ["nonsense"]}, "invalid_body"),
        ({"url": URL, "types": ["job.sealed"] * 33}, "invalid_body"),
        ({"url": URL, "types": ["job.finished"]}, "invalid_body"),
        ({"url": URL, "types": ["tenant.defined"]}, "invalid_body"),
        ({"url": URL, "secret": "mine"}, "invalid_body"),
        ({}, "invalid_body"),
    ],
)
async def test_bad_endpoints_are_refused(world: World, bus: Bus, body: object, code: str) -> None:
    async with door(world, bus) as api:
        answer = await api("POST", "/v1/webhooks", body)
        assert (answer.status, answer.json()["code"]) == (422, code)
        assert "Value error" not in answer.json()["detail"], "words of the validator, not of a user"


async def test_a_tenant_has_a_bounded_number_of_endpoints(world: World, bus: Bus) -> None:
    async with door(world, bus) as api:
        ids = [(await api("POST", "/v1/webhooks", {"url": URL})).json()["id"] for _ in range(MOST)]
        assert (await api("POST", "/v1/webhooks", {"url": URL})).json()["code"] == "too_many_webhooks"
        await api("DELETE", f"/v1/webhooks/{ids[3]}")
        assert (await api("POST", "/v1/webhooks", {"url": URL})).status == 201
    assert len(world.kept.endpoints) == MOST
