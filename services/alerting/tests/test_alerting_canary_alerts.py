"""A canary that stops by itself is a ticket, until a person decides or for a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from queuebit_alerting.canary_alerts import CanariesStopped
from queuebit_alerting.canary_counts import Measured
from queuebit_alerting.state import Signal
from queuebit_experiments import Arm

from .alerting_world import NOON
from .test_alerting_canaries import EQUAL, FEW, UNCLEAR, WORSE, Copy, World


async def _signal(copy: Copy, at: datetime = NOON) -> Signal | None:
    return next(iter(await CanariesStopped(copy.book).signals(at)), None)


async def test_a_draft_is_none_and_one_that_runs_is_quiet() -> None:
    world = World()
    copy = world.copy()
    assert await _signal(copy) is None
    copy = await world.started()
    await copy.keep()
    assert (signal := await _signal(copy)) is not None
    assert signal.firing is False


@pytest.mark.parametrize(
    ("counts", "plan", "state", "says"),
    [
        (WORSE, {}, "aborted", "was aborted by a rule"),
        (EQUAL, {}, "passed", "`qb canary promote level3`"),
        (EQUAL, {"automatic": True}, "promoted", "was promoted by a rule"),
    ],
)
async def test_what_a_rule_decided_is_a_ticket(counts: Measured, plan: dict[str, Any], state: str, says: str) -> None:
    world = World()
    copy = await world.started(**plan, tenant="acme")
    world.counts.now = counts
    await copy.keep()
    signal = await _signal(copy)
    assert signal is not None
    assert (signal.firing, signal.values["state"], signal.labels["tenant"]) == (True, state, "acme")
    assert says in signal.annotations["summary"]
    later = await _signal(copy, NOON + timedelta(days=2))
    assert later is not None
    assert (later.firing, later.alert) == (state == "passed", signal.alert)


async def test_a_persons_decision_ends_it_and_fires_nothing() -> None:
    world = World()
    copy = await world.started()
    for counts in (UNCLEAR, Measured(Arm(1000, 1000, 20), Arm(1000, 1000, 44), 3)):
        world.counts.now = counts
        await copy.keep()
    signal = await _signal(copy)
    assert signal is not None
    assert (signal.firing, signal.values["state"]) == (True, "paused")
    world.counts.now = FEW
    assert not (await copy.ask(abort={"canary": "level3", "reason": "not now"})).errors
    signal = await _signal(copy)
    assert signal is not None
    assert signal.firing is False
