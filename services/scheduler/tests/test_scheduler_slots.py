"""Reserved slots: started and ended once, with what became of each second."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.admission import Signature
from queuebit_contracts.backend import BackendInterrupted, BackendRestored, Interruption, Restoration
from queuebit_contracts.calendar import BackendWindowPlanned, PlannedWindow
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobPlaced, Placement
from queuebit_contracts.leader import Leader, LeaderElected
from queuebit_contracts.reservation import (
    Reservation,
    ReservationBooked,
    ReservationCancelled,
    ReservationEnd,
    ReservationEnded,
    ReservationReturned,
    ReservationStarted,
    ReturnedTime,
    Withdrawal,
)
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import FixedClock
from queuebit_scheduler.calendar import Calendar
from queuebit_scheduler.reservations import KeepSlots
from queuebit_scheduler.slots import Slot, add, due, total, without
from queuebit_scheduling import micros

from .conftest import DIGEST, THEN, World, accepted, completed, registered, started

MINUTE = timedelta(minutes=1)
IDS: dict[str, Any] = {"tenant": "acme", "reservation": "r1", "project": "main", "backend": "aer"}


def reservation(**changes: Any) -> Reservation:
    fields = {
        **IDS, "user": "ann", "key": "k", "starts_at": THEN + MINUTE, "ends_at": THEN + 2 * MINUTE,
        "booked_at": THEN, "unit_price": Amount(amount="1"), "price": "p", "hold": Amount(amount="60"),
        "proof": Signature(key="k", signature="s"), **changes,
    }  # fmt: skip
    return Reservation.model_validate(fields)


def booked(**changes: Any) -> ReservationBooked:
    return ReservationBooked(source="qb/broker", data=reservation(**changes))


def returned(at: datetime) -> ReservationReturned:
    return ReservationReturned(
        source="qb/broker", data=ReturnedTime(**IDS, reason="given_back", by="ann", returned_at=at)
    )


def placed(job: str, tenant: str = "acme", *, project: str = "main", **changes: Any) -> JobPlaced:
    data = Placement(
        tenant=tenant, project=project, job=job, backend="aer", shots=1, circuit=DIGEST, seed=1, qpu_us=1, policy="p",
        snapshot=DIGEST, scores=(), submitted_at=THEN, accepted_at=THEN, **changes,
    )  # fmt: skip
    return JobPlaced(source="qb/scheduler", data=data)


def keeper(world: World) -> KeepSlots:
    return KeepSlots(world.state, world.log, world.clock, lambda: world.term is not None, world.place.wake)


def pass_to(world: World, moment: datetime) -> None:
    """Let time pass, second by second, with a round in each."""
    keep = keeper(world)
    while world.clock.now() < moment:
        world.clock.advance(1)
        asyncio.run(keep.round())
        world.fold()


def the_end(world: World) -> ReservationEnd:
    (end,) = world.log.events(ReservationEnded)
    return end.data


def seconds(end: ReservationEnd) -> tuple[int, int, int]:
    return end.used_s, end.idle_s, end.unavailable_s


def test_a_slot_starts_and_ends_once_and_its_idle_time_is_said(world: World) -> None:
    world.happens(registered("aer"), booked())
    pass_to(world, THEN + 3 * MINUTE)
    (start,) = world.log.events(ReservationStarted)
    assert start.data.started_at == THEN + MINUTE
    assert (the_end(world).reason, the_end(world).ended_at) == ("over", THEN + 2 * MINUTE)
    assert seconds(the_end(world)) == (0, 60, 0)
    assert the_end(world).hold == Amount(amount="60")


def test_of_two_schedulers_only_one_says_it(world: World) -> None:
    world.happens(booked())
    world.clock.advance(60)
    for _ in range(2):  # the second has not seen what the first appended
        asyncio.run(keeper(world).round())
    assert len(world.log.events(ReservationStarted)) == 1
    world.fold()
    world.clock.advance(60)
    world.term = None
    asyncio.run(keeper(world).round())
    assert world.log.events(ReservationEnded) == []


def test_the_time_of_jobs_of_the_holder_is_used_and_that_of_others_is_not_charged(world: World) -> None:
    world.happens(registered("aer"), booked(), placed("late", "other"), started("late", "other"))
    pass_to(world, THEN + MINUTE)
    world.clock.advance(5)
    world.happens(completed("late", "other"), placed("own"), started("own"))
    world.clock.advance(20)
    world.happens(completed("own"), placed("long"))
    world.clock.advance(10)
    world.happens(started("long"))
    pass_to(world, THEN + 3 * MINUTE)
    assert seconds(the_end(world)) == (45, 10, 5)


def test_the_holders_own_job_that_began_before_is_used_time(world: World) -> None:
    world.happens(registered("aer"), booked(), placed("own"), started("own"))
    pass_to(world, THEN + MINUTE)
    world.clock.advance(30)
    world.happens(completed("own"))
    pass_to(world, THEN + 3 * MINUTE)
    assert seconds(the_end(world)) == (30, 30, 0)


def test_time_out_of_service_is_not_charged_also_while_a_job_hangs_there(world: World) -> None:
    world.happens(registered("aer"), booked(), placed("own"))
    pass_to(world, THEN + MINUTE)
    world.happens(started("own"))
    world.clock.advance(10)
    away = Interruption(backend="aer", since=world.clock.now(), reason=Reason(code="no_answer", text="t"))
    world.happens(BackendInterrupted(source="qb/scheduler", data=away))
    world.clock.advance(20)
    back = Restoration(backend="aer", interrupted_since=away.since, answers_since=world.clock.now())
    world.happens(BackendRestored(source="qb/scheduler", data=back))
    pass_to(world, THEN + 3 * MINUTE)
    assert seconds(the_end(world)) == (40, 0, 20)


def test_a_backend_that_does_not_come_back_is_not_charged(world: World) -> None:
    since = Interruption(backend="aer", since=THEN + 1.5 * MINUTE, reason=Reason(code="no_answer", text="t"))
    world.happens(registered("aer"), booked())
    pass_to(world, THEN + 1.5 * MINUTE)
    world.happens(BackendInterrupted(source="qb/scheduler", data=since))
    pass_to(world, THEN + 3 * MINUTE)
    assert seconds(the_end(world)) == (0, 30, 30)


def elected(vacant_since: datetime) -> LeaderElected:
    leader = Leader(service="scheduler", term=2, process="p", vacant_since=vacant_since)
    return LeaderElected(source="qb/scheduler", data=leader)


def test_time_without_a_leader_is_not_charged_as_idle_and_a_job_that_ran_meanwhile_is(world: World) -> None:
    world.happens(registered("aer"), booked(), placed("own"))
    pass_to(world, THEN + MINUTE)
    world.clock.advance(10)
    gone = world.clock.now()
    world.clock.advance(6)
    world.happens(elected(gone))
    pass_to(world, THEN + MINUTE + timedelta(seconds=20))
    world.happens(started("own"))
    world.clock.advance(5)
    gone = world.clock.now()
    world.clock.advance(5)
    world.happens(elected(gone))
    world.clock.advance(10)
    world.happens(completed("own"))
    pass_to(world, THEN + 3 * MINUTE)
    assert seconds(the_end(world)) == (20, 34, 6)


def test_a_job_of_a_user_that_the_slot_is_not_for_is_not_used_time(world: World) -> None:
    """It began before the slot, and ran longer than expected."""
    for name, user in (("ours", "ann"), ("theirs", "bob")):
        event = accepted(name)
        data = event.data.model_copy(update={"user": user})
        world.happens(event.model_copy(update={"data": data}))
    world.happens(registered("aer", slots=2), booked(users=("ann",)))
    world.happens(placed("theirs"), started("theirs"))
    pass_to(world, THEN + MINUTE)
    world.clock.advance(10)
    world.happens(completed("theirs"), placed("ours"), started("ours"))
    world.clock.advance(10)
    world.happens(completed("ours"))
    pass_to(world, THEN + 3 * MINUTE)
    assert seconds(the_end(world)) == (10, 40, 10)


def test_a_slot_without_a_scheduler_is_not_charged(world: World) -> None:
    world.happens(registered("aer"), booked())
    world.clock.advance(121)
    pass_to(world, world.later(1))
    assert world.log.events(ReservationStarted) == []
    assert seconds(the_end(world)) == (0, 0, 60)


def test_a_slot_that_starts_late_is_charged_from_then_on(world: World) -> None:
    world.happens(registered("aer"), booked())
    world.clock.advance(89)
    pass_to(world, THEN + 3 * MINUTE)
    assert seconds(the_end(world)) == (0, 30, 30)


def test_the_rest_that_is_given_back_is_not_charged(world: World) -> None:
    world.happens(registered("aer"), booked())
    pass_to(world, THEN + 1.5 * MINUTE)
    world.happens(returned(world.clock.now() + timedelta(milliseconds=300)))
    assert world.state.calendar.windows("aer") == (), "other jobs may be placed at once"
    pass_to(world, THEN + 3 * MINUTE)
    assert (the_end(world).reason, the_end(world).ended_at) == ("given_back", THEN + 1.5 * MINUTE)
    assert seconds(the_end(world)) == (0, 30, 0)


def test_a_job_that_has_the_price_of_the_slot_is_charged_after_the_rest_is_given_back(world: World) -> None:
    world.happens(registered("aer"), booked())
    pass_to(world, THEN + MINUTE)
    world.happens(placed("own", reservation="r1"))
    pass_to(world, THEN + MINUTE + timedelta(seconds=1))
    world.happens(returned(world.clock.now()), started("own"))
    pass_to(world, THEN + 1.5 * MINUTE)
    assert world.log.events(ReservationEnded) == [], "its time is not known yet"
    world.happens(completed("own"), placed("next"), started("next"))
    pass_to(world, THEN + 3 * MINUTE)
    assert (the_end(world).reason, the_end(world).ended_at) == ("given_back", THEN + 1.5 * MINUTE)
    assert seconds(the_end(world)) == (29, 1, 0)


def test_a_job_that_outlives_a_slot_that_was_given_back_costs_the_whole_slot_at_most(world: World) -> None:
    world.happens(registered("aer"), booked())
    pass_to(world, THEN + MINUTE)
    world.happens(placed("own", reservation="r1"), started("own"), returned(world.clock.now()))
    pass_to(world, THEN + 3 * MINUTE)
    assert the_end(world).ended_at == THEN + 2 * MINUTE
    assert seconds(the_end(world)) == (60, 0, 0)


def test_a_slot_without_a_job_ends_when_its_holder_said(world: World) -> None:
    world.happens(registered("aer"), booked(ends_at=THEN + 9 * MINUTE, max_idle_s=60), placed("own"))
    pass_to(world, THEN + 1.5 * MINUTE)
    world.happens(started("own"))
    pass_to(world, THEN + 4 * MINUTE)
    assert world.log.events(ReservationEnded) == []
    world.happens(completed("own"))
    pass_to(world, THEN + 9 * MINUTE)
    assert (the_end(world).reason, the_end(world).ended_at) == ("idle", THEN + 5 * MINUTE)
    assert seconds(the_end(world)) == (150, 90, 0)


def test_a_cancelled_reservation_has_no_slot(world: World) -> None:
    world.happens(registered("aer"), booked())
    withdrawn = Withdrawal(**IDS, reason="asked", by="ann", cancelled_at=THEN)
    world.happens(ReservationCancelled(source="qb/broker", data=withdrawn))
    assert world.state.calendar.windows("aer") == ()
    pass_to(world, THEN + 3 * MINUTE)
    assert world.log.events(ReservationStarted) == []


def test_a_cancellation_that_the_view_has_not_shown_excludes_the_start(world: World) -> None:
    world.happens(registered("aer"), booked())
    world.clock.advance(60)
    data = Withdrawal(**IDS, reason="asked", by="ann", cancelled_at=THEN)
    asyncio.run(world.log.append(ReservationCancelled(source="qb/broker", data=data)))
    asyncio.run(keeper(world).round())
    assert world.log.events(ReservationStarted) == []


def test_a_clock_that_jumps_back_opens_no_slot_that_has_started(world: World) -> None:
    world.happens(registered("aer"), booked())
    pass_to(world, THEN + MINUTE)
    world.clock.advance(-50)
    (window,) = world.state.calendar.windows("aer", micros(world.clock.now()))
    assert window.contains(micros(world.clock.now()))
    after = micros(THEN + 5 * MINUTE)
    (window,) = world.state.calendar.windows("aer", after)
    assert window.contains(after), "until its end is stored"


def test_a_placement_that_is_not_started_in_time_waits_again(world: World) -> None:
    late = placed("j1", start_by=THEN + timedelta(seconds=10))
    world.happens(registered("aer"), world.accepted("j1"), late)
    pass_to(world, THEN + timedelta(seconds=11))
    assert (world.state.waiting, world.state.outstanding) == (0, 1), "its executor may have begun it just in time"
    pass_to(world, THEN + timedelta(seconds=13))
    assert (world.state.waiting, world.state.outstanding) == (1, 0)
    world.happens(started("j1"))
    assert (world.state.waiting, world.state.outstanding) == (0, 1)
    pass_to(world, THEN + timedelta(seconds=20))
    assert world.state.outstanding == 1


def test_a_restart_from_a_snapshot_counts_the_same(world: World) -> None:
    window = PlannedWindow(
        backend="aer", window="w1", kind="maintenance", starts_at=THEN + 5 * MINUTE, ends_at=THEN + 6 * MINUTE
    )
    world.happens(registered("aer"), booked(), BackendWindowPlanned(source="t", data=window), placed("own"))
    pass_to(world, THEN + MINUTE)
    world.happens(started("own"))
    world.clock.advance(10)
    encode = world.state.calendar.freeze()
    world.happens(completed("own"))
    other = Calendar()
    other.thaw(encode())()
    assert other.windows("aer") == world.state.calendar.windows("aer")
    last = world.log.stored[-1]
    other.take(last.event, last.sequence, world.clock.now())
    assert other.slots() == world.state.calendar.slots()


_EVEN = st.integers(0, 60).map(lambda it: 2 * it)
_SPANS = st.lists(st.tuples(_EVEN, _EVEN), max_size=6)
"""With gaps above a second: a shorter one counts as used."""


@given(_SPANS, _SPANS, _SPANS, st.integers(0, 70))
def test_each_second_of_a_slot_is_used_idle_or_unavailable(
    used: list[tuple[int, int]], foreign: list[tuple[int, int]], blocked: list[tuple[int, int]], late: int
) -> None:
    base = micros(THEN)
    slot = Slot(reservation(), 1, started_us=micros(THEN + MINUTE) + late * 1_000_000)
    for spans, given_ in ((slot.used, used), (slot.foreign, foreign), (slot.blocked, blocked)):
        for begin, length in sorted(given_, key=sum):
            add(spans, (base + begin * 1_000_000, base + (begin + length) * 1_000_000))
    end = due(slot, micros(THEN + 2 * MINUTE), busy=False)
    assert isinstance(end, ReservationEnd)
    taken = [
        {at for at in range(60, 120) if any(a <= base + at * 1_000_000 < b for a, b in spans)}
        for spans in (slot.used, slot.foreign, slot.blocked)
    ]
    away = taken[2] | set(range(60, min(120, 60 + late)))
    own = taken[0] - away
    assert seconds(end) == (len(own), 60 - len(own | away | taken[1]), len(away | (taken[1] - own)))


@given(_SPANS, _SPANS)
def test_periods_without_others_are_what_is_left(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    first: list[tuple[int, int]] = []
    second: list[tuple[int, int]] = []
    for spans, given_ in ((first, one), (second, two)):
        for begin, length in sorted(given_, key=sum):
            add(spans, (begin * 1_000_000, (begin + length) * 1_000_000))
    left = without(first, second)
    inside = {at for at in range(240) if any(a <= at * 1_000_000 < b for a, b in first)}
    outside = {at for at in range(240) if any(a <= at * 1_000_000 < b for a, b in second)}
    assert total(left) == 1_000_000 * len(inside - outside)


@pytest.mark.parametrize("clock", [FixedClock(THEN)])
def test_nothing_is_due_before_the_start(clock: FixedClock) -> None:
    assert due(Slot(reservation(), 1), micros(clock.now()), busy=False) is None


def test_what_happens_to_unknown_reservations_changes_nothing(world: World) -> None:
    event: AnyEvent = returned(THEN)
    world.happens(event)
    assert world.state.calendar.slots() == []
