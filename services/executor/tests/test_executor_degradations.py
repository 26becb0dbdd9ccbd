"""Devices are compiled without the elements that the log says are not used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from queuebit_contracts.fleet import BackendDegraded, Degradation
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Reason
from queuebit_executor.answers import Described
from queuebit_executor.degradations import Degradations
from queuebit_kernel import Unavailable
from queuebit_runtime.stored import Stored

from .conftest import World

THEN = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Circuits:
    """Notes what it is asked for; the first requests may fail."""

    def __init__(self, world: World, failing: int = 0) -> None:
        self.asked: list[tuple[str, Sequence[tuple[int, ...]]]] = []
        self._world = world
        self._failing = failing

    async def exclude(self, backend: str, without: Sequence[tuple[int, ...]]) -> Described:
        self.asked.append((backend, without))
        if len(self.asked) <= self._failing:
            raise Unavailable("no child")
        return self._world.offer(backend)


def degraded(backend: str, *couplers: tuple[int, int], qubits: tuple[int, ...] = ()) -> Stored:
    why = Reason(code="elements", text="bad")
    data = Degradation(backend=backend, at=THEN, qubits=qubits, couplers=couplers, reason=why, by="fleet")
    event = BackendDegraded(source="qb/fleet", data=data)
    return Stored(event, subject_of(event), 1, THEN)


@pytest.mark.parametrize("failing", [0, 1])
async def test_the_newest_fact_counts_and_a_failure_is_tried_again(
    world: World, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_executor.degradations._AGAIN_S", 0.01)
    circuits, found = Circuits(world, failing), asyncio.Queue[Described]()
    degradations = Degradations()
    degradations.take(degraded("aer", (0, 1)))
    degradations.take(degraded("aer", (3, 5), qubits=(2,)))
    degradations.take(degraded("elsewhere", (0, 1)))
    running = asyncio.ensure_future(degradations.run(circuits, ["aer"], found.put))
    described = await asyncio.wait_for(found.get(), 5)
    assert described.backend == "aer"
    assert circuits.asked == [("aer", ((2,), (3, 5)))] * (failing + 1)
    degradations.take(degraded("aer"))
    await asyncio.wait_for(found.get(), 5)
    assert circuits.asked[-1] == ("aer", ())
    running.cancel()
