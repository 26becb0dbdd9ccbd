"""A snapshot and the rest of the log are the whole log; what only one process knows is not in it."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_contracts.job import TERMINAL, JobPlaced
from queuebit_kernel import FixedClock
from queuebit_scheduler.folding import Folding
from queuebit_scheduler.rescoring import RescoreJobs
from queuebit_scheduler.shadowing import ShadowPolicies
from queuebit_scheduler.state import State
from queuebit_testing.contents import contents
from queuebit_testing.memory import MemoryLog, MemoryPayloads

from .conftest import THEN, World

Step = tuple[str, int]
STEPS = st.lists(st.tuples(st.sampled_from(("accept", "cycle", "start", "end")), st.integers(0, 5)), max_size=25)


def whole(state: State) -> Folding:
    rescore = RescoreJobs(MemoryPayloads(), state.rescore, lambda: None)
    return Folding(state, rescore, ShadowPolicies(MemoryLog(), FixedClock(THEN), lambda: True), lambda: None)


def through_records(state: State) -> State:
    again = State(8)
    records = [*whole(state).freeze()()]
    whole(again).thaw(records)()
    return again


def happen(world: World, steps: list[Step]) -> None:
    """Make a history: jobs of two tenants that are accepted, placed, started, and end in every way."""
    placed: list[JobPlaced] = []
    world.happens(world.registered("aer", 2), world.registered("cirq"))
    for number, (step, which) in enumerate(steps):
        world.clock.advance(1 + which)
        if step == "accept":
            world.happens(world.accepted(f"j{number}", f"t{which % 2}", share=1 + which, backends=("aer", "cirq")))
        elif step == "cycle":
            placed += world.cycle()
            world.fold()
        elif placed:
            data = placed[which % len(placed)].data
            where = (data.job, data.tenant, data.backend)
            world.happens(world.started(*where) if step == "start" else world.ended(TERMINAL[which % 4], *where))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(steps=STEPS, at=st.floats(0, 1))
def test_a_snapshot_at_any_place_and_the_rest_are_the_whole(
    world_of: Callable[[], World], steps: list[Step], at: float
) -> None:
    world = world_of()
    happen(world, steps)
    cut, everything, first = round(at * len(world.log.stored)), State(8), State(8)
    moments = dict(enumerate(world.moments, 1))
    for it in world.log.stored:
        everything.evolve(it.event, it.sequence, moments[it.sequence])
    for it in world.log.stored[:cut]:
        first.evolve(it.event, it.sequence, moments[it.sequence])
    again = through_records(first)
    for it in world.log.stored[cut:]:
        again.evolve(it.event, it.sequence, moments[it.sequence])
    assert contents(again) == contents(everything)


def test_a_place_that_the_log_has_not_confirmed_is_free_in_the_snapshot(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"), world.accepted("j2"))
    before = contents(through_records(world.state))
    world.state.reserve(("acme", "j1"), "aer")
    again = through_records(world.state)
    assert (again.waiting, again.outstanding) == (2, 0)
    assert contents(again) == before


def test_the_settings_of_the_new_process_count(world: World) -> None:
    world.happens(world.registered("aer", 3))
    again = State(2)
    again.restore(world.state.freeze())
    assert again.backends()["aer"].queue_depth == 6
