"""Placing under conflict and outage, and the answer to those who wait."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Literal

import pytest

from queuebit_contracts.backend import AliveAnswer, CalibrationAttempt
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import GateShots, JobPlaced
from queuebit_contracts.query import Question
from queuebit_contracts.subjects import Aggregate, subject_of
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import Malformed, Unavailable, digest, rfc3339
from queuebit_runtime.log import Guarded, Stored
from queuebit_scheduler import handlers
from queuebit_scheduler.folding import Folding
from queuebit_scheduler.handlers import CYCLE_LIMIT, AnswerWaiting
from queuebit_scheduler.liveness import ASK_S
from queuebit_scheduler.rescoring import RescoreJobs
from queuebit_scheduler.shadowing import ShadowPolicies
from queuebit_scheduler.state import State
from queuebit_scheduling import FairShare, Snapshot, Step, decode, encode, plan
from queuebit_scheduling.reasons import why_placed, why_waiting
from queuebit_scheduling.usage import micros
from queuebit_testing.build import submitted
from queuebit_testing.memory import MemoryLog, MemoryPayloads

from .conftest import World, watching


class _Outage(MemoryLog):
    """A log that does not confirm; `stored_anyway` is an append whose confirmation alone was lost."""

    def __init__(self, *, stored_anyway: bool) -> None:
        super().__init__()
        self._stored_anyway = stored_anyway
        self.down = False

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        sequence = await super().append_all(facts) if self._stored_anyway or not self.down else 0
        if self.down:
            raise Unavailable("no answer")
        return sequence


class _Unreadable(MemoryLog):
    """A log with a malformed message."""

    garbled = False

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        if self.garbled:
            raise Malformed("not an event of the catalog")
        return await super().history(aggregate, reaching=reaching)


def test_a_placement_says_all_that_an_executor_needs(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1", qpu_us=1500))
    content = encode(world.snapshot(CYCLE_LIMIT))
    [placed] = world.cycle()
    assert placed.data.model_dump(mode="json", exclude_none=True) == {
        "tenant": "acme",
        "project": "main",
        "job": "j1",
        "backend": "aer",
        "shots": 100,
        "circuit": "sha256:" + "0" * 64,
        "seed": 7,
        "qpu_us": 1500,
        "policy": "fair-share/9",
        "snapshot": digest(content),
        "decision": {
            "digest": digest(content),
            "size": len(content),
            "media_type": "application/vnd.queuebit.decision+json",
            "inline": content.decode(),
        },
        "scores": [{"backend": "aer", "expected_ms": 1}],
        "submitted_at": "2026-01-01T00:00:00.000000Z",
        "accepted_at": "2026-01-01T00:00:00.000000Z",
        "program": {"digest": "sha256:" + "0" * 64, "size": 1, "media_type": "text/x-openqasm", "inline": "x"},
        "terms": {
            "project": "main",
            "price": "p",
            "price_book": "sha256:" + "0" * 64,
            "hold": {"amount": "1", "currency": "USD"},
            "shots": 100,
            "qpu_us": 1500,
            "qubits": 2,
        },
        "term": 1,
    }
    assert placed.provenanceid == "sha256:" + "0" * 64
    assert placed.source == "qb/scheduler"


def test_the_terms_have_the_gates_and_the_tasks_that_the_hold_pays_for(world: World) -> None:
    gates = GateShots(gates_1q=1, gates_2q=2, measurements=3)
    event = world.accepted("j1", qpu_us=1500)
    candidates = tuple(it.model_copy(update={"gate_shots": gates, "tasks": 7}) for it in event.data.candidates)
    world.happens(
        world.registered("aer"),
        event.model_copy(update={"data": event.data.model_copy(update={"candidates": candidates})}),
    )
    [placed] = world.cycle()
    assert placed.data.terms is not None
    assert (placed.data.terms.gate_shots, placed.data.terms.tasks) == (gates, 7)


@pytest.mark.parametrize("erasable", [None, True])
def test_the_terms_say_whether_the_result_must_be_erasable(world: World, erasable: bool | None) -> None:
    event = world.accepted("j1")
    accepted = event.model_copy(update={"data": event.data.model_copy(update={"erasable": erasable})})
    world.happens(world.registered("aer"), accepted)
    [placed] = world.cycle()
    assert placed.data.terms is not None
    assert placed.data.terms.erasable is erasable


def decision_of(placed: JobPlaced) -> Payload:
    assert placed.data.decision is not None
    return placed.data.decision


def test_what_was_decided_from_is_kept_and_decides_the_same_again(world: World) -> None:
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(20)))
    placed = world.cycle()
    [content] = world.decisions.kept.values()
    places = plan(world.state.policy, decode(content)).places
    assert [(it.data.job, it.data.backend) for it in placed] == [(it.job[1], it.backend) for it in places]
    assert {decision_of(it).digest for it in placed} == {digest(content)}


def test_no_placement_holds_what_a_decision_says_of_another_tenant(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"), world.accepted("secret", "rival"))
    first, second = world.cycle()
    assert decision_of(first).digest == decision_of(second).digest
    assert decision_of(first).inline is decision_of(second).inline is None
    assert (first.data.tenant, second.data.tenant) == ("acme", "rival")
    assert "secret" not in first.model_dump_json()


def test_a_policy_that_places_nothing_keeps_nothing_and_does_not_go_round_in_circles(world_of: type[World]) -> None:
    class Idle(FairShare):
        name = "idle/1"

        def steps(self, snapshot: Snapshot) -> Iterator[Step]:
            return iter(())

    world = world_of(policy=Idle())
    world.happens(world.registered("aer"), world.accepted("j1"))
    assert world.cycle() == []
    assert (world.decisions.kept, world.place._wake.is_set()) == ({}, False)


def test_without_a_kept_decision_no_job_is_placed(world: World) -> None:
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(3)))
    world.decisions.down = True
    assert world.cycle() == []
    assert (world.state.waiting, world.state.outstanding) == (3, 0)
    assert world.state.backends()["aer"].taken == 0
    world.decisions.down = False
    assert [it.data.job for it in world.cycle()] == ["j0", "j1", "j2"]


def test_a_job_moved_by_another_is_left_to_the_view(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    asyncio.run(world.log.append(world.cancelled("j1")))
    assert world.cycle() == []
    assert world.cycle() == [], "it is not tried again and again"
    world.fold()
    assert (world.state.waiting, world.state.outstanding) == (0, 0)


def test_a_job_that_is_accepted_after_its_end_takes_no_place(world: World) -> None:
    again = submitted("k1")
    name = again.data.job
    world.happens(world.registered("aer"), world.accepted(name), world.ended("rejected", name), world.accepted(name))
    world.happens(again)
    assert world.cycle() == []
    assert (world.state.waiting, world.state.outstanding) == (0, 0)
    assert world.state.backends()["aer"].taken == 0


def test_submitting_an_accepted_job_once_more_neither_stops_it_nor_keeps_its_place(world: World) -> None:
    again = submitted("k1")
    world.happens(world.registered("aer"), world.accepted(again.data.job))
    world.happens(again)
    assert [it.data.job for it in world.cycle()] == [again.data.job]
    world.fold()
    assert (world.state.waiting, world.state.outstanding) == (0, 1)


def test_a_job_is_placed_behind_an_event_of_an_unknown_type(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"))
    world.log.publish("qb.job.acme.j1.praised", b'{"type": "qb.job.praised.v1"}')
    world.fold()
    assert [it.data.job for it in world.cycle()] == ["j1"]
    world.fold()
    assert (world.state.waiting, world.state.outstanding) == (0, 1)


def test_a_job_whose_history_cannot_be_read_delays_no_other(world: World) -> None:
    log = world.log = world.place._log = _Unreadable()
    again = submitted("k1")
    world.happens(world.registered("aer"), world.accepted(again.data.job))
    world.happens(again)
    log.garbled = True
    assert world.cycle() == []
    assert (world.state.waiting, world.state.outstanding) == (0, 0)
    assert world.state.backends()["aer"].taken == 0


def test_what_the_log_did_not_confirm_is_placed_later_in_its_order(world: World) -> None:
    log = world.log = world.place._log = _Outage(stored_anyway=False)
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(3)))
    log.down = True
    assert world.cycle() == []
    assert world.state.waiting == 3
    log.down = False
    assert [it.data.job for it in world.cycle()] == ["j0", "j1", "j2"]


def test_a_lost_confirmation_does_not_place_twice(world: World) -> None:
    log = world.log = world.place._log = _Outage(stored_anyway=True)
    world.happens(world.registered("aer"), world.accepted("j1"))
    log.down = True
    world.cycle()
    log.down = False
    assert world.cycle() == []
    world.fold()
    assert len(log.events(JobPlaced)) == 1
    assert world.state.backends()["aer"].taken == 1


def test_late_binding_keeps_the_rest_in_memory(world: World) -> None:
    world.happens(world.registered("aer", slots=2), *(world.accepted(f"j{n}") for n in range(20)))
    assert len(world.cycle()) == 16
    assert world.cycle() == []
    assert world.state.waiting == 4


async def test_a_wake_up_is_followed_by_cycles_until_nothing_fits(world_of: type[World]) -> None:
    world = world_of(places_per_slot=100)
    events: list[AnyEvent] = [world.registered("aer"), *(world.accepted(f"j{n}") for n in range(CYCLE_LIMIT + 5))]
    for event in events:
        world.state.evolve(event, await world.log.append(event), world.clock.now())
    running = asyncio.ensure_future(world.place.run())
    world.place.wake()
    async with asyncio.timeout(20):
        while len(world.log.events(JobPlaced)) < CYCLE_LIMIT + 5:
            await asyncio.sleep(0)
    running.cancel()


async def test_what_the_log_refused_is_tried_again_without_another_event(
    world_of: type[World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "TICK_S", 0.01)
    world = world_of()
    for event in (world.registered("aer"), world.accepted("j1")):
        world.state.evolve(event, await world.log.append(event), world.clock.now())
    world.decisions.down = True
    running = asyncio.gather(world.place.run(), world.place.tick())
    async with asyncio.timeout(20):
        while not world.decisions.refused:
            await asyncio.sleep(0)
        world.decisions.down = False
        while not world.log.events(JobPlaced):
            await asyncio.sleep(0)
    running.cancel()


def test_an_event_asks_for_a_cycle_only_while_jobs_wait(world: World) -> None:
    wakes: list[int] = []
    rescore = RescoreJobs(MemoryPayloads(), world.state.rescore, lambda: None)
    folding = Folding(
        world.state,
        rescore,
        ShadowPolicies(world.log, world.clock, lambda: True),
        lambda: wakes.append(world.state.waiting),
    )

    def happens(event: AnyEvent) -> None:
        folding.evolve(Stored(event, subject_of(event), len(wakes) + 1, world.clock.now()))

    happens(world.registered("aer"))
    assert wakes == []
    happens(world.accepted("j1"))
    assert wakes == [1]
    world.state.reserve(("acme", "j1"), "aer")
    happens(world.started("j1"))
    happens(world.completed("j1"))
    assert wakes == [1]


def test_waiting_jobs_are_reported_why_and_how_many_are_ahead(world: World) -> None:
    world.happens(world.registered("aer"), *(world.accepted(f"j{n}") for n in range(10)))
    world.happens(world.accepted("other", "rival"))
    world.cycle()
    world.fold()
    world.clock.advance(2)
    answer = AnswerWaiting(world.state, world.clock)
    full = why_waiting(world.state.waiting_of("acme")[0].job, world.state.backends(), 0)
    rows = answer("acme", Question()).rows[:3]
    reasons = [str(row["reason"]) for row in rows]
    assert [{key: row[key] for key in row if key != "reason"} for row in rows] == [
        {"job": job, "project": "main", "waiting_ms": 2000, "position": position}
        for position, job in enumerate(("j7", "j8", "j9"), start=1)
    ]
    assert reasons[0] == full
    assert [re.findall(r"\d+", it.removeprefix(full)) for it in reasons] == [[], ["1"], ["2"]]
    assert [row["job"] for row in answer("acme", Question(job="j9")).rows] == ["j9"]
    assert [row["job"] for row in answer("acme", Question(limit=2)).rows] == ["j7", "j8"]
    assert [row["job"] for row in answer("rival", Question()).rows] == ["other"]
    assert answer("acme", Question(project="none")).rows == ()
    assert answer("nobody", Question()).rows == ()


def reasons(world: World) -> dict[str, str]:
    rows = AnswerWaiting(world.state, world.clock)("acme", Question()).rows
    return {str(row["job"]): str(row["reason"]) for row in rows}


def test_a_job_that_waits_for_a_slot_is_reported_until_it_starts(world: World) -> None:
    world.happens(world.registered("aer"), world.accepted("j1"), world.accepted("j2"))
    world.cycle()
    aer = world.state.backends()["aer"]
    about_to_be = why_placed(aer, 0, confirmed=False, started=False)
    assert reasons(world) == {"j1": about_to_be, "j2": about_to_be}
    world.fold()
    assert reasons(world) == {
        name: why_placed(aer, ahead, confirmed=True, started=False) for ahead, name in enumerate(("j1", "j2"))
    }
    world.happens(world.started("j1"))
    assert [*reasons(world)] == ["j2"]
    world.happens(world.completed("j1"), world.started("j2"))
    assert reasons(world) == {}


def test_a_job_that_waits_on_a_backend_that_is_gone_is_placed_elsewhere(world: World) -> None:
    world.happens(world.registered("aer"), world.registered("cirq"), world.accepted("j1", backends=("aer", "cirq")))
    [first] = world.cycle()
    world.fold()
    assert world.state.silence({first.data.backend: world.clock.now()}, world.clock.now())
    [second] = world.cycle()
    world.fold()
    assert [it.data.backend for it in (first, second)] == ["aer", "cirq"]
    assert {name: it.taken for name, it in world.state.backends().items()} == {"aer": 0, "cirq": 1}
    assert world.cycle() == []
    again = State(8)
    world.fold(again)
    assert {name: it.taken for name, it in again.backends().items()} == {"aer": 0, "cirq": 1}


def test_a_job_that_starts_while_it_is_being_placed_elsewhere_runs_once(world: World) -> None:
    world.happens(world.registered("aer"), world.registered("cirq"), world.accepted("j1", backends=("aer", "cirq")))
    world.cycle()
    world.fold()
    world.state.silence({"aer": world.clock.now()}, world.clock.now())
    asyncio.run(world.log.append(world.started("j1")))
    assert world.cycle() == []
    world.fold()
    assert {name: it.taken for name, it in world.state.backends().items()} == {"aer": 1, "cirq": 0}
    world.happens(world.completed("j1"))
    assert (world.state.waiting, world.state.outstanding) == (0, 0)


def test_a_job_that_has_started_or_may_run_nowhere_else_stays_and_says_why(world: World) -> None:
    world.happens(world.registered("aer"), world.registered("cirq"))
    world.happens(world.accepted("runs", backends=("aer", "cirq")), world.accepted("tied"), world.accepted("new"))
    world.cycle()
    world.fold()
    world.happens(world.started("runs"), world.cancelled("new"))
    world.state.silence({"aer": world.clock.now()}, world.clock.now())
    world.happens(world.accepted("new"))
    assert world.cycle() == []
    backends = world.state.backends()
    assert backends["aer"].silent_since_us == micros(world.clock.now())
    assert reasons(world) == {
        "new": why_waiting(world.state.waiting_of("acme")[0].job, backends, 0),
        "runs": why_placed(backends["aer"], 0, confirmed=True, started=True),
        "tied": why_placed(backends["aer"], 1, confirmed=True, started=False),
    }
    assert world.state.silence({}, world.clock.now())
    assert [it.data.job for it in world.cycle()] == ["new"]


@pytest.mark.parametrize(
    ("answers", "gone_after"),
    [
        pytest.param([False, False, False], 3, id="silent for the whole time"),
        pytest.param([False, False, True, False, False, False], 6, id="an answer restarts the time"),
        pytest.param([False, False, None, False, False, False], 6, id="without a connection nothing is learned"),
        pytest.param([False, True, False, True, False], None, id="now and then"),
    ],
)
async def test_a_backend_is_gone_after_enough_questions_without_an_answer(
    world_of: type[World], answers: list[bool | None], gone_after: int | None
) -> None:
    world = world_of()
    for event in (world.registered("aer"), world.registered("old", answers_alive=False)):
        world.state.evolve(event, 1, world.clock.now())
    left = iter(answers)
    asked: list[str] = []

    async def ask(backend: str) -> AliveAnswer | Literal[False] | None:
        asked.append(backend)
        answered = next(left)
        return AliveAnswer() if answered else (None if answered is None else False)

    watch = watching(world, ask, silence_s=3 * ASK_S)
    gone = []
    for _ in answers:
        await watch.look()
        gone.append(world.state.backends()["aer"].silent_since_us is not None)
    assert gone == [number == gone_after for number in range(1, len(answers) + 1)]
    assert {*asked} == {"aer"}, "nothing follows from the silence of a backend that never promised to answer"


async def test_a_tenant_sees_which_backends_answer_and_how_their_calibrations_went(world_of: type[World]) -> None:
    world = world_of()
    for event in (world.registered("aer"), world.registered("away"), world.registered("old", answers_alive=False)):
        world.state.evolve(event, 1, world.clock.now())
    now = world.clock.now()
    attempt = CalibrationAttempt(
        attempted_at=now, failing_since=now, reason=Reason(code="vendor_away", text="it does not answer")
    )

    async def ask(backend: str) -> AliveAnswer | Literal[False] | None:
        return AliveAnswer(calibration=attempt) if backend == "aer" else False

    watch = watching(world, ask, silence_s=2 * ASK_S)
    states = [{row["backend"]: row["live"] for row in watch.answer("acme", Question()).rows}]
    for _ in range(2):
        await watch.look()
        states.append({row["backend"]: row["live"] for row in watch.answer("acme", Question()).rows})
    assert states == [{"aer": None, "away": None}, {"aer": True, "away": None}, {"aer": True, "away": False}]
    here, away = watch.answer("acme", Question()).rows
    assert (here["silent_since"], away["silent_since"]) == (None, rfc3339(now))
    assert here["calibration"] == attempt.model_dump(mode="json")
    assert [it["backend"] for it in watch.answer("acme", Question(backend="away")).rows] == ["away"]
