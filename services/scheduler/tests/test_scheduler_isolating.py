"""Isolated backends: what stands in the log after the isolation, and where the jobs go that were placed before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.fleet import (
    PROBES,
    BackendIsolated,
    BackendReadmitted,
    Isolation,
    IsolationAnswer,
    IsolationRequest,
    Readmission,
)
from queuebit_contracts.job import JobPlaced
from queuebit_contracts.query import Question
from queuebit_contracts.wire import Reason
from queuebit_kernel import Unavailable
from queuebit_runtime.log import Guarded
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduler.frozen import FrozenState
from queuebit_scheduler.isolating import IsolateBackends
from queuebit_scheduler.state import State
from queuebit_scheduling import POLICIES, decode, encode, plan
from queuebit_scheduling import PROBES as PROBES_OF_POLICY
from queuebit_testing.memory import MemoryLog

from .conftest import World, with_fallback

WHY = Reason(code="elements", text="too little is left")


def isolation(world: World, backend: str = "torino", by: str = "fleet") -> IsolationRequest:
    since = world.clock.now()
    return IsolationRequest(isolate=Isolation(backend=backend, since=since, reason=WHY, by=by))


def readmission(world: World, of: IsolationRequest) -> IsolationRequest:
    assert of.isolate is not None
    since, now = of.isolate.since, world.clock.now()
    data = Readmission(backend=of.isolate.backend, isolated_since=since, at=now, reason=WHY, by="fleet")
    return IsolationRequest(readmit=data)


def ask(world: World, request: IsolationRequest, *, fold: bool = True) -> IsolationAnswer:
    handler = IsolateBackends(world.state, world.log, world.place.turn, lambda: True, world.place.wake)
    answer = asyncio.run(handler(request))
    if fold:
        world.fold()
    return answer


def devices(world: World) -> None:
    world.happens(world.registered("torino"), world.registered("aer"))


def test_the_tenant_of_probes_has_one_name() -> None:
    assert PROBES == PROBES_OF_POLICY


def test_an_isolated_backend_gets_no_jobs_but_those_of_probes(world: World) -> None:
    devices(world)
    ask(world, isolation(world), fold=False)
    world.happens(
        world.accepted("j1", backends=("torino",)),
        world.accepted("j2", backends=("torino", "aer")),
        world.accepted("p1", PROBES, backends=("torino",)),
    )
    placed = {it.data.job: it.data.backend for it in world.cycle()}
    assert placed == {"j2": "aer", "p1": "torino"}


def test_a_placement_of_a_probe_recomputes_and_is_explained(world: World) -> None:
    devices(world)
    ask(world, isolation(world))
    world.happens(world.accepted("p1", PROBES, backends=("torino",)))
    content = encode(world.snapshot())
    [placed] = world.cycle()
    again = decode(content)
    [place] = plan(POLICIES[again.policy], again).places
    assert (place.job, place.backend) == ((PROBES, "p1"), placed.data.backend)
    row = asyncio.run(ExplainJob(world.log, world.decisions)(PROBES, Question(job="p1"))).rows[0]
    assert row["backend"] == "torino"


def test_placed_jobs_move_in_the_next_cycle_and_started_ones_stay(world: World) -> None:
    both = ("torino", "aer")
    devices(world)
    ask(world, isolation(world, "aer"))
    world.happens(
        *(world.accepted(it, backends=both) for it in ("j1", "j2")), world.accepted("j3", backends=("torino",))
    )
    assert len(world.cycle()) == 3
    ask(world, readmission(world, isolation(world, "aer")))
    world.happens(world.started("j1", backend="torino"))
    ask(world, isolation(world))
    moved = {it.data.job: it.data.backend for it in world.cycle()}
    assert moved == {"j2": "aer"}, "j1 has started, and j3 may run nowhere else"


def test_the_same_request_again_changes_nothing(world: World) -> None:
    devices(world)
    request = isolation(world)
    first = ask(world, request)
    world.clock.advance(1)
    assert ask(world, request) == ask(world, isolation(world)) == first
    assert len(world.log.events(BackendIsolated)) == 1


def test_a_person_may_take_over_and_the_service_may_not(world: World) -> None:
    devices(world)
    by_rule = isolation(world)
    ask(world, by_rule)
    world.clock.advance(1)
    ask(world, isolation(world, by="operator: ada"))
    assert [it.data.by for it in world.log.events(BackendIsolated)] == ["fleet", "operator: ada"]
    world.clock.advance(1)
    ask(world, isolation(world))
    assert len(world.log.events(BackendIsolated)) == 2
    assert ask(world, readmission(world, by_rule)).errors[0].code == "isolated_again"


def test_a_readmitted_backend_gets_jobs_again(world: World) -> None:
    devices(world)
    request = isolation(world)
    ask(world, request)
    assert ask(world, readmission(world, request)) == ask(world, readmission(world, request))
    assert len(world.log.events(BackendReadmitted)) == 1
    world.happens(world.accepted("j1", backends=("torino",)))
    assert [it.data.backend for it in world.cycle()] == ["torino"]


def test_what_is_not_isolated_cannot_be_readmitted(world: World) -> None:
    devices(world)
    assert ask(world, readmission(world, isolation(world))).errors[0].code == "not_isolated"
    assert ask(world, IsolationRequest()).errors[0].code == "bad_request"


async def test_only_the_leader_answers(world: World) -> None:
    handler = IsolateBackends(world.state, world.log, world.place.turn, lambda: False, world.place.wake)
    for request in (isolation(world), readmission(world, isolation(world))):
        with pytest.raises(Unavailable):
            await handler(request)
    assert world.log.stored == []


def test_a_readmission_that_the_view_shows_late_ends_no_newer_isolation(world: World) -> None:
    devices(world)
    first = isolation(world)
    ask(world, first, fold=False)
    ask(world, readmission(world, first), fold=False)
    world.clock.advance(1)
    ask(world, isolation(world), fold=False)
    for stored in world.log.stored[:-1]:
        world.state.evolve(stored.event, stored.sequence, world.clock.now())
    assert "torino" in world.state.isolated


def test_an_isolation_is_part_of_what_is_stored(world: World) -> None:
    devices(world)
    ask(world, isolation(world))
    again = State(8)
    again.restore(FrozenState.decode([*world.state.freeze().encode()]))
    assert again.isolated == world.state.isolated
    assert again.backends() == world.state.backends()


class SlowLog(MemoryLog):
    """A log that takes its time, and whose confirmations may be lost."""

    def __init__(self, lost: int = 0) -> None:
        super().__init__()
        self.lost = lost

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        await asyncio.sleep(0.01)
        sequence = await super().append_all(facts)
        if any(isinstance(it.event, BackendIsolated) for it in facts) and self.lost:
            self.lost -= 1
            raise Unavailable("the confirmation is lost")
        return sequence


@pytest.mark.parametrize("lost", [0, 1])
async def test_no_placement_follows_the_isolation_whatever_happens_at_the_same_time(
    world: World, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_scheduler.isolating._AGAIN_S", 0.01)
    log = SlowLog(lost)
    world.log = log
    world.place._log = log
    await _append(world, world.registered("torino", slots=8))
    for it in range(20):
        await _append(world, world.accepted(f"j{it}", backends=("torino",)))
    running = asyncio.ensure_future(world.place.run())
    world.place.wake()
    await asyncio.sleep(0.005)
    handler = IsolateBackends(world.state, log, world.place.turn, lambda: True, world.place.wake)
    await handler(isolation(world))
    for it in range(20, 30):
        await _append(world, world.accepted(f"j{it}", backends=("torino",)))
        world.place.wake()
    await asyncio.sleep(0.1)
    running.cancel()
    isolated = next(it.sequence for it in log.stored if isinstance(it.event, BackendIsolated))
    placed = [it.sequence for it in log.stored if isinstance(it.event, JobPlaced)]
    assert placed, "the cycle that ran during the request was confirmed first"
    assert max(placed) < isolated


async def _append(world: World, *events: AnyEvent) -> None:
    for event in events:
        await world.log.append(event)
    world.fold()


def test_a_job_falls_back_while_its_backend_is_isolated(world: World) -> None:
    devices(world)
    since = world.clock.now()
    ask(world, isolation(world))
    world.happens(with_fallback(world.accepted("j1", backends=("torino",)), "aer", after_s=60))
    assert world.cycle() == []
    world.clock.advance(60)
    [placed] = world.cycle()
    assert placed.data.fallback is not None
    assert (placed.data.backend, placed.data.fallback.since - since) == ("aer", timedelta())
