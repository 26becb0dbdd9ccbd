"""Runs that are due, over a log in memory and a platform in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queuebit import AsyncClient
from queuebit_contracts.probe import ProbeFinding, ProbeJudged
from queuebit_contracts.probe_documents import Probes
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Reason
from queuebit_kernel import FixedClock
from queuebit_prober.handlers import RunProbes
from queuebit_prober.state import Newest
from queuebit_testing.local_platform import LocalPlatform, local_credential
from queuebit_testing.memory import MemoryLog

pytestmark = pytest.mark.timeout(180)
"""The first job of a process loads a quantum SDK, which takes long on a busy machine."""

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
DOCUMENT = Probes.model_validate(
    {"at_once": 2, "probe": {it: {"circuit": it, "backends": ["*"]} for it in ("ghz", "mirror", "readout")}}
)


class Prober:
    """One process of the service."""

    def __init__(self, log: MemoryLog, platform: LocalPlatform, document: Probes = DOCUMENT) -> None:
        platform.answers["backends"] = [{"backend": "aer"}]
        self.newest = Newest()
        self.started: list[Coroutine[Any, Any, None]] = []
        self.clock = FixedClock(NOON)
        client = AsyncClient(local_credential(), transport=platform)
        self.run = RunProbes(log, self.newest, document, client, self.clock, lambda it, _: self.started.append(it))

    async def look(self, at: datetime = NOON) -> int:
        """Start what is due, and let it end; return how many runs that were."""
        self.clock.advance((at - self.clock.now()).total_seconds())
        await self.run()
        started, self.started = self.started, []
        await asyncio.gather(*started)
        return len(started)


def findings(log: MemoryLog) -> list[ProbeFinding]:
    return [it.event.data for it in log.stored if isinstance(it.event, ProbeJudged)]


async def test_each_probe_runs_once_in_its_slot_and_no_more_at_once_than_allowed() -> None:
    log, platform = MemoryLog(), LocalPlatform()
    prober = Prober(log, platform)
    assert [await prober.look() for _ in range(3)] == [2, 1, 0]
    found = findings(log)
    assert [(it.probe, it.backend, it.state) for it in found] == [
        ("ghz", "aer", "passed"), ("mirror", "aer", "passed"), ("readout", "aer", "passed"),
    ]  # fmt: skip
    assert found[1].fidelity_ppm == 1_000_000
    assert {it.job for it in found} == {it.data.job for it in platform.submissions}
    assert await prober.look(NOON + timedelta(hours=1)) == 2
    assert prober.newest.count() == {"passed": 3}


async def test_another_process_states_nothing_twice_and_pays_nothing_twice() -> None:
    log, platform = MemoryLog(), LocalPlatform()
    one, other = Prober(log, platform), Prober(log, platform)
    for _ in range(2):
        await one.look()
        await other.look()
    assert len(findings(log)) == 3
    assert len(platform.submissions) == 3


async def test_one_that_restarts_knows_what_was_stated() -> None:
    log, platform = MemoryLog(), LocalPlatform()
    await Prober(log, platform).look()
    again = Prober(log, platform)
    for it in log.stored:
        again.newest.take(it)
    assert await again.look() == 1


async def test_what_went_wrong_is_stated() -> None:
    log = MemoryLog()
    prober = Prober(log, LocalPlatform(refuse=[Reason(code="unknown_backend", text="there is no backend aer")]))
    await prober.look()
    assert {(it.state, it.fidelity_ppm) for it in findings(log)} == {("failed", None)}
    assert "there is no backend aer" in findings(log)[0].text


async def test_a_run_that_is_under_way_is_not_started_again() -> None:
    log = MemoryLog()
    prober = Prober(
        log, LocalPlatform(), Probes.model_validate({"probe": {"a": {"circuit": "ghz", "backends": ["*"]}}})
    )
    await prober.run()
    await prober.run()
    prober.clock.advance(7200)
    await prober.run()
    assert (len(prober.started), prober.run.running) == (1, 1)
    await asyncio.gather(*prober.started)
    assert prober.run.running == 0


async def test_after_a_clock_that_was_ahead_a_slot_runs_once() -> None:
    log = MemoryLog()
    prober = Prober(log, LocalPlatform())
    assert await prober.look(NOON + timedelta(days=365)) == 2
    assert [await prober.look() for _ in range(3)] == [2, 1, 0]


def test_a_run_has_a_subject_of_its_own() -> None:
    data = ProbeFinding(
        backend="aer", run="a-1-7", probe="a-1", kind="reference", slot=7, state="passed", text="", circuit="ghz",
        floor_ppm=900_000,
    )  # fmt: skip
    assert subject_of(ProbeJudged(source="qb/prober", data=data)).endswith(".aer.judged.a-1-7")
