"""Several gateways share the endpoints: one delivers for each at a time, and another goes on when that ends."""

from __future__ import annotations

import asyncio

from queuebit_testing.build import submitted

from .conftest import Bus
from .webhook_world import OK, URL, World, added, door, fail


async def owners(world: World) -> list[str]:
    return [it.owner for it in world.kept.endpoints]


async def test_two_gateways_send_each_event_once(world: World) -> None:
    await world.open("two")
    for gate in world.gates:
        await gate.webhooks.create("acme", "ann", f"{URL}/{gate.leases.owner}", (), "")
    await world.pass_time(30)
    await world.store(submitted("k1"), submitted("k2"))
    for gate in world.gates:
        await world.receivers.until([1, 2], f"{URL}/{gate.leases.owner}")
        assert gate.owning.number == 1
    await world.pass_time(30)
    assert len(world.receivers.taken) == 4


async def test_another_goes_on_where_a_killed_one_was(world: World) -> None:
    await added(world)
    two = await world.open("two")
    await world.store(submitted("k1"))
    await world.receivers.until([1])
    world.clock.advance(1)
    await world.store(submitted("k2"))
    await world.receivers.until([1, 2])
    await world.kill(world.gates[0])
    await world.store(submitted("k3"))
    await world.pass_time(8)
    assert two.owning.number == 0, "it may still live"
    await world.pass_time(4)
    assert two.owning.number == 1
    async with asyncio.timeout(5):
        while 3 not in world.receivers.sequences():
            world.receivers.changed.clear()
            await world.receivers.changed.wait()
    assert {*world.receivers.sequences()} == {1, 2, 3}
    assert len({*world.receivers.taken}) == 3, "what is sent twice has the same id"


async def test_one_that_ends_in_order_leaves_its_endpoints_at_once(world: World) -> None:
    await added(world)
    two = await world.open("two")
    await world.gates.pop(0).owning.close()
    await world.pass_time(2)
    assert (await owners(world), two.owning.number) == ([two.leases.owner], 1)
    await world.store(submitted("k1"))
    await world.receivers.until([1])


async def test_one_that_starts_again_under_its_name_waits_for_nothing(world: World) -> None:
    await added(world)
    await world.crash()
    assert world.gates[0].owning.number == 1


async def test_one_that_was_stopped_sends_nothing_when_it_goes_on(world: World) -> None:
    await added(world)
    one, two = world.gates[0], await world.open("two")
    world.gates.remove(one)
    await world.pass_time(12)
    assert (one.leases.valid, two.owning.number) == (False, 1)
    await world.store(submitted("k1"))
    await world.receivers.until([1])
    one.wake()
    await one.owning.round()
    assert one.owning.number == 0
    await world.store(submitted("k2"))
    await world.receivers.until([1, 2])
    await one.tasks.close()


async def test_without_the_bus_none_delivers_for_longer_than_its_lease(world: World) -> None:
    await added(world)
    world.kept.down = True
    await world.pass_time(8)
    assert not world.gates[0].leases.valid
    await world.store(submitted("k1"))
    world.kept.down = False
    await world.pass_time(2)
    await world.receivers.until([1])


async def test_of_two_with_one_name_the_newer_delivers(world: World) -> None:
    await added(world)
    one, twin = world.gates[0], await world.open("one")
    await world.pass_time(4)
    assert (one.owning.number, twin.owning.number) == (0, 1)
    assert not one.leases.valid
    await world.kill(twin)
    await world.pass_time(14)
    assert (one.leases.valid, one.owning.number) == (True, 1)


async def test_any_gateway_changes_an_endpoint(world: World, bus: Bus) -> None:
    made = await added(world)
    await world.store(submitted("k1"), submitted("k2"))
    await world.receivers.until([1, 2])
    await world.open("two")
    world.gates.reverse()
    async with door(world, bus) as api:
        one = f"/v1/webhooks/{made.id}"
        assert [it["id"] for it in (await api("GET", "/v1/webhooks")).json()["data"]] == [made.id]
        assert (await api("POST", f"{one}/deliveries/1:replay")).status == 202
        await world.pass_time(2)
        await world.receivers.until([1, 2, 1])
        assert (await api("POST", f"{one}:test")).json()["delivered"]
        await world.pass_time(2)
        assert (await api("GET", f"{one}/deliveries")).json()["data"][0]["n"] == 1
        assert (await api("DELETE", one)).status == 204
    await world.pass_time(2)
    assert [it.owning.number for it in world.gates] == [0, 0]
    await world.store(submitted("k3"))
    await world.pass_time(2)
    assert 3 not in world.receivers.sequences()


async def test_a_change_by_another_and_own_progress_are_both_kept(world: World) -> None:
    world.receivers.answers[URL] = fail
    made = await added(world)
    two = await world.open("two")
    await world.store(submitted("k1"), submitted("k2"))
    await world.receivers.until([1, 2])
    await two.webhooks.rotate("acme", made.id, 600)
    await world.store(submitted("k3"))
    await world.receivers.until([1, 2, 3])
    await world.gates[0].owning.close()
    (kept,) = world.kept.endpoints
    assert (kept.secret, kept.position) == (2, 3)
    assert [(it.sequence, it.tries) for it in kept.retries] == [(1, 1), (2, 1), (3, 1)]


async def test_a_write_whose_answer_is_lost_counts_once(world: World) -> None:
    world.receivers.answers[URL] = fail
    await added(world)
    world.kept.loses = 1
    await world.store(submitted("k1"))
    await world.receivers.until([1])
    world.receivers.answers[URL] = lambda _: OK
    await world.store(submitted("k2"))
    await world.receivers.until([1, 2])
    await world.gates[0].owning.close()
    (kept,) = world.kept.endpoints
    assert world.kept.loses == 0
    assert [(it.n, it.tries) for it in kept.recent] == [(1, 1), (2, 1)]


async def test_endpoints_of_a_removed_tenant_end_and_are_removed(world: World) -> None:
    await added(world)
    await world.webhooks.create("evil", "eve", f"{URL}/evil", (), "")
    await world.open("two")
    world.removed.add("acme")
    await world.pass_time(2)
    assert [it.tenant for it in world.kept.endpoints] == ["evil"]
    await world.store(submitted("k1"), submitted("k2", tenant="evil"))
    await world.receivers.until([2], f"{URL}/evil")
    assert world.receivers.sequences() == []


async def test_endpoints_created_at_once_by_several_gateways_have_places_of_their_own(world: World) -> None:
    two = await world.open("two")
    urls = [f"{URL}/{number}" for number in range(8)]
    wanted = [(gate, url) for gate in (world.gates[0], two) for url in urls]
    await asyncio.gather(*(gate.webhooks.create("acme", "ann", url, (), "") for gate, url in wanted))
    assert len({it.slot for it in world.kept.endpoints}) == len(world.kept.endpoints) == 16
    await world.store(submitted("k1"))
    async with asyncio.timeout(5):
        while len(world.receivers.taken) < 16:
            world.receivers.changed.clear()
            await world.receivers.changed.wait()
    assert sorted(url for url, _ in world.receivers.taken) == sorted([*urls, *urls])


async def test_a_removed_endpoint_is_not_brought_back_by_what_its_gateway_had_to_store(world: World) -> None:
    made = await added(world)
    two = await world.open("two")
    await two.webhooks.delete("acme", made.id)
    await world.store(submitted("k1"))
    await world.receivers.until([1])
    again = await two.webhooks.create("acme", "ann", f"{URL}/again", (), "")
    await world.pass_time(2)
    assert [it.id for it in world.kept.endpoints] == [again.id]
    assert world.gates[0].owning.number == 0
