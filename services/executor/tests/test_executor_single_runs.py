"""Circuits of one tenant that wait together share a request, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.job import Compilation
from queuebit_executor.answers import Ran, Refused
from queuebit_executor.errors import Orphaned
from queuebit_executor.policy import Load, together
from queuebit_executor.ports import CircuitWork
from queuebit_executor.shared_circuits import SharedCircuits
from queuebit_executor.single_runs import SingleRuns
from queuebit_executor.worker_pool import WorkerPool
from queuebit_runtime.tasks import Tasks

from .conftest import BELL, TARGET, offer, refusal

SMALL = Load(100, 6_000)
LARGE_SOURCE = Load(1 << 20, 6_000)
ALONE = Load(100, 6_000, alone=True)
EXPENSIVE = Load(100, 60_000)


@pytest.mark.parametrize(
    ("waiting", "share", "count"),
    [
        pytest.param([], 1, 0, id="none waits"),
        pytest.param([SMALL] * 40, 40, 16, id="no more than sixteen"),
        pytest.param([SMALL] * 8, 4, 4, id="no more than the share of one child"),
        pytest.param([EXPENSIVE] * 3, 3, 1, id="no more than a tenth of a second"),
        pytest.param([LARGE_SOURCE, SMALL], 2, 1, id="a long source alone"),
        pytest.param([SMALL, SMALL, ALONE, SMALL], 4, 2, id="up to one that runs alone"),
        pytest.param([ALONE, SMALL], 2, 1, id="one that runs alone"),
    ],
)
def test_as_many_run_together_as_none_is_delayed_by(waiting: list[Load], share: int, count: int) -> None:
    assert together(waiting, share) == count


@given(
    st.lists(st.builds(Load, st.integers(0, 40_000), st.integers(0, 200_000), alone=st.booleans())), st.integers(1, 9)
)
def test_at_least_one_runs_and_only_small_ones_share(waiting: list[Load], share: int) -> None:
    count = together(waiting, share)
    assert (count == 0) == (not waiting)
    if count > 1:
        assert count <= share
        assert sum(it.quoted_us for it in waiting[:count]) <= 100_000
        assert not any(it.alone for it in waiting[:count])


@dataclass
class FakeChild:
    """Answers the circuits of a request one after another, as far as it is allowed to."""

    pool: FakePool

    async def ask_each(
        self,
        head: dict[str, Any],
        read: object,
        body: bytes,
        take: Callable[[Ran | Refused], None],
        most: int,
        seconds: float,
    ) -> Refused | None:
        seeds = [it["seed"] for it in head["runs"]]
        assert most == len(seeds)
        self.pool.requests.append(seeds)
        self.pool.limits.append(seconds)
        for seed in seeds:
            answer = await self.pool.run(seed)
            if answer is None:
                return refusal("run_timeout")
            take(answer)
        return None


class FakePool:
    """One child; `run` returns None where the time runs out."""

    size = 1

    def __init__(self) -> None:
        self.requests: list[list[int]] = []
        self.limits: list[float] = []
        self.free = asyncio.Semaphore(1)
        self.run: Callable[[int], Any] = self.at_once

    async def at_once(self, seed: int) -> Ran:
        return ran(seed)

    @asynccontextmanager
    async def borrow(self, line: str) -> AsyncIterator[FakeChild]:
        async with self.free:
            yield FakeChild(self)


def ran(seed: int) -> Ran:
    compiled = Compilation(compiler="fake 1", digest=TARGET, seed=1, depth=3, two_qubit_gates=1, duration_ns=0)
    return Ran(compilation=compiled, qubits=2, qpu_us=seed, counts=json.dumps({"00": seed}).encode())


@dataclass
class _Busy:
    """The stopwatch of one circuit."""

    seed: int
    began: list[int]
    running: set[int]

    def start(self) -> None:
        self.began.append(self.seed)
        self.running.add(self.seed)

    def reset(self) -> None:
        self.running.discard(self.seed)


class Bench:
    """Runs circuits that are named by their seeds."""

    def __init__(self) -> None:
        self.pool = FakePool()
        pool = cast("WorkerPool", self.pool)  # what is used of it
        self.runs = SingleRuns(lambda: offer("aer"), pool, SharedCircuits(), Tasks(), 60)
        self.began: list[int] = []
        self.running: set[int] = set()
        """Those whose stopwatches count."""

    async def one(self, seed: int, tenant: str = "acme") -> Ran | Refused:
        work = CircuitWork(BELL.encode(), 10, seed, 6_000, f"token-{seed}")
        async with self.runs.turn(tenant, work, _Busy(seed, self.began, self.running)) as turn:
            return await turn.answer()

    async def queued(self, *seeds: int, tenant: str = "acme") -> list[asyncio.Task[Ran | Refused]]:
        """Let circuits wait while another has the child."""
        tasks = [asyncio.ensure_future(self.one(it, tenant)) for it in seeds]
        for _ in range(3):
            await asyncio.sleep(0)
        return tasks


@pytest.fixture
def bench() -> Bench:
    return Bench()


def seeds_of(answers: Sequence[Ran | Refused]) -> list[int]:
    return [it.qpu_us for it in answers if isinstance(it, Ran)]


async def test_those_that_wait_together_share_a_request_and_each_has_its_own_answer(bench: Bench) -> None:
    async with bench.pool.free:
        waiting = await bench.queued(1, 2, 3)
    assert seeds_of(await asyncio.gather(*waiting)) == [1, 2, 3]
    assert bench.pool.requests == [[1, 2, 3]]
    assert bench.began == [1, 2, 3]


async def test_a_single_one_has_its_own_limit(bench: Bench) -> None:
    assert await bench.one(1) == ran(1)
    assert bench.pool.limits == [10]


async def test_tenants_share_no_request_and_take_turns(bench: Bench) -> None:
    async with bench.pool.free:
        waiting = await bench.queued(*range(20)) + await bench.queued(100, tenant="evil")
    await asyncio.gather(*waiting)
    assert bench.pool.requests == [[*range(16)], [100], [*range(16, 20)]]


async def test_of_a_request_whose_time_runs_out_those_without_an_answer_run_again_alone(bench: Bench) -> None:
    async def second_hangs(seed: int) -> Ran | None:
        return None if seed == 2 else ran(seed)

    bench.pool.run = second_hangs
    async with bench.pool.free:
        waiting = await bench.queued(1, 2, 3)
    first, second, third = await asyncio.gather(*waiting)
    assert seeds_of([first, third]) == [1, 3]
    assert isinstance(second, Refused)
    assert second.error.code == "run_timeout"
    assert bench.pool.requests == [[1, 2, 3], [2], [3]]
    assert bench.pool.limits == [1, 10, 10]


async def test_one_that_waits_to_run_again_is_not_charged_for_the_wait(bench: Bench) -> None:
    """Cancelled while it waited, it would have reported all the time since its first run began."""
    again = asyncio.Event()

    async def only_the_first(seed: int) -> Ran | None:
        if bench.pool.requests[-1] == [3]:
            await again.wait()
        return ran(seed) if seed in (1, 3) else None

    bench.pool.run = only_the_first
    async with bench.pool.free:
        waiting = await bench.queued(1, 2) + await bench.queued(3, tenant="other")
    assert await waiting[0] == ran(1)
    await bench.queued()
    assert bench.pool.requests == [[1, 2], [3]]
    assert bench.running == {1, 3}
    again.set()
    await asyncio.gather(*waiting)
    assert bench.began == [1, 2, 3, 2]


async def test_what_only_failed_beside_others_runs_again_alone(bench: Bench) -> None:
    tries: list[int] = []

    async def no_memory_at_first(seed: int) -> Ran | Refused:
        tries.append(seed)
        return refusal("out_of_memory") if tries == [1] else ran(seed)

    bench.pool.run = no_memory_at_first
    async with bench.pool.free:
        waiting = await bench.queued(1, 2)
    assert seeds_of(await asyncio.gather(*waiting)) == [1, 2]
    assert bench.pool.requests == [[1, 2], [1]]


async def test_a_lasting_refusal_is_the_answer_of_its_own_circuit_only(bench: Bench) -> None:
    async def first_is_wrong(seed: int) -> Ran | Refused:
        return refusal("syntax") if seed == 1 else ran(seed)

    bench.pool.run = first_is_wrong
    async with bench.pool.free:
        waiting = await bench.queued(1, 2)
    assert await asyncio.gather(*waiting) == [refusal("syntax"), ran(2)]
    assert bench.pool.requests == [[1, 2]]


async def test_one_that_is_given_up_leaves_the_runs_of_others(bench: Bench) -> None:
    go_on = asyncio.Event()

    async def when_allowed(seed: int) -> Ran:
        await go_on.wait()
        return ran(seed)

    bench.pool.run = when_allowed
    async with bench.pool.free:
        first, second = await bench.queued(1, 2)
    await bench.queued()
    assert bench.pool.requests == [[1, 2]]
    first.cancel()
    await asyncio.wait((first,))
    go_on.set()
    assert await second == ran(2)
    assert bench.began == [1, 2]


async def test_a_request_of_which_no_answer_is_wanted_frees_its_child(bench: Bench) -> None:
    async def never(seed: int) -> Ran:
        await asyncio.Event().wait()
        return ran(seed)

    bench.pool.run = never
    async with bench.pool.free:
        waiting = await bench.queued(1, 2)
    await bench.queued()
    assert bench.began == [1]
    for it in waiting:
        it.cancel()
    await asyncio.wait(waiting)
    bench.pool.run = bench.pool.at_once
    assert await bench.one(3) == ran(3)
    assert bench.began == [1, 3]


async def test_one_that_is_given_up_while_it_waits_never_runs(bench: Bench) -> None:
    async with bench.pool.free:
        first, second = await bench.queued(1, 2)
        first.cancel()
        await asyncio.wait((first,))
    assert await second == ran(2)
    assert bench.pool.requests == [[2]]


async def test_without_children_each_is_reported_the_fault(bench: Bench) -> None:
    async def orphaned(seed: int) -> Ran:
        raise Orphaned("the zygote has ended")

    bench.pool.run = orphaned
    async with bench.pool.free:
        waiting = await bench.queued(1, 2)
    for it in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(it, Orphaned)
