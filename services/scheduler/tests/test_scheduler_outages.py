"""Facts about backends that go out of service and return: each once, without flapping, also after a restart."""

from collections.abc import Iterable
from typing import Literal

import pytest

from queuebit_contracts.backend import AliveAnswer, BackendInterrupted, BackendRestored
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.query import Question
from queuebit_kernel import Unavailable, rfc3339
from queuebit_runtime.log import Guarded
from queuebit_scheduler.frozen import FrozenState
from queuebit_scheduler.liveness import ASK_S
from queuebit_scheduler.state import State
from queuebit_testing.memory import MemoryLog

from .conftest import World, watching

FACTS = BackendInterrupted | BackendRestored


def facts(world: World) -> list[AnyEvent]:
    return [it.event for it in world.log.stored if isinstance(it.event, FACTS)]


async def look(world: World, answers: Iterable[bool], *, restart: bool = False) -> None:
    """Ask `aer` once for each answer, with a new watch; the view shows each fact before the next request."""
    left = iter(answers)

    async def ask(backend: str) -> AliveAnswer | Literal[False]:
        return AliveAnswer() if next(left) else False

    watch = watching(world, ask, silence_s=2 * ASK_S, return_s=3 * ASK_S)
    for _ in range(len([*answers])):
        await watch.look()
        world.fold()
        world.clock.advance(ASK_S)


async def begun(world: World) -> World:
    await world.log.append(world.registered("aer"))
    world.fold()
    return world


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("..-", ""),  # one lost answer is no interruption
        (".--", "i"),
        ("------", "i"),
        ("--..", "i"),  # it answers again, and not for long enough
        ("--...", "ir"),
        ("--..--..--..--.", "i"),  # it answers for moments: one interruption
        ("--..-...", "ir"),
        ("--...--", "iri"),
    ],
)
async def test_an_interruption_and_its_end_are_said_once(world: World, answers: str, said: str) -> None:
    await begun(world)
    await look(world, [it == "." for it in answers])
    assert "".join("i" if isinstance(it, BackendInterrupted) else "r" for it in facts(world)) == said
    assert ("aer" in world.state.interrupted) == said.endswith("i")


async def test_the_facts_say_since_when_it_did_not_answer_and_since_when_it_does(world: World) -> None:
    await begun(world)
    started = world.clock.now()
    await look(world, [True, False, False, True, True, True])
    interrupted, restored = facts(world)
    assert isinstance(interrupted, BackendInterrupted)
    assert isinstance(restored, BackendRestored)
    assert interrupted.data.since == restored.data.interrupted_since
    assert (interrupted.data.since - started).total_seconds() == ASK_S
    assert (restored.data.answers_since - started).total_seconds() == 3 * ASK_S
    assert interrupted.data.reason.text == "aer has not answered since 2026-01-01 00:00:02 UTC"


async def test_a_scheduler_that_starts_during_an_interruption_knows_it_and_says_only_its_end(world: World) -> None:
    await begun(world)
    await look(world, [False, False])
    records = [*world.state.freeze().encode()]
    for again in (State(8), State(8)):
        world.fold(again)
        assert again.interrupted.keys() == {"aer"}
    again = State(8)
    again.restore(FrozenState.decode(records))
    assert again.interrupted == world.state.interrupted
    world.state = again
    await look(world, [True, True, True])
    assert [type(it) for it in facts(world)] == [BackendInterrupted, BackendRestored]


async def test_two_schedulers_and_a_view_that_is_behind_say_it_once(world: World) -> None:
    await begun(world)

    async def ask(backend: str) -> AliveAnswer | Literal[False]:
        return False

    watches = [watching(world, ask, silence_s=2 * ASK_S) for _ in range(2)]
    for _ in range(4):
        for watch in watches:
            await watch.look()  # nothing is folded meanwhile
        world.clock.advance(ASK_S)
    assert len(facts(world)) == 1


async def test_what_the_log_refuses_is_said_with_a_later_request(world: World) -> None:
    class Refusing(MemoryLog):
        down = True

        async def append_all(self, facts: "list[Guarded] | tuple[Guarded, ...]") -> int:  # type: ignore[override]
            if self.down and any(isinstance(it.event, FACTS) for it in facts):
                raise Unavailable("no answer")
            return await super().append_all(facts)

    log = world.log = Refusing()
    await begun(world)
    await look(world, [False, False, False])
    assert facts(world) == []
    log.down = False
    await look(world, [False, False])
    assert len(facts(world)) == 1


async def test_a_tenant_sees_since_when_a_backend_is_out_of_service(world: World) -> None:
    await begun(world)
    since = world.clock.now()

    async def ask(backend: str) -> AliveAnswer | Literal[False]:
        return False

    watch = watching(world, ask, silence_s=2 * ASK_S)
    for _ in range(2):
        await watch.look()
        world.fold()
    [row] = watch.answer("acme", Question()).rows
    assert row["interrupted_since"] == rfc3339(since)
