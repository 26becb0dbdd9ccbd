"""Lost executors, and a log or a store that is away while a placement runs."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import pytest

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobCompleted, JobFailed, JobStarted
from queuebit_executor.events import started
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.instance import Instance
from queuebit_kernel import Superseded, Unavailable

from .conftest import LOST, World
from .placements import place_several, until


async def test_a_lost_attempt_is_followed_by_the_next(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    await world.log.append(started(LOST, event, 1, event.time))
    await run(event, sequence)
    assert [it.data.attempt for it in world.log.events(JobStarted)] == [1, 2]
    assert world.log.events(JobCompleted)[0].data.attempt == 2


async def test_a_job_that_loses_three_executors_is_given_up(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    for attempt in (1, 2, 3):
        await world.log.append(started(LOST, event, attempt, event.time))
    with pytest.raises(Superseded):
        await run(event, sequence)
    (end,) = world.log.events(JobFailed)
    assert (end.data.reason.code, end.data.attempt) == ("executor_lost", 3)
    assert world.circuits.runs == []


async def test_a_slow_log_keeps_no_worker_waiting_and_no_end_comes_before_its_start(
    world: World, run: RunPlacement, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, stored = world.log.append, asyncio.Event()

    async def slow(event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        if isinstance(event, JobStarted):
            await stored.wait()
        return await append(event, after=after, guard=guard)

    monkeypatch.setattr(world.log, "append", slow)
    running = [asyncio.ensure_future(run(*it)) for it in await place_several(world, ("first", "second"))]
    await until(lambda: len(world.circuits.runs) == 2)
    assert world.log.events(JobCompleted) == []
    stored.set()
    await asyncio.gather(*running)
    assert len(world.log.events(JobCompleted)) == 2


async def test_a_job_that_kills_its_executors_is_not_run_again_while_it_is_given_up(
    world: World, run: RunPlacement
) -> None:
    event, sequence = await world.place()
    for attempt in (1, 2, 3):
        await world.log.append(started(LOST, event, attempt, event.time))
    async with world.circuits.free:
        with pytest.raises(Superseded):
            await run(event, sequence)
    assert world.circuits.runs == []


async def test_an_attempt_that_was_overtaken_still_ends_the_job_when_it_is_done_first(
    world: World, run: RunPlacement
) -> None:
    event, sequence = await world.place()

    async def overtake() -> None:
        await world.log.append(started(LOST, event, 2, event.time))

    world.circuits.on_run = overtake
    await run(event, sequence)
    assert [it.data.attempt for it in world.log.events(JobCompleted)] == [1]


async def test_an_end_that_was_not_confirmed_is_appended_again(
    world: World, run: RunPlacement, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, sequence = await world.place()
    append, silent = world.log.append, [True]

    async def unconfirmed(event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        stored = await append(event, after=after, guard=guard)
        if isinstance(event, JobCompleted) and silent.pop():
            silent.append(False)
            raise Unavailable("no confirmation")
        return stored

    monkeypatch.setattr(world.log, "append", unconfirmed)
    await run(event, sequence)
    assert len(world.log.events(JobCompleted)) == 1


async def test_a_result_is_kept_while_the_log_is_away_that_is_to_store_its_start(
    world: World, run: RunPlacement
) -> None:
    Away("log", "append", 3, JobStarted).befall(world)
    await run(*await world.place())
    assert len(world.circuits.runs) == len(world.log.events(JobStarted)) == len(world.log.events(JobCompleted)) == 1


@dataclass
class Away:
    """A dependency that fails some times, in `method` and about facts of one kind, and then is there again."""

    part: str
    method: str
    times: int
    kind: type = object
    done_all_the_same: bool = False

    def befall(self, world: World) -> None:
        part = getattr(world, self.part)
        method = getattr(part, self.method)

        async def failing(what: object, *more: object, **how: object) -> Any:  # whatever the method returns
            if not self.times or not isinstance(what, self.kind):
                return await method(what, *more, **how)
            self.times -= 1
            if self.done_all_the_same:
                await method(what, *more, **how)
            raise Unavailable("away")

        setattr(part, self.method, failing)


@pytest.mark.parametrize(
    ("what", "attempts"),
    [
        pytest.param(Away("payloads", "get", 3), 1, id="the store, while the source is read"),
        pytest.param(Away("payloads", "put", 3), 1, id="the store is full when the result comes"),
        pytest.param(Away("payloads", "put", 9), 1, id="the store, for longer than one delivery waits"),
        pytest.param(Away("log", "append", 3, JobCompleted), 1, id="the log, at the end"),
        pytest.param(Away("log", "append", 9, JobCompleted), 1, id="the log, for longer than one delivery waits"),
        pytest.param(Away("log", "append", 9, JobStarted), 1, id="the log, at the start"),
        pytest.param(Away("log", "append", 1, JobStarted, True), 1, id="the log's confirmation of the start"),
        pytest.param(Away("log", "history", 2), 1, id="the history"),
        pytest.param([LOST], 2, id="an executor"),
        pytest.param([LOST, LOST], 3, id="two executors"),
    ],
)
async def test_only_a_lost_executor_costs_an_attempt(
    world: World, run: RunPlacement, what: Away | list[Instance], attempts: int
) -> None:
    event, sequence = await world.place()
    if isinstance(what, Away):
        what.befall(world)
    else:
        for number, executor in enumerate(what, start=1):
            await world.log.append(started(executor, event, number, event.time))
    while not world.log.events(JobCompleted):
        with contextlib.suppress(Unavailable):  # the bus delivers it again
            await run(event, sequence)
    (end,) = world.log.events(JobCompleted)
    assert end.data.attempt == attempts
    assert [it.data.attempt for it in world.log.events(JobStarted)] == [*range(1, attempts + 1)]
