"""Windows for calibrations are planned by rule: once, around reservations, and again when a calibration comes early."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from queuebit_contracts.calendar import (
    BackendFreed,
    BackendReserved,
    BackendWindowCancelled,
    BackendWindowPlanned,
    FreedSlot,
    PlannedWindow,
    ReservedSlot,
    WindowCancellation,
)
from queuebit_contracts.fleet import BackendCalibrationUnplanned, BackendRecalibrationAsked
from queuebit_isolation import FleetDocument, parse_fleet

from .test_fleet import THEN, World, calibrated
from .test_fleet_recalibrating import HOOK, lab

HOUR = timedelta(hours=1)
LENGTH = timedelta(minutes=20)
RULE = '[calibration."perth"]\nevery_h = 24\nwithin_h = 3\n'


def ruled(more: str = "") -> World:
    return World(parse_fleet(RULE + more))


@pytest.fixture
def world() -> World:
    return ruled()


def planned(world: World) -> list[datetime]:
    """When each window that is ahead begins."""
    return sorted(it.starts_at for it in world.fleet.of("perth").calendar.ahead(world.clock.now()))


def reserved(start: datetime, hours: float, name: str = "r1") -> BackendReserved:
    slot = ReservedSlot(backend="perth", reservation=name, starts_at=start, ends_at=start + hours * HOUR)
    return BackendReserved(source="qb/broker", data=slot)


def by_person(start: datetime, kind: str = "calibration") -> BackendWindowPlanned:
    data = PlannedWindow(backend="perth", window="w1", kind=kind, starts_at=start, ends_at=start + HOUR)
    return BackendWindowPlanned(source="qb/broker", data=data)


def test_the_next_window_is_planned_once_and_says_its_rule(world: World) -> None:
    world.happens(calibrated(THEN))
    (fact,) = world.log.events(BackendWindowPlanned)
    due = THEN + 24 * HOUR
    assert (fact.data.starts_at, fact.data.ends_at, fact.data.due_at) == (due, due + LENGTH, due)
    assert (fact.data.by, fact.data.rule) == ("fleet", "every 24 h for 20 min, moved by at most 3 h")
    world.later(hours=1)
    assert len(world.calls) == 1


def test_a_restart_and_a_second_service_plan_nothing_more(world: World) -> None:
    world.happens(calibrated(THEN))
    other = World(parse_fleet(RULE), world.log)
    other.happens()
    asyncio.run(other.watch.look())
    assert other.calls == []


def test_windows_follow_one_another_at_the_same_time_of_the_day(world: World) -> None:
    world.happens(calibrated(THEN))
    for day in (1, 2, 3):
        world.later(hours=24)
        world.later(minutes=10)
        world.happens(calibrated(world.clock.now()))
        world.later(minutes=-10)
        assert planned(world) == [THEN + (day + 1) * 24 * HOUR]
    assert len(world.log.events(BackendWindowPlanned)) == 4


def test_it_is_moved_around_a_reservation(world: World) -> None:
    world.happens(reserved(THEN + 23.5 * HOUR, 2), calibrated(THEN))
    assert planned(world) == [THEN + 23.5 * HOUR - LENGTH]


def test_a_calibration_that_comes_early_moves_the_next_window(world: World) -> None:
    world.happens(calibrated(THEN))
    world.later(hours=5)
    world.happens(calibrated(world.clock.now()))
    assert planned(world) == [THEN + 29 * HOUR]
    (cancelled,) = world.log.events(BackendWindowCancelled)
    assert cancelled.data.by == "fleet"


def test_a_calibration_that_does_not_come_is_planned_again_a_day_later(world: World) -> None:
    world.happens(calibrated(THEN))
    world.later(hours=24.5)
    assert planned(world) == [THEN + 48 * HOUR]


def test_what_has_no_place_is_a_fact_once_and_is_planned_when_a_slot_is_freed(world: World) -> None:
    world.happens(reserved(THEN + 20 * HOUR, 10), calibrated(THEN))
    (fact,) = world.log.events(BackendCalibrationUnplanned)
    assert fact.data.reason.code == "no_place"
    assert "no free 20 min" in fact.data.reason.text
    world.later(minutes=1)
    world.later(minutes=1)
    assert len(world.log.events(BackendCalibrationUnplanned)) == 1
    assert planned(world) == []
    freed = FreedSlot(backend="perth", reservation="r1", freed_at=world.clock.now())
    world.happens(BackendFreed(source="qb/broker", data=freed))
    assert planned(world) == [THEN + 24 * HOUR]


def test_a_backend_that_was_never_calibrated_has_no_window_by_rule(world: World) -> None:
    world.happens(reserved(THEN + HOUR, 1))
    world.later(hours=48)
    assert world.calls == []


def test_an_overdue_calibration_is_planned_soon(world: World) -> None:
    world.clock.advance(72 * 3600)
    world.happens(calibrated(THEN))
    assert planned(world) == [THEN + 72 * HOUR + timedelta(minutes=10)]


@pytest.mark.parametrize(("kind", "expected"), [("calibration", 1), ("maintenance", 2)])
def test_a_window_for_a_calibration_that_a_person_planned_counts(world: World, kind: str, expected: int) -> None:
    world.happens(by_person(THEN + 25 * HOUR, kind), calibrated(THEN))
    assert len(world.log.events(BackendWindowPlanned)) == expected


def test_a_window_of_a_person_takes_the_place_of_one_by_rule(world: World) -> None:
    world.happens(calibrated(THEN), by_person(THEN + 25 * HOUR))
    assert planned(world) == [THEN + 25 * HOUR]


def test_a_window_that_a_person_cancels_is_left_out(world: World) -> None:
    world.happens(calibrated(THEN))
    (fact,) = world.log.events(BackendWindowPlanned)
    data = WindowCancellation(backend="perth", window=fact.data.window, cancelled_at=THEN)
    world.happens(BackendWindowCancelled(source="qb/broker", data=data))
    assert planned(world) == [THEN + 48 * HOUR]


@pytest.mark.parametrize(
    ("document", "expected"),
    [(FleetDocument(), []), (parse_fleet(RULE.replace("24", "12")), [THEN + 12 * HOUR])],
    ids=["without the rule", "another rule"],
)
def test_a_rule_that_changed_replaces_its_window(
    world: World, document: FleetDocument, expected: list[datetime]
) -> None:
    world.happens(calibrated(THEN))
    changed = World(document, world.log)
    changed.happens()
    assert planned(changed) == expected


def test_while_no_broker_answers_the_look_says_so(world: World) -> None:
    world.down = True
    world.happens(calibrated(THEN))
    assert "no answer" in world.watch.trouble
    world.down = False
    world.later(minutes=1)
    assert (world.watch.trouble, planned(world)) == ("", [THEN + 24 * HOUR])


def test_the_hook_is_called_at_the_start_of_the_window_once() -> None:
    world = ruled(HOOK)
    it = lab(world, 202)
    world.happens(calibrated(THEN))
    assert it.look() == []
    world.later(hours=24)
    (fact,) = it.look()
    assert (fact.data.reason.code, fact.data.since, fact.data.outcome) == ("window", THEN + 24 * HOUR, "accepted")
    world.later(minutes=5)
    assert (it.look(), len(it.requests)) == ([], 1)


def test_a_hook_that_fails_until_the_window_is_over_is_given_up() -> None:
    world = ruled(HOOK)
    it = lab(world, 503)
    world.happens(calibrated(THEN))
    world.later(hours=24)
    original = it.post

    async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        world.clock.advance(LENGTH.total_seconds())
        return await original(url, headers, body)

    it.asking._post = post
    (fact,) = it.look()
    assert (fact.data.outcome, fact.data.tries) == ("given_up", 1)
    assert len(world.log.events(BackendRecalibrationAsked)) == 1
