"""Reservations: booked once with their hold and their slot, refused with the next free slot, and cancelled once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_broker.answers import Answers
from queuebit_broker.eligibility import Tariff
from queuebit_broker.profiles import Profiles
from queuebit_broker.reservation_rules import nearest_free
from queuebit_broker.reservations import Calendars, Taken
from queuebit_broker.state import World
from queuebit_contracts.account import AccountHeld, AccountReleased
from queuebit_contracts.backend import BackendCalibrated
from queuebit_contracts.calendar import (
    BackendFreed,
    BackendReserved,
    BackendWindowCancelled,
    BackendWindowPlanned,
    PlannedWindow,
    WindowsRequest,
)
from queuebit_contracts.directory import Directory
from queuebit_contracts.query import Question
from queuebit_contracts.reservation import (
    BookReservation,
    CancelReservation,
    Reservation,
    ReservationAnswer,
    ReservationBooked,
    ReservationCancelled,
    ReservationEnd,
    ReservationEnded,
    ReservationReturned,
    ReservationStart,
    ReservationStarted,
    request_of,
    reservation_id,
    signed_part,
)
from queuebit_contracts.tenants import Quota
from queuebit_contracts.wire import Payload
from queuebit_kernel import FixedClock, digest, rfc3339
from queuebit_pricing import parse
from queuebit_runtime.keys import public_key, sign_bytes
from queuebit_runtime.log import Guarded

from .broker_office import BELL, BOOK, SEEDS, Follower, Office

NOW = FixedClock().now()
HOUR = timedelta(hours=1)


@pytest.fixture
async def rich(office: Office, book_text: str) -> Office:
    """An office in which an hour of torino costs 3.60, aer is free to reserve, and cirq cannot be reserved."""
    book = book_text.replace('per_session_idle_second = "0.001"', 'per_reserved_second = "0.001"')
    office.tariff = Tariff(parse(book.replace('per_task = "0.01"', 'per_task = "0.01"\nper_reserved_second = "0"')))
    office.admit = office.another_broker(office.world, office.follower)
    await office.open()
    return office


def booking(*, by: str = "ann", at: timedelta = HOUR, length: timedelta = HOUR, **changes: Any) -> BookReservation:
    """A good request for an hour of torino, but for the changes."""
    key, tenant = changes.pop("key", "r1"), changes.pop("tenant", "acme")
    fields = {
        "tenant": tenant,
        "project": "main",
        "reservation": reservation_id(tenant, key),
        "key": key,
        "backend": "torino",
        "starts_at": NOW + at,
        "ends_at": NOW + at + length,
        **changes,
    }
    return BookReservation.model_validate(_proven(BookReservation, fields, by))


def cancelling(reservation: str, *, by: str = "ann", tenant: str = "acme") -> CancelReservation:
    fields = {"tenant": tenant, "reservation": reservation}
    return CancelReservation.model_validate(_proven(CancelReservation, fields, by))


def _proven(model: type[BookReservation | CancelReservation], fields: dict[str, Any], by: str) -> dict[str, Any]:
    unsigned = model.model_validate({**fields, "proof": {"key": "", "signature": ""}})
    proof = {"key": public_key(SEEDS[by]), "signature": sign_bytes(SEEDS[by], signed_part(unsigned))}
    return {**fields, "proof": proof}


async def booked(office: Office, **changes: Any) -> Reservation:
    answer = await office.reservations.book("acme", booking(**changes))
    assert answer.reservation is not None, answer.errors
    return answer.reservation


def codes(answer: ReservationAnswer) -> list[str]:
    return [it.code for it in answer.errors]


def free(office: Office) -> Decimal:
    amount: Decimal = office.world.account("acme", "main").available("USD").amount
    return amount


async def start(office: Office, it: Reservation) -> None:
    """The scheduler starts a slot."""
    data = ReservationStart(**_ids(it), starts_at=it.starts_at, started_at=office.clock.now())
    await office.log.append(ReservationStarted(source="t", data=data))
    await office.catch_up()


async def end(office: Office, it: Reservation) -> None:
    data = ReservationEnd(
        **_ids(it), reason="given_back", starts_at=it.starts_at, ended_at=office.clock.now(), used_s=0, idle_s=1,
        unavailable_s=0, unit_price=it.unit_price, price=it.price, hold=it.hold,
    )  # fmt: skip
    await office.log.append(ReservationEnded(source="t", data=data))
    await office.catch_up()


def _ids(it: Reservation) -> dict[str, Any]:
    return {"tenant": it.tenant, "reservation": it.reservation, "project": it.project, "backend": it.backend}


async def test_booking_holds_the_price_of_the_slot_in_the_same_batch(rich: Office) -> None:
    it = await booked(rich, users=("ann", "bob"))
    assert rich.names() == ["held", "booked", "reserved"]
    (held,), (slot,) = rich.log.events(AccountHeld), rich.log.events(BackendReserved)
    assert (held.data.job, held.data.purpose, held.data.amount.money.text()) == (it.reservation, "reservation", "3.60")
    assert (slot.data.starts_at, slot.data.ends_at) == (NOW + HOUR, NOW + 2 * HOUR)
    assert free(rich) == Decimal("6.40")
    assert signed_part(request_of(it)) == signed_part(booking(users=("ann", "bob")))
    assert (it.tenant, it.project, it.users) == ("acme", "main", ("ann", "bob"))


async def test_the_same_request_again_has_the_same_answer(rich: Office) -> None:
    first = await booked(rich)
    assert await booked(rich) == first
    other = await rich.reservations.book("acme", booking(at=3 * HOUR))
    assert codes(other) == ["reservation_key_used"]
    rich.restart()
    await rich.catch_up()
    assert await booked(rich) == first
    assert rich.names() == ["held", "booked", "reserved"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"at": -HOUR}, ["slot_past"], id="in the past"),
        pytest.param({"length": timedelta(days=2)}, ["bad_slot"], id="too long"),
        pytest.param({"length": timedelta(seconds=59)}, ["bad_slot"], id="too short"),
        pytest.param({"length": -HOUR}, ["bad_slot"], id="ends before it begins"),
        pytest.param({"at": timedelta(milliseconds=3_600_001)}, ["bad_slot"], id="no whole seconds"),
        pytest.param({"at": timedelta(days=91)}, ["slot_too_far"], id="too far ahead"),
        pytest.param({"length": 3 * HOUR}, ["budget_exceeded"], id="more than the account has"),
        pytest.param({"backend": "moon"}, ["unknown_backend"], id="no backend"),
        pytest.param({"backend": "cirq"}, ["not_reservable"], id="no price for it"),
        pytest.param({"project": "sim"}, ["backend_not_allowed"], id="a backend not allowed"),
        pytest.param({"project": "euro"}, ["currency_mismatch"], id="another currency"),
        pytest.param({"users": ("zoe",)}, ["unknown_user"], id="no user"),
        pytest.param({"users": ()}, ["unknown_user"], id="for none"),
        pytest.param({"by": "vic"}, ["role_forbids"], id="a viewer"),
        pytest.param({"by": "eve"}, ["bad_proof"], id="a stranger"),
        pytest.param({"tenant": "other"}, ["bad_proof"], id="another tenant's id"),
    ],
)
async def test_a_slot_is_refused_with_a_reason_and_holds_nothing(
    rich: Office, changes: dict[str, Any], expected: list[str]
) -> None:
    answer = await rich.reservations.book("acme", booking(**changes))
    assert codes(answer)[: len(expected)] == expected
    assert rich.names() == []


async def test_a_slot_that_is_taken_is_refused_with_the_next_free_one(rich: Office) -> None:
    await booked(rich, backend="aer", length=2 * HOUR)
    await plan(rich, window("w1", 4, 5, backend="aer"))
    answer = await rich.reservations.book("acme", booking(key="r2", backend="aer", at=2 * HOUR, length=2 * HOUR))
    assert (codes(answer), answer.free_from) == (["slot_taken"], NOW + 5 * HOUR)
    answer = await rich.reservations.book("acme", booking(key="r2", backend="aer", at=3 * HOUR, length=HOUR))
    assert answer.reservation is not None, "it begins when the one before ends, and ends when the window begins"
    answer = await rich.reservations.book("acme", booking(key="r3", backend="aer", at=4.5 * HOUR))
    assert (codes(answer), answer.free_from) == (["slot_in_window"], NOW + 5 * HOUR)


async def test_a_tenant_has_a_quota(rich: Office) -> None:
    for day in range(7):
        await booked(rich, key=f"d{day}", backend="aer", at=timedelta(days=2 * day + 1), length=timedelta(days=1))
    answer = await rich.reservations.book("acme", booking(key="more", backend="aer", at=timedelta(days=40)))
    assert codes(answer) == ["reserved_too_much"]
    for number in range(13):
        await booked(rich, key=f"t{number}", at=number * HOUR, length=timedelta(minutes=1))
    assert codes(await rich.reservations.book("acme", booking(key="more", at=timedelta(days=40)))) == [
        "too_many_reservations"
    ]


def limited(office: Office, **quotas: Quota) -> None:
    """Give the tenant these quotas; `project__main` stands for `project:main`."""
    document = office.world.directory.document()
    acme = document.tenant["acme"].model_copy(update={"quota": {it.replace("__", ":"): q for it, q in quotas.items()}})
    office.world.directory = Directory(document.model_copy(update={"tenant": {**document.tenant, "acme": acme}}))


async def test_quotas_of_the_tenant_replace_its_limits(rich: Office) -> None:
    limited(rich, tenant=Quota(reservations=21, reserved_seconds=8 * 86_400))
    for day in range(8):
        await booked(rich, key=f"d{day}", backend="aer", at=timedelta(days=2 * day + 1), length=timedelta(days=1))
    answer = await rich.reservations.book("acme", booking(key="more", backend="aer", at=timedelta(days=40)))
    assert codes(answer) == ["reserved_too_much"]
    assert "allows 691,200 s of reservations that are not over, 691,200 s are booked" in answer.errors[0].text


async def test_a_project_and_a_user_have_quotas_of_their_own(rich: Office) -> None:
    limited(rich, project__main=Quota(reservations=1), user__ann=Quota(reserved_seconds=3_600))
    await booked(rich, key="k1")
    answer = await rich.reservations.book("acme", booking(key="k2", at=3 * HOUR))
    assert codes(answer) == ["too_many_reservations", "reserved_too_much"]
    limited(rich, project__main=Quota(reservations=0))
    assert codes(await rich.reservations.book("acme", booking(key="k3", by="bob", at=5 * HOUR))) == [
        "too_many_reservations"
    ]
    answers = Answers(rich.world, Profiles(rich.executors, rich.world), rich.tariff, rich.clock, 1000)
    (row,) = (await answers.quotas("acme", Question())).rows
    assert (row["reservations_used"], row["reservations_left"], row["reserved_seconds_used"]) == (1, 0, 3_600)


async def test_of_two_brokers_that_book_overlapping_slots_at_once_one_is_refused(rich: Office) -> None:
    first = rich.reservations
    world = World()
    world.directory = rich.world.directory
    behind = Follower(rich.log, world)
    rich.another_broker(world, behind)
    second = rich.reservations
    answers = await asyncio.gather(
        first.book("acme", booking(key="a", backend="aer")),
        second.book("acme", booking(key="b", backend="aer", at=1.5 * HOUR)),
    )
    assert sorted(map(codes, answers)) == [[], ["slot_taken"]]
    assert len(rich.log.events(ReservationBooked)) == len(rich.log.events(BackendReserved)) == 1


@pytest.mark.parametrize("what", ["slot", "window"])
async def test_a_slot_that_another_broker_stored_after_the_decision_is_not_overlapped(rich: Office, what: str) -> None:
    first, windows = rich.reservations, rich.windows
    world = World()
    world.directory = rich.world.directory
    rich.another_broker(world, Follower(rich.log, world))
    second, append = rich.reservations, rich.log.append_all

    async def interrupted(facts: Sequence[Guarded]) -> int:
        rich.log.append_all = append  # type: ignore[method-assign]
        assert codes(await second.book("acme", booking(key="b", backend="aer", at=1.5 * HOUR))) == []
        return await append(facts)

    rich.log.append_all = interrupted  # type: ignore[method-assign]
    if what == "slot":
        assert codes(await first.book("acme", booking(key="a", backend="aer"))) == ["slot_taken"]
    else:
        answer = await windows(WindowsRequest(backend="aer", planned=(window("w1", 1, 2, backend="aer"),)))
        assert [it.code for it in answer.errors] == ["window_over_reservation"]
    assert len(rich.log.events(ReservationBooked)) == len(rich.log.events(BackendReserved)) == 1
    assert rich.log.events(BackendWindowPlanned) == []


async def test_a_calibration_at_the_same_moment_only_makes_it_decide_again(rich: Office) -> None:
    append = rich.log.append_all
    calibration = rich.log.events(BackendCalibrated)[0]

    async def interrupted(facts: Sequence[Guarded]) -> int:
        rich.log.append_all = append  # type: ignore[method-assign]
        again = calibration.model_copy(update={"id": "again"})
        await rich.log.append(again)
        return await append(facts)

    rich.log.append_all = interrupted  # type: ignore[method-assign]
    await booked(rich)
    assert rich.names() == ["held", "booked", "reserved"]


async def test_a_dry_run_says_what_would_be_held_and_books_nothing(rich: Office) -> None:
    it = await booked(rich, dry_run=True)
    assert it.hold is not None
    assert it.hold.money.text() == "3.60"
    assert rich.names() == []


async def test_cancelling_before_the_start_gives_all_back_and_frees_the_slot(rich: Office) -> None:
    it = await booked(rich)
    assert codes(await rich.reservations.cancel("acme", cancelling(it.reservation, by="bob"))) == ["role_forbids"]
    answer = await rich.reservations.cancel("acme", cancelling(it.reservation))
    assert answer.cancelled is not None
    assert (answer.cancelled.reason, answer.cancelled.by) == ("asked", "ann")
    assert rich.names() == ["held", "booked", "reserved", "cancelled", "freed", "released"]
    await rich.catch_up()
    assert free(rich) == 10
    again = await rich.reservations.cancel("acme", cancelling(it.reservation))
    assert again == answer
    await booked(rich, key="r2")


async def test_an_admin_may_cancel_and_another_tenant_may_not(rich: Office) -> None:
    it = await booked(rich)
    answer = await rich.reservations.cancel("other", cancelling(it.reservation, tenant="other", by="eve"))
    assert codes(answer) == ["unknown_reservation"]
    answer = await rich.reservations.cancel("acme", cancelling("rnone"))
    assert codes(answer) == ["unknown_reservation"]
    assert (await rich.reservations.cancel("acme", cancelling(it.reservation, by="boss"))).cancelled is not None


async def test_cancelling_a_slot_that_has_begun_gives_the_rest_back(rich: Office) -> None:
    it = await booked(rich)
    rich.clock.advance(90 * 60)
    await start(rich, it)
    answer = await rich.reservations.cancel("acme", cancelling(it.reservation))
    assert answer.returned is not None
    assert (answer.returned.reason, answer.returned.returned_at) == ("given_back", NOW + 1.5 * HOUR)
    assert rich.names()[-2:] == ["returned", "freed"]
    assert free(rich) == Decimal("6.40"), "metering settles what was used"
    assert rich.log.events(AccountReleased) == []
    await booked(rich, key="r2", at=2 * HOUR, length=timedelta(minutes=10))
    await end(rich, it)
    assert (await rich.reservations.cancel("acme", cancelling(it.reservation))).ended is not None


async def test_a_start_at_the_same_moment_turns_a_cancellation_into_giving_back(rich: Office) -> None:
    it = await booked(rich)
    rich.clock.advance(3600)
    append = rich.log.append_all

    async def started(facts: Sequence[Guarded]) -> int:
        rich.log.append_all = append  # type: ignore[method-assign]
        await start(rich, it)
        return await append(facts)

    rich.log.append_all = started  # type: ignore[method-assign]
    answer = await rich.reservations.cancel("acme", cancelling(it.reservation))
    assert (answer.cancelled, answer.returned is not None) == (None, True)
    assert rich.log.events(ReservationCancelled) == []


async def test_an_end_at_the_same_moment_leaves_nothing_to_give_back(rich: Office) -> None:
    it = await booked(rich)
    rich.clock.advance(90 * 60)
    await start(rich, it)
    append = rich.log.append_all

    async def ended(facts: Sequence[Guarded]) -> int:
        rich.log.append_all = append  # type: ignore[method-assign]
        await end(rich, it)
        return await append(facts)

    rich.log.append_all = ended  # type: ignore[method-assign]
    answer = await rich.reservations.cancel("acme", cancelling(it.reservation))
    assert (answer.returned, answer.ended is not None) == (None, True)
    assert rich.log.events(ReservationReturned) == []


def window(name: str, start_h: float, end_h: float, *, backend: str = "torino") -> PlannedWindow:
    return PlannedWindow(
        backend=backend, window=name, kind="maintenance", starts_at=NOW + start_h * HOUR, ends_at=NOW + end_h * HOUR
    )


async def plan(office: Office, *windows: PlannedWindow, **changes: Any) -> list[str]:
    backend = changes.pop("backend", windows[0].backend if windows else "torino")
    answer = await office.windows(WindowsRequest(backend=backend, planned=windows, **changes))
    await office.catch_up()
    return [it.code for it in answer.errors]


async def test_a_window_over_a_reservation_is_refused_or_displaces_it(rich: Office) -> None:
    first = await booked(rich)
    second = await booked(rich, key="r2", at=3 * HOUR, length=timedelta(minutes=1))
    rich.clock.advance(3601)
    await start(rich, first)
    over = window("w1", 1.5, 4)
    assert await plan(rich, over) == ["window_over_reservation"]
    assert rich.log.events(BackendWindowPlanned) == []
    answer = await rich.windows(WindowsRequest(backend="torino", planned=(over,), displace=True))
    assert answer.displaced == (first.reservation, second.reservation)
    assert answer.windows == (over,)
    (returned,), (cancelled,) = rich.log.events(ReservationReturned), rich.log.events(ReservationCancelled)
    assert (returned.data.reason, returned.data.by) == ("window", None)
    assert (cancelled.data.reservation, cancelled.data.reason) == (second.reservation, "window")
    assert len(rich.log.events(BackendFreed)) == 2
    assert await plan(rich, over) == [], "the same window again is the same fact"
    assert len(rich.log.events(BackendWindowPlanned)) == 1


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        pytest.param([window("w1", -2, -1)], ["window_past"], id="in the past"),
        pytest.param([window("w1", 2, 1)], ["bad_window"], id="ends before it begins"),
        pytest.param([window("w1", 1, 2), window("w1", 3, 4)], ["bad_window"], id="one id twice"),
        pytest.param([window("w1", 1, 2, backend="moon")], ["unknown_backend"], id="no backend"),
        pytest.param([window("known", 1, 2)], ["window_exists"], id="another time"),
        pytest.param([window("w1", 1, 24 * 3_654)], ["window_too_far"], id="ends in more than ten years"),
        pytest.param([window("w1", 1, 2), window("w2", 25, 26)], [], id="two"),
    ],
)
async def test_windows_are_planned_or_refused_together(
    rich: Office, windows: list[PlannedWindow], expected: list[str]
) -> None:
    await plan(rich, window("known", 5, 6))
    assert await plan(rich, *windows) == expected
    assert len(rich.log.events(BackendWindowPlanned)) == 1 + (not expected) * len(windows)


def test_a_window_to_the_end_of_time_is_folded() -> None:
    forever = window("w1", 1, 2).model_copy(update={"ends_at": datetime(9999, 12, 31, 12, tzinfo=UTC)})
    calendars = Calendars()
    calendars.take(BackendWindowPlanned(source="t", time=NOW, data=forever), 1)
    assert [it.window for it in calendars.windows("torino", NOW)] == ["w1"]


async def test_the_calendar_says_which_rule_planned_a_window_and_who_cancelled_it(rich: Office) -> None:
    ruled = window("w1", 3, 4).model_copy(update={"by": "fleet", "rule": "every 24 h", "due_at": NOW})
    await plan(rich, ruled, window("w2", 5, 6))
    answers = Answers(rich.world, Profiles(rich.executors, rich.world), rich.tariff, rich.clock, 1000)
    rows = (await answers.windows("other", Question())).rows
    assert [(it["by"], it["rule"]) for it in rows] == [("fleet", "every 24 h"), ("operator", None)]
    await plan(rich, backend="torino", cancelled="w1", by="fleet")
    await plan(rich, backend="torino", cancelled="w2")
    assert [it.data.by for it in rich.log.events(BackendWindowCancelled)] == ["fleet", None]


async def test_a_window_is_cancelled_once(rich: Office) -> None:
    await plan(rich, window("w1", 1, 2))
    assert codes(await rich.reservations.book("acme", booking())) == ["slot_in_window"]
    assert await plan(rich, cancelled="w1") == []
    assert await plan(rich, cancelled="w1") == ["unknown_window"]
    await booked(rich)


async def test_the_calendar_names_no_holder_and_a_tenant_sees_its_own_reservations(rich: Office) -> None:
    it = await booked(rich)
    await plan(rich, window("w1", 3, 4))
    answers = Answers(rich.world, Profiles(rich.executors, rich.world), rich.tariff, rich.clock, 1000)
    rows = (await answers.windows("other", Question())).rows
    assert [(it["kind"], it["window"]) for it in rows] == [("reservation", None), ("maintenance", "w1")]
    assert it.reservation not in str(rows)
    assert (await answers.reservations("other", Question())).rows == ()
    (own,) = (await answers.reservations("acme", Question(reservation=it.reservation))).rows
    assert (own["state"], own["hold"]) == ("booked", "3.60")


async def test_a_plan_says_from_when_a_backend_is_free_of_windows_and_of_slots_of_others(rich: Office) -> None:
    await booked(rich, at=timedelta(seconds=1), backend="aer")
    await plan(rich, window("w1", -1, 1, backend="torino"), window("w2", 1, 2, backend="torino"))
    profiles = Profiles(rich.executors, rich.world)
    answers = Answers(rich.world, profiles, rich.tariff, rich.clock, 1000)
    rich.executors.qpu_us["aer"] = 5_000_000
    source = Payload(digest=digest(BELL.encode()), size=len(BELL), media_type="text/x-openqasm", inline=BELL)

    async def free_from(project: str | None) -> dict[str, object]:
        rows = (await answers.plan("acme", Question(circuit=source, shots=10, project=project))).rows
        return {str(row["backend"]): row["free_from"] for row in rows if row["fits"]}

    assert await free_from("main") == {"aer": None, "cirq": None, "torino": rfc3339(NOW + 2 * HOUR)}
    assert (await free_from("sim"))["aer"] == rfc3339(NOW + HOUR + timedelta(seconds=1))


async def test_a_snapshot_has_the_calendar(rich: Office) -> None:
    it = await booked(rich)
    await plan(rich, window("w1", 3, 4))
    encode = rich.world.freeze()
    assert encode is not None
    other = World()
    other.thaw(encode())()
    known = other.calendars.find("acme", it.reservation)
    assert known is not None
    assert known.reservation == it
    assert other.calendars.newest("torino") == rich.world.calendars.newest("torino")
    assert other.calendars.taken("torino", NOW) == rich.world.calendars.taken("torino", NOW)


_SLOTS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5)), max_size=12)


@given(_SLOTS, st.integers(0, 50), st.integers(1, 10))
def test_the_nearest_free_slot_is_free_and_the_first(slots: list[tuple[int, int]], start: int, length: int) -> None:
    def at(minute: int) -> datetime:
        return NOW + timedelta(minutes=minute)

    taken = sorted((Taken(at(it), at(it + of), "x", "x") for it, of in slots), key=lambda it: it.starts_at)
    found = nearest_free(taken, at(start), timedelta(minutes=length))
    minute = round((found - NOW).total_seconds() / 60)
    first = next(it for it in range(start, 200) if not any(known.overlaps(at(it), at(it + length)) for known in taken))
    assert minute == first


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5), st.sampled_from(["first", "second"])), max_size=12))
def test_no_two_booked_slots_overlap_whatever_brokers_are_asked(asked: list[tuple[int, int, str]]) -> None:
    async def ask() -> Office:
        office = Office()
        office.tariff = Tariff(parse(BOOK.replace('per_task = "0.01"', 'per_task = "0.01"\nper_reserved_second = "0"')))
        office.admit = office.another_broker(office.world, office.follower)
        await office.open()
        world = World()
        world.directory = office.world.directory
        brokers = {"first": office.reservations}
        office.another_broker(world, Follower(office.log, world))
        brokers["second"] = office.reservations
        for number, (begin, length, who) in enumerate(asked):
            request = booking(
                key=f"k{number}", backend="aer", at=timedelta(minutes=begin + 1), length=timedelta(minutes=length)
            )
            await brokers[who].book("acme", request)
        return office

    office = asyncio.run(ask())
    assert bool(asked) is bool(office.log.events(ReservationBooked))
    slots = sorted((it.data.starts_at, it.data.ends_at) for it in office.log.events(ReservationBooked))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(slots))
