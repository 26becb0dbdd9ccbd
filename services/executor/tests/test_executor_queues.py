"""Queues of vendors: read at a bounded rate, forecast, and forgotten when they are old."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from queuebit_executor.answers import Described, Queued
from queuebit_executor.errors import VendorAway
from queuebit_executor.queues import ReadQueues
from queuebit_executor.returned import Unusable, require_queue
from queuebit_kernel import FixedClock
from queuebit_quantum.vendor_queue import VendorQueue

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Vendor:
    """Answers with the next of some queues; None: it does not answer."""

    def __init__(self, *queues: Queued | None) -> None:
        self.left = [*queues]
        self.asked: list[str] = []

    async def queue(self, backend: str) -> Queued:
        self.asked.append(backend)
        found = self.left.pop(0)
        if found is None:
            raise VendorAway("no answer")
        return found


def reading(*queues: Queued | None) -> tuple[ReadQueues, Vendor, FixedClock]:
    vendor, clock = Vendor(*queues), FixedClock(NOW)
    return ReadQueues(vendor, 60, clock), vendor, clock


async def test_jobs_in_front_become_a_wait_with_an_interval() -> None:
    queues, _, clock = reading(Queued(jobs=100))
    assert await queues.read("fez")
    state = queues.newest["fez"]
    assert (state.jobs, state.observed_at) == (100, clock.now())
    assert 0 < state.low_ms < state.expected_ms < state.high_ms


async def test_a_wait_that_the_vendor_states_is_the_expected_one() -> None:
    queues, _, _ = reading(Queued(wait_s=90.5))
    await queues.read("forte")
    assert (queues.newest["forte"].expected_ms, queues.newest["forte"].jobs) == (90_500, None)


async def test_a_queue_that_is_not_read_any_more_is_forgotten() -> None:
    queues, _, clock = reading(Queued(jobs=1), *[None] * 3)
    await queues.read("fez")
    for _ in range(2):
        clock.advance(120)
        assert await queues.read("fez"), "it is asked again"
        assert "fez" in queues.newest
    clock.advance(120)
    await queues.read("fez")
    assert queues.newest == {}


async def test_only_remote_backends_are_asked_and_those_without_a_queue_once() -> None:
    about = {"vendor": "v", "kind": "qpu", "qubits": 2, "max_shots": 9, "features": (), "gates": ()}
    more = {"rep_delay_ns": 0, "overhead_ns": 0, "target": "sha256:" + "0" * 64}
    offers = [Described(backend=it, remote=it == "far", **about, **more) for it in ("far", "near")]
    queues, vendor, _ = reading(Queued())
    await asyncio.wait_for(ReadQueues(vendor, 0, FixedClock(NOW)).run(offers), 5)
    assert (vendor.asked, queues.newest) == (["far"], {})


@pytest.mark.parametrize("given", [VendorQueue(), VendorQueue(jobs=-1), VendorQueue(wait_s=float("nan")), 7, "many"])
def test_what_a_plugin_returns_is_checked(given: object) -> None:
    with pytest.raises(Unusable, match="queue"):
        require_queue(given)


def test_a_plugin_may_state_either_or_nothing() -> None:
    for it in (None, VendorQueue(jobs=0), VendorQueue(wait_s=0.5), VendorQueue(3, 1.0)):
        assert require_queue(it) == it


async def test_a_vendor_that_allows_no_call_now_counts_as_later() -> None:
    waits = [0.0, 2.5, 0.0]
    queues = ReadQueues(Vendor(Queued(jobs=3, wait_s=60)), 60, FixedClock(NOW), lambda: waits.pop(0))
    assert queues.state("fez") is None
    await queues.read("fez")
    known = queues.newest["fez"]
    later, usual = queues.state("fez"), queues.state("fez")
    assert later is not None
    assert (later.jobs, later.expected_ms, later.low_ms) == (3, known.expected_ms + 2_500, known.low_ms + 2_500)
    assert usual == known
