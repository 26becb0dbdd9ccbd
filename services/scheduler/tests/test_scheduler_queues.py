"""The queues of vendors in front of their devices: in decisions, in what a job holds, and in answers."""

from __future__ import annotations

from queuebit_contracts.backend import AliveAnswer, QueueState
from queuebit_contracts.job import JobAccepted, Usage
from queuebit_contracts.query import Question
from queuebit_kernel import rfc3339
from queuebit_scheduling import decode, encode

from .conftest import THEN, World, completed, watching

HOUR_MS = 3_600_000


class Executors:
    """Answer with the queue in front of each backend."""

    def __init__(self, **expected_ms: int) -> None:
        self.expected_ms = expected_ms

    async def __call__(self, backend: str) -> AliveAnswer:
        ms = self.expected_ms.get(backend)
        queue = None if ms is None else QueueState(observed_at=THEN, jobs=9, expected_ms=ms, low_ms=0, high_ms=2 * ms)
        return AliveAnswer(queue=queue)


def for_the_soonest(world: World, job: str = "j1") -> JobAccepted:
    event = world.accepted(job, backends=("fez", "forte"))
    return event.model_copy(update={"data": event.data.model_copy(update={"objective": "time"})})


async def begun(world: World, **expected_ms: int) -> World:
    for it in (world.registered("fez", answers_alive=True), world.registered("forte", answers_alive=True)):
        await world.log.append(it)
    world.fold()
    await watching(world, Executors(**expected_ms), silence_s=10).look()
    return world


async def test_a_job_that_is_to_end_soon_goes_where_the_queue_is_short() -> None:
    for longer, chosen in (("fez", "forte"), ("forte", "fez")):
        here = World()
        await begun(here, **{longer: HOUR_MS, chosen: 1_000})
        await here.log.append(for_the_soonest(here))
        here.fold()
        await here.place.cycle()
        here.fold()
        assert [it.backend for it, _ in here.state.placed_of("acme")] == [chosen]


async def test_the_queue_is_in_the_snapshot_and_survives_its_codec(world: World) -> None:
    await begun(world, fez=HOUR_MS)
    await world.log.append(for_the_soonest(world))
    world.fold()
    snapshot = world.snapshot()
    assert {it.name: it.queue_us for it in snapshot.backends} == {"fez": HOUR_MS * 1_000, "forte": 0}
    assert decode(encode(snapshot)) == snapshot


async def test_a_placed_job_holds_its_slot_while_it_waits_there(world: World) -> None:
    await begun(world, fez=HOUR_MS)
    await world.log.append(world.accepted("j1", backends=("fez",)))
    world.fold()
    await world.place.cycle()
    assert world.state.backends()["fez"].backlog_us >= HOUR_MS * 1_000


async def test_a_job_that_gives_way_holds_as_much_as_before(world: World) -> None:
    await begun(world, fez=HOUR_MS)
    await world.log.append(world.accepted("j1", backends=("fez",)))
    world.fold()
    await world.place.cycle()
    world.fold()
    before = world.state.backends()["fez"].backlog_us
    world.state.move(("acme", "j1"), "fez")
    assert world.state.backends()["fez"].backlog_us == before


async def test_the_time_in_the_queue_is_no_run_time(world: World) -> None:
    await begun(world, fez=HOUR_MS)
    await world.log.append(world.accepted("j1", backends=("fez",)))
    world.fold()
    await world.place.cycle()
    await world.log.append(world.started("j1", backend="fez"))
    world.fold()
    world.clock.advance(4_000)
    end = completed("j1", backend="fez")
    usage = Usage(shots=100, qpu_us=3_000_000, qubits=2)
    await world.log.append(end.model_copy(update={"data": end.data.model_copy(update={"usage": usage})}))
    await world.log.append(world.accepted("j2", backends=("fez",)))
    world.fold()
    (learned,) = world.snapshot().run_times
    assert learned.us == 3_000_000


async def test_the_answer_about_backends_has_the_queue(world: World) -> None:
    await begun(world, fez=HOUR_MS)
    watch = watching(world, Executors(fez=HOUR_MS), silence_s=10)
    await watch.look()
    fez, forte = watch.answer("acme", Question()).rows
    assert fez["queue"] == {
        "observed_at": rfc3339(THEN),
        "jobs": 9,
        "expected_ms": HOUR_MS,
        "low_ms": 0,
        "high_ms": 2 * HOUR_MS,
    }
    assert forte["queue"] is None


async def test_a_queue_that_is_gone_does_not_count_any_more(world: World) -> None:
    await begun(world, fez=HOUR_MS)
    await watching(world, Executors(), silence_s=10).look()
    assert world.state.backends()["fez"].queue_us == 0
