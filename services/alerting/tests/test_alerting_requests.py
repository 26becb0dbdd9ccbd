"""What the operator asks: lists, silences, acknowledgements, test messages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from queuebit_alerting.requests import AnswerOperator
from queuebit_contracts.alert_documents import Alerts, Receiver, Route
from queuebit_contracts.alert_requests import AlertingAnswer, AlertingRequest, TestOutcome

from .alerting_world import NOON, Process, World

DOCUMENTS = Alerts(
    resolve_after_s=0,
    receiver={"chat": Receiver(kind="alertmanager", url="https://example.com")},
    route={"all": Route(receivers=("chat",))},
)
TORINO = {"matchers": [{"label": "backend", "value": "torino"}], "reason": "warm"}


async def asked(world: World, **order: object) -> AlertingAnswer:
    process = Process(world)

    async def test(receiver: str) -> TestOutcome:
        return TestOutcome(receiver=receiver, delivered=True, status=202)

    answer = AnswerOperator(world.log, process.book, process.follows, world.documents, test, world.clock)
    return await answer(AlertingRequest.model_validate({"by": "ann", **order}))


async def test_the_list_says_who_knows_and_why_some_notify_no_receiver() -> None:
    world = World(DOCUMENTS)
    world.labels = {"two": {"backend": "brisbane"}}
    await asked(world, silence={**TORINO, "ends_at": NOON + timedelta(hours=1)})
    await world.of(one=True, two=True, three=True)
    await world.of(three=False)
    rows = {it.labels["alertname"]: it for it in (await asked(world)).alerts}
    assert {name: (it.status, it.informed) for name, it in rows.items()} == {
        "one": ("firing", ()),
        "two": ("firing", ("chat",)),
    }
    assert (rows["one"].quiet_because or "").startswith("silence s")
    assert rows["two"].quiet_because is None
    assert {it.labels["alertname"] for it in (await asked(world, resolved=True)).alerts} == {"one", "two", "three"}


async def test_a_silence_is_made_listed_and_ended_once() -> None:
    world = World(DOCUMENTS)
    (made,) = (await asked(world, silence={**TORINO, "ends_at": NOON + timedelta(hours=1)})).silences
    assert (made.author, made.reason) == ("ann", "warm")
    assert (await asked(world)).silences == (made,)
    assert not (await asked(world, end={"silence": made.silence})).errors
    assert (await asked(world)).silences == ()
    (error,) = (await asked(world, end={"silence": made.silence})).errors
    assert error.code == "no_silence"


@pytest.mark.parametrize("ends", [timedelta(0), timedelta(hours=-1), timedelta(days=91)])
async def test_a_silence_ends_in_the_future_and_soon(ends: timedelta) -> None:
    (error,) = (await asked(World(DOCUMENTS), silence={**TORINO, "ends_at": NOON + ends})).errors
    assert error.code == "bad_end"


async def test_what_fires_is_acknowledged_once_and_nothing_else() -> None:
    world = World(DOCUMENTS)
    await world.of(one=True)
    group = world.notifications[0].group
    assert (await asked(world, acknowledge={"group": group})).sequence
    assert (await asked(world)).alerts[0].acknowledged
    before = len(world.log.stored)
    assert not (await asked(world, acknowledge={"group": group})).errors
    assert len(world.log.stored) == before
    (error,) = (await asked(world, acknowledge={"group": "0" * 16})).errors
    assert error.code == "no_group"


async def test_a_person_who_acknowledges_while_others_do_or_a_notification_is_appended_gets_no_error() -> None:
    world = World(DOCUMENTS)
    await world.of(one=True)
    group = world.notifications[0].group
    behind = Process(world)
    answer = AnswerOperator(world.log, behind.book, behind.follows, world.documents, _never, world.clock)
    world.clock.passes(600)
    await world.of(two=True)
    assert (await answer(AlertingRequest.model_validate({"by": "bob", "acknowledge": {"group": group}}))).sequence
    also = Process(world)
    other = AnswerOperator(world.log, also.book, also.follows, world.documents, _never, world.clock)
    assert not (await other(AlertingRequest.model_validate({"by": "ann", "acknowledge": {"group": group}}))).errors


async def _never(receiver: str) -> TestOutcome:
    raise AssertionError(receiver)


async def test_a_receiver_is_tested_if_there_is_one() -> None:
    world = World(DOCUMENTS)
    outcome = (await asked(world, test={"receiver": "chat"})).test
    assert outcome is not None
    assert outcome.delivered
    (error,) = (await asked(world, test={"receiver": "eve"})).errors
    assert "there are: chat" in error.text


async def test_two_orders_at_once_are_refused() -> None:
    both = {"test": {"receiver": "chat"}, "end": {"silence": "s1"}}
    (error,) = (await asked(World(DOCUMENTS), **both)).errors
    assert error.code == "malformed"
