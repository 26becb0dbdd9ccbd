"""Spot jobs are admitted at the prices of spot jobs, or refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from queuebit_broker.eligibility import Tariff
from queuebit_broker.policy import Admit, Refuse, admit
from queuebit_broker.snapshot import Snapshot
from queuebit_contracts.job import JobAccepted
from queuebit_pricing import parse

from .broker_office import BOOK, Ask, Office
from .test_broker_reservations import rich

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
