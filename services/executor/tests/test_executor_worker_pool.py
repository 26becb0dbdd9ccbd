"""Children of one pool: none serves two tenants, and none is believed, as a circuit may have corrupted its memory."""

from __future__ import annotations

import asyncio
import os
from itertools import dropwhile
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_executor.answers import Refused
from queuebit_executor.child_answers import read_body
from queuebit_executor.worker_pool import Borrowed, WorkerPool
from queuebit_executor.zygote_client import Child, ZygoteClient
from queuebit_runtime.frames import Frame
from queuebit_runtime.sandbox import anonymous_bytes
from queuebit_runtime.tasks import Tasks


class Talkative:
    """A child and its zygote: each answer says that another one follows."""

    threads = 1

    def __init__(self) -> None:
        self.ended = False

    async def send(self, head: object, body: bytes) -> None:
        """Take any request."""

    async def receive(self) -> Frame:
        return {"more": True}, b"answer"

    async def end(self, child: object) -> str:
        self.ended = child is self
        return "by SIGKILL"


async def test_a_child_with_more_answers_than_requests_is_ended() -> None:
    child, taken = Talkative(), list[bytes | Refused]()
    borrowed = Borrowed(cast("Child", child), "run", 20, cast("ZygoteClient", child))
    refused = await borrowed.ask_each({"op": "runs"}, read_body, b"", taken.append, 2)
    assert isinstance(refused, Refused)
    assert refused.error.code == "crashed"
    assert taken == [b"answer"] * 2
    assert (borrowed.idle, child.ended) == (False, True)


class Numbered(int):
    """A child."""

    own_bytes = 0
    idle_bytes = 0
    measured_at = 0.0


class FakeZygote:
    """Forks children that are numbers, and notes it."""

    threads = 1

    def __init__(self) -> None:
        self.events: list[str] = []
        self.forked = 0
        self.alive: set[int] = set()
        self.most_alive = 0

    async def fork(self, *, local: bool) -> Numbered:
        await asyncio.sleep(0)
        self.forked += 1
        self.alive.add(self.forked)
        self.most_alive = max(self.most_alive, len(self.alive))
        self.events.append(f"fork {self.forked}")
        return Numbered(self.forked)

    async def end(self, child: int) -> str:
        await asyncio.sleep(0)
        self.alive.remove(child)
        self.events.append(f"end {child}")
        return "by SIGKILL"


def pool_of(zygote: FakeZygote, size: int, kept: int, idle_bytes: int = 1 << 30) -> WorkerPool:
    return WorkerPool("run", size, 1, cast("ZygoteClient", zygote), Tasks(), kept=kept, idle_bytes=idle_bytes)


async def used_by(pool: WorkerPool, *lines: str) -> list[object]:
    """The child that each of these lines has, one after another."""
    found: list[object] = []
    for line in lines:
        async with pool.borrow(line) as borrowed:
            found.append(borrowed.child)
    return found


async def test_the_child_used_least_recently_is_ended_before_another_is_forked() -> None:
    zygote = FakeZygote()
    pool = pool_of(zygote, 1, kept=2)
    await pool.open()
    assert await used_by(pool, "acme", "evil", "acme", "other", "acme", "evil") == [1, 2, 1, 3, 1, 4]
    assert zygote.events == ["fork 1", "fork 2", "end 2", "fork 3", "end 3", "fork 4"]


async def test_a_child_that_failed_is_replaced_by_one_of_no_tenant() -> None:
    zygote = FakeZygote()
    pool = pool_of(zygote, 1, kept=2)
    await pool.open()
    async with pool.borrow("evil") as borrowed:
        borrowed.idle = False
    assert await used_by(pool, "acme", "evil") == [2, 3]
    assert zygote.events == ["fork 1", "end 1", "fork 2", "fork 3"]


async def test_an_idle_child_that_keeps_much_memory_is_replaced() -> None:
    zygote = FakeZygote()
    pool = pool_of(zygote, 1, kept=2)
    await pool.open()
    async with pool.borrow("acme") as borrowed:
        cast("Any", borrowed.child).own_bytes = (256 << 20) + 1
    assert await used_by(pool, "acme") == [2]
    assert zygote.events == ["fork 1", "end 1", "fork 2"]


async def test_idle_children_together_take_no_more_than_their_share_of_memory() -> None:
    """Each copies at most 16 MiB of the zygote's memory; those of this test take 100 MiB more."""
    zygote = FakeZygote()
    pool = pool_of(zygote, 1, 64, idle_bytes=350 << 20)
    await pool.open()
    for tenant in ("acme", "evil", "other", "fifth"):
        async with pool.borrow(tenant) as borrowed:
            cast("Any", borrowed.child).own_bytes = 100 << 20
    while not pool.idle:
        await asyncio.sleep(0)
    assert {*map(str, pool.children)} == {*map(str, zygote.alive)} == {"2", "3", "4"}
    assert await used_by(pool, "evil", "fifth", "acme") == [2, 4, 5]


async def test_an_idle_child_stays_even_if_it_takes_more_than_all_may() -> None:
    zygote = FakeZygote()
    pool = pool_of(zygote, 1, 2, idle_bytes=1)
    await pool.open()
    assert await used_by(pool, "acme", "acme") == [1, 1]


async def test_the_memory_of_a_child_is_what_it_took_since_its_fork() -> None:
    """This process in place of a child."""
    child = Child(os.getpid(), cast("asyncio.StreamReader", None), cast("asyncio.StreamWriter", None))
    before = child.own_bytes
    kept = b"x" * (64 << 20)
    assert (60 << 20) < child.own_bytes - before < (200 << 20)
    assert len(kept) == 64 << 20
    assert anonymous_bytes(2**22 + 1) == 0, "no process has this id"


async def test_a_turn_that_gets_no_child_goes_to_the_next() -> None:
    zygote = FakeZygote()
    pool = pool_of(zygote, 1, kept=1)
    await pool.open()
    await used_by(pool, "acme")
    waiting = asyncio.ensure_future(used_by(pool, "evil"))
    for _ in range(2):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.idle == 1
    assert await used_by(pool, "other") == [zygote.forked]
    assert len(zygote.alive) == len(pool.children) == 1


@given(
    size=st.integers(1, 3),
    kept=st.integers(0, 5),
    roomy=st.booleans(),
    uses=st.lists(
        st.tuples(st.sampled_from(["", "acme", "evil", "other", "fifth"]), st.integers(0, 3), st.booleans()),
        max_size=40,
    ),
)
def test_no_child_serves_two_tenants_and_no_more_live_than_are_kept(
    size: int, kept: int, roomy: bool, uses: list[tuple[str, int, bool]]
) -> None:
    """Whatever the order in which tenants come, and whatever fails."""
    zygote, served, working, most = FakeZygote(), dict[Child, list[str]](), 0, 0

    async def use(pool: WorkerPool, line: str, turns: int, fails: bool) -> None:
        nonlocal working, most
        async with pool.borrow(line) as borrowed:
            working += 1
            most = max(most, working)
            served.setdefault(borrowed.child, []).append(line)
            for _ in range(turns):
                await asyncio.sleep(0)
            borrowed.idle = not fails
            working -= 1

    async def all_of_them() -> None:
        pool = pool_of(zygote, size, kept, idle_bytes=1 << 30 if roomy else 40 << 20)
        await pool.open()
        await asyncio.gather(*(use(pool, *it) for it in uses))
        while pool.idle < size or len(pool.children) < len(zygote.alive):
            await asyncio.sleep(0)
        assert {*map(str, pool.children)} == {*map(str, zygote.alive)}

    asyncio.run(all_of_them())
    for lines in served.values():
        of_tenants = [*dropwhile(lambda it: not it, lines)]
        assert len({*of_tenants}) <= 1, "the platform's requests come before those of the only tenant, if at all"
    assert most <= size
    assert zygote.most_alive <= max(size, kept)
