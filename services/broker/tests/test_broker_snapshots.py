"""A snapshot of the broker's world and the rest of the log are the whole log; a hold ahead of the view delays it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg

from queuebit_broker import session_events
from queuebit_broker.adapters import folding
from queuebit_broker.state import World
from queuebit_contracts.account import AccountHeld, Hold
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.directory import changes
from queuebit_contracts.job import Signature
from queuebit_contracts.session import Session, budget_of
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Amount
from queuebit_kernel import Malformed, Money
from queuebit_runtime.intake import Undecided
from queuebit_runtime.view import Raw
from queuebit_testing.build import funded, held, released
from queuebit_testing.contents import contents

from .broker_office import TENANTS, registrations

BUDGETED = AccountHeld(
    source="t",
    data=Hold(
        tenant="acme",
        account="main",
        job="j1",
        amount=Amount(amount="0.30"),
        budgets=("tenant", "user:ann"),
    ),
)
SESSION = Session(
    tenant="acme",
    project="main",
    session="s1",
    user="ann",
    key="k",
    cap=Amount(amount="0.50"),
    max_idle_s=60,
    max_age_s=600,
    opened_at=datetime(2026, 1, 1, tzinfo=UTC),
    expires_at=datetime(2026, 1, 1, 0, 10, tzinfo=UTC),
    proof=Signature(key="u", signature="s"),
)
EVENTS: list[AnyEvent] = [
    *changes(World().directory, parse_tenants(TENANTS), "test"),
    *registrations(),
    funded("10.00"),
    funded("3.50", account="side"),
    BUDGETED,
    session_events.opened(SESSION),
    session_events.cap_held(SESSION, Amount(amount="0.50"), ["tenant"]),
    AccountHeld(source="t", data=BUDGETED.data.model_copy(update={"job": "j4", "budgets": (budget_of("s1"),)})),
    session_events.released(SESSION, Money.of("0.50")),
    *(held(f"j{number}") for number in range(2, 5)),
    *(released(f"j{number}") for number in range(1, 4)),
]


def through_records(world: World) -> World:
    encode = world.freeze()
    assert encode is not None
    again = World()
    again.thaw([*encode()])()
    return again


def take(world: World, event: AnyEvent, sequence: int) -> None:
    world.take(event, sequence)
    world.sequence = sequence


@settings(max_examples=60, deadline=None, derandomize=True)
@given(events=st.lists(st.sampled_from(EVENTS), max_size=30), at=st.floats(0, 1))
def test_a_snapshot_at_any_place_and_the_rest_are_the_whole(events: list[AnyEvent], at: float) -> None:
    cut, everything, first = round(at * len(events)), World(), World()
    for sequence, event in enumerate(events, 1):
        take(everything, event, sequence)
        if sequence <= cut:
            take(first, event, sequence)
    again = through_records(first)
    for sequence, event in enumerate(events[cut:], cut + 1):
        take(again, event, sequence)
    assert contents(again) == contents(everything)


def test_active_jobs_are_in_it_and_what_only_this_process_knows_is_not() -> None:
    world = World()
    take(world, held("j1"), 1)
    world.reserve("acme", "j2")
    world.wait("acme", "j3", "no stack answers")
    assert through_records(world).others_active("acme", "j9") == 1


def test_a_job_is_active_from_its_hold_to_its_end_or_to_the_release_of_its_hold() -> None:
    world = World()
    for number, purpose in enumerate((None, "job", "program", "session", "later"), 1):
        hold = held(f"j{number}")
        take(world, hold.model_copy(update={"data": hold.data.model_copy(update={"purpose": purpose})}), number)
    assert world.others_active("acme", "j9") == 3
    assert world.others_active("acme", "j1") == 2
    take(world, released("j1"), 6)
    world.end("acme", "j2", datetime.now(UTC))
    assert world.others_active("acme", "j9") == 1


def test_there_is_none_while_a_hold_is_ahead_of_the_view() -> None:
    world = World()
    take(world, funded(), 1)
    hold = held()
    world.hold(hold, 3, behind_all=True)
    assert world.freeze() is None
    take(world, hold, 3)
    assert contents(through_records(world)) == contents(world)


def test_a_hold_that_the_view_reads_before_its_append_is_confirmed_is_folded_once() -> None:
    world, other = World(), World()
    for it in (world, other):
        take(it, funded(), 1)
        take(it, held(), 2)
        it.end("acme", "j1", datetime.now(UTC))
    world.hold(held(), 2, behind_all=True)
    assert world.accounts.read_back("acme", 2) is None
    assert world.others_active("acme", "j9") == 0, "the job ended"
    assert contents(world) == contents(other)


def test_a_hold_that_this_broker_appended_is_not_decoded_when_the_view_reads_it_back() -> None:
    world = World()
    fold = folding(world, Undecided())

    def raw(sequence: int, body: bytes) -> Raw:
        return Raw("qb.account.acme.main.held", body, sequence, datetime.now(UTC), Msg(Client()))

    fold(raw(1, held("j1").to_bytes()))
    world.hold(held("j2"), 2, behind_all=False)
    assert world.accounts.seen("acme") == 1
    fold(raw(2, b"not read"))
    assert (world.accounts.seen("acme"), world.sequence) == (2, 2)
    assert [*world.account("acme", "main").holds] == ["j1", "j2"]
    with pytest.raises(Malformed):
        fold(raw(3, b"not an event"))


def test_records_of_another_form_are_refused_and_leave_the_world_empty() -> None:
    world = World()
    with pytest.raises(ValueError, match="sequence"):
        world.thaw([b'{"tenants": {}}'])
    assert contents(world) == contents(World())
