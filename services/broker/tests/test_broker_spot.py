"""Spot jobs are admitted at the prices of spot jobs, or refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from queuebit_broker.answers import Answers
from queuebit_broker.eligibility import Tariff
from queuebit_broker.policy import Admit, Refuse, admit
from queuebit_broker.profiles import Profiles
from queuebit_broker.snapshot import Snapshot
from queuebit_contracts.job import JobAccepted
from queuebit_contracts.query import Question
from queuebit_contracts.wire import Payload
from queuebit_kernel import digest, rfc3339
from queuebit_pricing import parse

from .broker_office import BELL, BOOK, Ask, Office
from .test_broker_reservations import booked, rich

__all__ = ["rich"]

SPOT = """
[[price]]
id = "aer-spot"
backend = "aer"
valid_from = 2026-01-01T00:00:00Z
source = "test"
as_of = 2026-01-01
confidence = "low"
spot = true
per_task = "0.0001"
"""


def test_a_spot_job_has_the_price_of_spot_jobs(ask: Ask, snapshot: Snapshot) -> None:
    world = replace(snapshot, tariff=Tariff(parse(BOOK + SPOT)))
    usual, spot = (admit(ask(backend="aer", spot=it), world) for it in (None, True))
    assert isinstance(usual, Admit)
    assert isinstance(spot, Admit)
    assert [it.price for it in spot.candidates] == ["aer-spot"]
    assert [it.price for it in usual.candidates] != ["aer-spot"]
    assert spot.hold < usual.hold


def test_a_backend_without_such_a_price_runs_none(ask: Ask, snapshot: Snapshot) -> None:
    decision = admit(ask(backend="torino", spot=True), snapshot)
    assert isinstance(decision, Refuse)
    (reason,) = decision.reasons
    assert reason.code == "unpriced"
    assert reason.text.startswith("torino has no price of spot jobs that is valid now")


@pytest.mark.parametrize(
    ("what", "text"), [({"session": "s1"}, "session s1 keeps"), ({"reservation": "r1"}, "reservation r1 keeps")]
)
def test_a_session_or_a_reservation_is_no_spot(ask: Ask, snapshot: Snapshot, what: dict[str, Any], text: str) -> None:
    decision = admit(ask(spot=True, **what), snapshot)
    assert isinstance(decision, Refuse)
    (reason,) = [it for it in decision.reasons if it.code == "spot_or_kept"]
    assert text in reason.text


async def test_the_acceptance_says_that_it_is_a_spot_job(rich: Office) -> None:
    rich.tariff = Tariff(parse(BOOK + SPOT))
    rich.restart()
    await rich.catch_up()
    await rich.deliver(await rich.submit(key="k1", backend="aer", spot=True))
    await rich.deliver(await rich.submit(key="k2", backend="aer"))
    assert [it.data.spot for it in rich.log.events(JobAccepted)] == [True, None]


BELL_CIRCUIT = Payload(digest=digest(BELL.encode()), size=len(BELL), media_type="text/x-openqasm", inline=BELL)


def answers_of(office: Office) -> Answers:
    return Answers(office.world, Profiles(office.executors, office.world), office.tariff, office.clock, 1000)


async def test_a_plan_has_the_prices_of_spot_jobs(office: Office) -> None:
    office.tariff = Tariff(parse(BOOK + SPOT))
    await office.open()
    question = Question(circuit=BELL_CIRCUIT, shots=100, project="main")
    usual, spot = [
        {str(it["backend"]): it for it in (await answers_of(office).plan("acme", asked)).rows}
        for asked in (question, question.model_copy(update={"spot": True}))
    ]
    assert (spot["aer"]["price_id"], spot["aer"]["fits"]) == ("aer-spot", True)
    assert usual["aer"]["price_id"] != "aer-spot"
    assert str(spot["torino"]["reason"]).startswith("has no price of spot jobs that is valid now")


async def test_a_plan_in_a_reservation_has_its_backend_alone_and_says_what_is_wrong(rich: Office) -> None:
    slot = await booked(rich)
    question = Question(circuit=BELL_CIRCUIT, shots=100, project="main", reservation=slot.reservation)
    answer = await answers_of(rich).plan("acme", question)
    (row,) = answer.rows
    assert (row["backend"], row["fits"], row["free_from"]) == (slot.backend, True, rfc3339(slot.starts_at))
    rich.executors.qpu_us["torino"] = 3_500_000_000
    codes = []
    for changes in ({"reservation": "r9"}, {"spot": True}, {"shots": 101}):
        refused = await answers_of(rich).plan("acme", question.model_copy(update=changes))
        codes.append(refused.error and refused.error.code)
    assert codes == ["unknown_reservation", "spot_or_kept", "slot_too_short"]
