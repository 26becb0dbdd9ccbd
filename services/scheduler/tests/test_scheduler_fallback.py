"""Fallback in the scheduler: what a placement says, the reason of a waiting job, and where a placed job goes."""

from queuebit_contracts.backend import BackendInterrupted, BackendRestored, Interruption, Restoration
from queuebit_contracts.job import Fallback, FallbackTerms, JobAccepted
from queuebit_contracts.query import Question
from queuebit_contracts.wire import Reason
from queuebit_scheduler.frozen import FrozenState
from queuebit_scheduler.handlers import AnswerWaiting
from queuebit_scheduler.state import State
from queuebit_scheduling import POLICIES, decode, encode, plan

from .conftest import World, with_fallback

AFTER_S = 60


def interrupted(world: World, name: str) -> BackendInterrupted:
    """The backend is out of service from now on, and the state knows that it does not answer."""
    now = world.clock.now()
    data = Interruption(backend=name, since=now, reason=Reason(code="no_answer", text="silent"))
    return BackendInterrupted(source="qb/scheduler", data=data)


def restored(world: World, name: str) -> BackendRestored:
    now = world.clock.now()
    data = Restoration(backend=name, interrupted_since=now, answers_since=now)
    return BackendRestored(source="qb/scheduler", data=data)


def job(world: World, name: str = "j1", **terms: object) -> JobAccepted:
    return with_fallback(world.accepted(name, backends=("torino",)), "aer", after_s=AFTER_S, **terms)  # type: ignore[arg-type]  # of the builder


def goes_out(world: World) -> None:
    """The device `torino` goes out of service; the simulator `aer` stays."""
    world.state.silence({"torino": world.clock.now()}, world.clock.now())
    world.happens(interrupted(world, "torino"))


def test_a_waiting_job_switches_in_time_says_so_and_its_decision_recomputes(world: World) -> None:
    world.happens(world.registered("torino"), world.registered("aer"))
    since = world.clock.now()
    goes_out(world)
    world.happens(job(world))
    assert world.cycle() == []
    world.clock.advance(AFTER_S)
    content = encode(world.snapshot())
    [placed] = world.cycle()
    assert placed.data.backend == "aer"
    assert placed.data.fallback == Fallback(instead_of=("torino",), since=since)
    assert placed.data.terms is not None
    assert (placed.data.terms.price, placed.data.policy) == ("p", "fair-share/9")
    again = decode(content)
    [place] = plan(POLICIES[again.policy], again).places
    assert (place.backend, place.fallback is not None) == ("aer", True)


def test_a_placed_job_that_has_not_started_switches_and_a_started_one_stays(world: World) -> None:
    world.happens(world.registered("torino"), world.registered("aer"), job(world, "j1"), job(world, "j2"))
    assert [it.data.backend for it in world.cycle()] == ["torino", "torino"]
    world.fold()
    world.happens(world.started("j1", backend="torino"))
    goes_out(world)
    world.clock.advance(AFTER_S)
    assert world.state.silence({"torino": world.later(-AFTER_S)}, world.clock.now())
    [moved] = world.cycle()
    assert (moved.data.job, moved.data.backend) == ("j2", "aer")


def test_jobs_return_when_the_backend_is_in_service_again_and_not_when_it_answers(world: World) -> None:
    world.happens(world.registered("torino"), world.registered("aer"))
    goes_out(world)
    world.clock.advance(AFTER_S)
    world.state.silence({}, world.clock.now())
    world.happens(job(world, "j1"))
    [during] = world.cycle()
    world.happens(restored(world, "torino"), job(world, "j2"))
    [after] = world.cycle()
    assert (during.data.backend, after.data.backend, after.data.fallback) == ("aer", "torino", None)


def test_a_job_that_fell_back_at_its_admission_keeps_that_label(world: World) -> None:
    label = Fallback(instead_of=("torino",), since=world.clock.now())
    event = world.accepted("j1", backends=("cirq", "aer"))
    rule = FallbackTerms(after_s=AFTER_S, decided=label)
    event = event.model_copy(update={"data": event.data.model_copy(update={"fallback": rule})})
    world.happens(world.registered("aer"), world.registered("cirq"), world.registered("torino"), event)
    [placed] = world.cycle()
    assert (placed.data.backend, placed.data.fallback) == ("cirq", label), "the first of the rule, in its order"


def test_the_reason_of_a_waiting_job_says_when_it_may_switch_and_what_cannot_stand_in(world: World) -> None:
    answer = AnswerWaiting(world.state, world.clock)

    def reason() -> str:
        [row] = answer("acme", Question()).rows
        return str(row["reason"])

    world.happens(world.registered("torino"), world.registered("aer"))
    goes_out(world)
    world.happens(job(world, excluded="kyiv costs more than the job may"))
    assert "from 2026-01-01 00:01:00 UTC on it may run on aer instead" in reason()
    assert reason().endswith("; not on its fallback: kyiv costs more than the job may")


def test_an_interruption_is_part_of_what_is_stored(world: World) -> None:
    world.happens(world.registered("torino"), world.registered("aer"))
    goes_out(world)
    world.happens(job(world))
    again = State(8)
    again.restore(FrozenState.decode([*world.state.freeze().encode()]))
    again.silence({"torino": world.clock.now()}, world.clock.now())
    assert again.snapshot(world.later(AFTER_S), 32) == world.state.snapshot(world.later(AFTER_S), 32)
