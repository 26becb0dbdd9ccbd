"""A backend is down when its executor has answered before and does not now, for two rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from queuebit_alerting.adapters import Scheduler
from queuebit_alerting.backends import BackendsDown
from queuebit_alerting.ports import BackendState
from queuebit_contracts.alerts import shared_labels
from queuebit_contracts.backend import (
    BackendInterrupted,
    BackendRegistered,
    BackendRestored,
    Interruption,
    Registration,
    Restoration,
)
from queuebit_contracts.runbooks import runbook_of
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Reason
from queuebit_kernel import Unavailable
from queuebit_runtime.stored import Stored

from .alerting_world import NOON, TurnableClock

UP = BackendState("torino", live=True)
GONE = BackendState("torino", live=None, silent_since=NOON)
"""The first request without an answer: the scheduler does not count it as gone yet."""


class Rounds:
    """Rounds of ten seconds, and what the scheduler says in each."""

    def __init__(self) -> None:
        self.says: Sequence[BackendState] | None = ()
        self.clock = TurnableClock()
        self.firing: list[dict[str, str]] = []
        self.source = BackendsDown(self, self.clock, lambda: self.firing)
        self._sequence = 0

    def stored(self, event: BackendRegistered | BackendInterrupted | BackendRestored) -> None:
        self._sequence += 1
        self.source.take(Stored(event, subject_of(event), self._sequence, self.clock.now()))

    def registered(self, executor: str, *backends: str) -> None:
        for it in backends:
            data = Registration(backend=it, stack=executor, vendor="IBM", kind="qpu", qubits=5, max_shots=1000)
            self.stored(BackendRegistered(source="qb/executor", data=data))

    def interrupted(self, *backends: str, ago: timedelta = timedelta(0)) -> None:
        for it in backends:
            reason = Reason(code="no_answer", text="no answer")
            data = Interruption(backend=it, since=self.clock.now() - ago, reason=reason)
            self.stored(BackendInterrupted(source="qb/scheduler", data=data))

    async def backends(self) -> Sequence[BackendState]:
        if self.says is None:
            raise Unavailable("the scheduler does not answer")
        return self.says

    async def of(self, *says: BackendState) -> dict[str, bool | None]:
        self.clock.passes(10)
        self.says = says
        return {it.labels["backend"]: it.firing for it in await self.source.signals(self.clock.now())}


async def test_two_rounds_without_an_answer_are_a_page_and_one_answer_ends_it() -> None:
    it = Rounds()
    assert await it.of(UP) == {"torino": False}
    assert await it.of(GONE) == {"torino": None}
    assert await it.of(GONE) == {"torino": True}
    assert await it.of(replace(GONE, live=False)) == {"torino": True}
    assert await it.of(UP) == {"torino": False}


async def test_two_short_silences_are_none() -> None:
    it = Rounds()
    await it.of(UP)
    assert await it.of(GONE) == {"torino": None}
    assert await it.of(replace(GONE, silent_since=NOON + timedelta(seconds=9))) == {"torino": None}


async def test_the_page_says_since_when_and_names_its_runbook() -> None:
    it = Rounds()
    await it.of(UP)
    await it.of(GONE)
    it.clock.passes(10)
    (signal,) = await it.source.signals(NOON)
    assert signal.labels == {"alertname": "BackendDown", "severity": "page", "backend": "torino"}
    assert signal.annotations["summary"] == "torino: its executor has not answered since 2026-11-30 12:00:00 UTC"
    assert signal.evidence.since == NOON
    assert runbook_of("BackendDown") == "docs/runbooks/backend-down.md"


async def test_a_backend_that_was_removed_or_is_slow_to_start_pages_no_person() -> None:
    it = Rounds()
    for _ in range(10):
        assert await it.of(replace(GONE, live=False)) == {}


async def test_a_process_that_does_not_lead_knows_who_answered() -> None:
    it = Rounds()
    it.says = (UP,)
    await it.source.look()
    assert it.source.answered == 1
    assert await it.of(GONE) == {"torino": None}
    assert await it.of(GONE) == {"torino": True}


async def test_a_jump_of_the_clock_is_no_silence() -> None:
    it = Rounds()
    await it.of(UP)
    await it.of(GONE)
    it.clock.wall += timedelta(days=1)
    it.says = (GONE,)
    assert [said.firing for said in await it.source.signals(it.clock.now())] == [None]


async def test_without_the_scheduler_nothing_is_said() -> None:
    it = Rounds()
    await it.of(UP)
    it.says = None
    with pytest.raises(Unavailable):
        await it.source.signals(NOON)


async def test_the_scheduler_is_asked_for_the_platform() -> None:
    replies = [
        b'{"rows":[{"backend":"aer","live":true,"silent_since":null,"calibration":null,"later":1},'
        b'{"backend":"torino","live":false,"silent_since":"2026-11-30T12:00:00.000000Z","calibration":'
        b'{"attempted_at":"2026-11-30T12:00:00Z","failing_since":null,"reason":null}}]}',
        b'{"error":{"code":"busy","text":"ask again"}}',
        b"[]",
    ]
    asked: list[str] = []

    async def request(subject: str, body: bytes, timeout_s: float) -> bytes:
        asked.append(subject)
        return replies.pop(0)

    scheduler = Scheduler(request)
    aer, torino = await scheduler.backends()
    assert (aer.backend, aer.live, aer.calibration) == ("aer", True, None)
    assert (torino.silent_since, torino.live) == (NOON, False)
    assert torino.calibration is not None
    for text in ("ask again", "something else"):
        with pytest.raises(Unavailable, match=text):
            await scheduler.backends()
    assert set(asked) == {"qb.query.queuebit.liveness"}


def gone(name: str) -> BackendState:
    return replace(GONE, backend=name, live=False)


async def test_a_backend_that_hung_before_this_process_started_is_a_page_after_five_minutes() -> None:
    it = Rounds()
    it.registered("ibm", "torino")
    it.interrupted("torino", ago=timedelta(minutes=10))
    seen = [await it.of(gone("torino")) for _ in range(32)]
    assert seen[:30] == [{}] * 30
    assert seen[31] == {"torino": True}
    (signal,) = await it.source.signals(it.clock.now())
    assert signal.evidence.since == NOON - timedelta(minutes=10)


async def test_a_backend_that_is_in_service_again_by_the_log_is_none() -> None:
    it = Rounds()
    it.registered("ibm", "torino")
    it.interrupted("torino")
    it.stored(BackendRestored(source="qb/scheduler", data=Restoration(
        backend="torino", interrupted_since=NOON, answers_since=NOON)))  # fmt: skip
    assert [await it.of(gone("torino")) for _ in range(40)] == [{}] * 40


async def test_a_backend_without_which_its_executor_runs_was_removed() -> None:
    it = Rounds()
    it.registered("ibm", "torino", "fez")
    it.interrupted("torino")
    up = BackendState("fez", live=True)
    assert [await it.of(gone("torino"), up) for _ in range(40)] == [{"fez": False}] * 40


async def test_what_is_out_of_service_for_longer_than_a_day_is_known_or_was_removed() -> None:
    it = Rounds()
    it.registered("ibm", "torino")
    it.interrupted("torino", ago=timedelta(hours=25))
    assert [await it.of(gone("torino")) for _ in range(40)] == [{}] * 40


async def test_all_backends_of_an_executor_are_one_group() -> None:
    it = Rounds()
    it.registered("ibm", "torino", "fez")
    up = [BackendState(name, live=True) for name in ("torino", "fez")]
    await it.of(*up)
    for _ in range(2):
        await it.of(gone("torino"), gone("fez"))
    signals = await it.source.signals(it.clock.now())
    assert [signal.firing for signal in signals] == [True, True]
    assert [shared_labels(signal.labels) for signal in signals] == [{"executor": "ibm"}] * 2
    assert {signal.labels["backend"] for signal in signals} == {"torino", "fez"}


async def test_an_alert_with_the_labels_of_an_earlier_version_ends() -> None:
    it = Rounds()
    old = {"alertname": "BackendDown", "severity": "page", "backend": "torino"}
    it.firing = [old, {"alertname": "Drift", "backend": "torino"}]
    it.registered("ibm", "torino")
    it.says = (UP,)
    assert [(signal.labels == old, signal.firing) for signal in await it.source.signals(NOON)] == [
        (False, False), (True, False),
    ]  # fmt: skip
