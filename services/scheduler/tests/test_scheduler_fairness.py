"""What tenants experience over many cycles, in simulated time."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_contracts.job import JobPlaced

from .conftest import World

QUICK = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""The same cases in every run; a busy machine may be slow."""


def serve(world: World, rounds: int, queue: list[JobPlaced], seconds: float = 0.1) -> list[str]:
    """Run `rounds` jobs one after the other on one slot, beginning with `queue`, and say whose they were."""
    served = []
    for _ in range(rounds):
        queue += world.cycle()
        world.fold()
        placed = queue.pop(0)
        world.run(placed, seconds)
        served.append(placed.data.tenant)
    return served


def test_a_flood_does_not_make_another_tenant_wait_behind_it(world: World) -> None:
    world.happens(world.registered("aer"), *(world.accepted(f"f{n}", "flood") for n in range(1000)))
    outstanding: list[JobPlaced] = []
    assert set(serve(world, 10, outstanding)) == {"flood"}
    world.happens(*(world.accepted(f"s{n}", "small") for n in range(10)))
    served = serve(world, 40, outstanding)
    assert served[7:17] == ["small"] * 10, "they wait for what was already given to the backend, and for nothing else"


@pytest.mark.parametrize("shares", [(1, 3), (2, 5), (1, 1)])
def test_saturated_tenants_are_served_by_weight(world: World, shares: tuple[int, int]) -> None:
    world.happens(world.registered("aer"))
    for number in range(160):
        world.happens(
            world.accepted(f"a{number}", "a", share=shares[0]), world.accepted(f"b{number}", "b", share=shares[1])
        )
    counts = Counter(serve(world, 140, []))
    expected = 140 * shares[0] / sum(shares)
    assert abs(counts["a"] - expected) <= 3, "off by what is outstanding at most"


@QUICK
@given(
    shares=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    lengths=st.lists(st.sampled_from([0.5, 5.0, 60.0]), min_size=4, max_size=4),
)
def test_no_tenant_starves(world_of: type[World], shares: list[int], lengths: list[float]) -> None:
    """A tenant's only job, however long, waits about as long as it runs, while the others never cease."""
    world = world_of(places_per_slot=1)
    others = range(1, len(shares))
    world.happens(world.registered("aer"))
    world.happens(*(world.accepted(f"j{tenant}", f"t{tenant}", share=shares[tenant]) for tenant in others))
    world.happens(world.accepted("lonely", "t0", share=shares[0], qpu_us=int(lengths[0] * 10**6), shots=10**6))
    deadline = world.later(lengths[0] + 2 * max(lengths))
    number = 0
    while (placed := world.cycle()[0]).data.job != "lonely":
        world.run(placed, seconds=lengths[int(placed.data.tenant[1])])
        number += 1
        assert world.clock.now() <= deadline
        world.happens(world.accepted(f"j-{number}", placed.data.tenant, share=1))
