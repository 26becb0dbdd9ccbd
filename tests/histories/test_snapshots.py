"""A snapshot at any place of a recorded log, and the rest of the log, give the state that the whole log gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from queuebit_broker.adapters import folding
from queuebit_broker.state import World
from queuebit_contracts.subjects import covers
from queuebit_contracts.topology import topology
from queuebit_kernel import FixedClock
from queuebit_runtime.intake import Undecided
from queuebit_runtime.stored import Message, event_in
from queuebit_runtime.view import Raw
from queuebit_runtime.view_snapshot import Snapshotted, ViewSnapshot
from queuebit_scheduler.folding import Folding
from queuebit_scheduler.rescoring import RescoreJobs
from queuebit_scheduler.shadowing import ShadowPolicies
from queuebit_scheduler.state import State
from queuebit_testing.contents import contents
from queuebit_testing.memory import MemoryLog, MemoryPayloads

from .conftest import Recorded

View = tuple[Snapshotted, Callable[[Message], None]]


def broker() -> View:
    world = World()
    fold = folding(world, Undecided())

    def take(it: Message) -> None:
        fold(_raw(it))

    return world, take


def scheduler() -> View:
    state = State(2)
    rescore = RescoreJobs(MemoryPayloads(), state.rescore, lambda: None)
    view = Folding(state, rescore, ShadowPolicies(MemoryLog(), FixedClock(), lambda: True), lambda: None)

    def take(it: Message) -> None:
        view.evolve(event_in(it))

    return view, take


def _raw(it: Message) -> Raw:
    return Raw(it.subject, it.body, it.sequence, it.stored_at, Msg(Client()))


def of(service: str, messages: Sequence[Message]) -> Iterator[Message]:
    """What the view of a service reads."""
    view = topology().service[service].view
    return (it for it in messages if any(covers(pattern, it.subject) for pattern in view))


@pytest.mark.parametrize(("service", "begin"), [("broker", broker), ("scheduler", scheduler)])
def test_a_snapshot_and_the_rest_are_the_whole(
    recorded: Recorded, service: str, begin: Callable[[], View], tmp_path: Path
) -> None:
    messages = [*of(service, recorded.messages)]
    whole, take = begin()
    for it in messages:
        take(it)
    assert messages
    expected = contents(whole)
    for cut in range(len(messages) + 1):
        state, take = begin()
        for it in messages[:cut]:
            take(it)
        again, take = begin()
        stored = through_a_file(tmp_path / f"{service}.snapshot", state, again, messages[cut - 1])
        assert stored == messages[cut - 1].sequence
        for it in messages[cut:]:
            take(it)
        assert contents(again) == expected, f"cut after {cut} messages"


def through_a_file(path: Path, state: Snapshotted, again: Snapshotted, newest: Message) -> int:
    """Store one state and read it back into another; return the sequence that the file names."""

    async def store() -> None:
        snapshot = ViewSnapshot(path, state, every=1)
        snapshot.folded(_raw(newest).mark)
        await snapshot.close(_raw(newest).mark)

    asyncio.run(store())
    reader = ViewSnapshot(path, again)
    base = reader.read()
    assert base is not None
    assert reader.restore(base)
    return base.mark.sequence
