"""A job that names a reservation: it runs in that slot, or it is refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from queuebit_broker.policy import Admit, Refuse, admit, to_profile
from queuebit_broker.reservations import KnownReservation
from queuebit_broker.slot_rules import needed
from queuebit_broker.snapshot import Snapshot
from queuebit_contracts.admission import Signature
from queuebit_contracts.job import JobAccepted
from queuebit_contracts.limits import JobLimits
from queuebit_contracts.reservation import Reservation, ReturnedTime, Withdrawal
from queuebit_contracts.wire import Amount

from .broker_office import Ask, Office
from .test_broker_reservations import HOUR, NOW, booked, cancelling, rich

__all__ = ["rich"]

IDS: dict[str, Any] = {"tenant": "acme", "reservation": "r1", "project": "main", "backend": "torino"}


def slot(*, length: timedelta = HOUR, users: tuple[str, ...] | None = None, **facts: Any) -> KnownReservation:
    """An hour of torino for the project `main`, an hour from now."""
    reservation = Reservation(
        **IDS, user="ann", key="k", starts_at=NOW + HOUR, ends_at=NOW + HOUR + length, users=users, booked_at=NOW,
        unit_price=Amount(amount="0"), price="p", proof=Signature(key="k", signature="s"),
    )  # fmt: skip
    return KnownReservation(reservation, 1, **facts)


CANCELLED = Withdrawal(**IDS, reason="window", cancelled_at=NOW)
RETURNED = ReturnedTime(**IDS, reason="given_back", by="ann", returned_at=NOW)


@pytest.mark.parametrize(
    ("known", "changes", "expected", "text"),
    [
        pytest.param(None, {}, ["unknown_reservation"], "qb reserve list", id="none of that name"),
        pytest.param(slot(cancelled=CANCELLED), {}, ["reservation_over"], "is cancelled", id="it was cancelled"),
        pytest.param(slot(returned=RETURNED), {}, ["reservation_over"], "is given back", id="it was given back"),
        pytest.param(slot(length=-HOUR), {}, ["reservation_over"], "was over at", id="its time is over"),
        pytest.param(slot(), {"project": "sim"}, ["backend_not_allowed", "foreign_reservation"], "of project main",
                     id="it is of another project"),
        pytest.param(slot(users=("bob",)), {}, ["foreign_reservation"], "is for bob", id="it is for other users"),
        pytest.param(slot(), {"backend": "aer"}, ["reservation_backend"], "is on torino", id="another backend"),
        pytest.param(slot(), {"session": "s1"}, ["unknown_session", "session_or_reservation"], "in one of them",
                     id="it names a session, too"),
        pytest.param(slot(length=timedelta(seconds=3)), {}, ["slot_too_short"], "takes up to 3.5 s with its margin",
                     id="it does not fit"),
    ],
)  # fmt: skip
def test_what_cannot_run_in_the_slot_is_refused_with_the_reason(
    ask: Ask,
    snapshot: Snapshot,
    known: KnownReservation | None,
    changes: dict[str, Any],
    expected: list[str],
    text: str,
) -> None:
    decision = admit(ask(reservation="r1", **changes), replace(snapshot, slot=known))
    assert isinstance(decision, Refuse)
    assert [it.code for it in decision.reasons] == expected
    assert text in decision.reasons[-1].text


def test_a_job_without_a_backend_runs_on_that_of_the_slot_and_has_its_end_as_deadline(
    ask: Ask, snapshot: Snapshot
) -> None:
    world, request = replace(snapshot, slot=slot()), ask(reservation="r1")
    decision = admit(request, world)
    assert isinstance(decision, Admit)
    assert [it.backend for it in decision.candidates] == ["torino"]
    assert decision.limits == JobLimits(deadline=NOW + 2 * HOUR)
    _, stacks = to_profile(request, None, world.slot, world.directory, world.backends, world.max_source_bytes)
    assert [it for names in stacks.values() for it in names] == ["torino"]
    sooner = ask(reservation="r1", limits={"deadline": (NOW + 1.5 * HOUR).isoformat()})
    early = admit(sooner, world)
    assert isinstance(early, Admit)
    assert early.limits == JobLimits(deadline=NOW + 1.5 * HOUR)


def test_in_a_slot_that_has_begun_the_time_that_is_left_counts(ask: Ask, snapshot: Snapshot) -> None:
    late = replace(snapshot, slot=slot(), now=NOW + 2 * HOUR - needed(2_000_000))
    assert isinstance(admit(ask(reservation="r1"), late), Admit)
    later = replace(late, now=late.now + timedelta(milliseconds=1))
    assert isinstance(admit(ask(reservation="r1"), later), Refuse)


async def test_the_acceptance_names_the_slot_and_a_cancelled_one_takes_no_job(rich: Office) -> None:
    name = (await booked(rich)).reservation
    await rich.catch_up()
    await rich.deliver(await rich.submit(key="k1", reservation=name))
    (accepted,) = rich.log.events(JobAccepted)
    assert (accepted.data.reservation, accepted.data.fallback) == (name, None)
    assert accepted.data.limits == JobLimits(deadline=NOW + 2 * HOUR)
    rich.restart()
    await rich.reservations.cancel("acme", cancelling(name))
    await rich.deliver(await rich.submit(key="k2", reservation=name))
    assert len(rich.log.events(JobAccepted)) == 1
