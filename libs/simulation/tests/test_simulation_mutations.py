"""The simulation finds faults: with a guard of a service taken away, a few seeds are enough."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

import queuebit_metering.handlers
import queuebit_provenance.ledger
import queuebit_runtime.log
from queuebit_broker import handlers as broker
from queuebit_broker.funds import Funds, funds_of
from queuebit_contracts.transparency import LogCheckpointed
from queuebit_kernel import Money, Settle
from queuebit_metering.bills import Bills
from queuebit_runtime import message_outcome
from queuebit_runtime.log import EventLog, Guarded
from queuebit_simulation.plan import Plan
from queuebit_simulation.run import simulate

_ROUGH = Plan(
    jobs=3,
    faults_s=12.0,
    every_s=0.4,
    kinds=("kill", "pause", "loss", "redeliver"),
    processes={"broker": 2, "scheduler": 2, "executor": 2, "metering": 2, "provenance": 2},
)


def _without_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log accepts whatever comes."""
    monkeypatch.setattr(queuebit_runtime.log, "expecting", lambda after, of="": {})


def _settled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each settlement has no guard and a new id: the server would not store one that has the id of an earlier one."""

    async def once(log: EventLog, event: Any) -> bool:
        await log.append(event.model_copy(update={"id": str(uuid.uuid4())}))
        return True

    monkeypatch.setattr(queuebit_metering.handlers, "_once", once)
    monkeypatch.setattr(Bills, "store", _refuse)


async def _refuse(*_: object) -> bool:
    return False


def _acknowledged_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message whose handler failed is acknowledged."""
    monkeypatch.setattr(message_outcome, "_classify", lambda *_: Settle.ACKNOWLEDGE)


def _unguarded_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two provenance services sign heads without regard to each other."""

    def guarded(event: Any, after: int | None = None, guard: str = "") -> Guarded:
        return Guarded(event, None if isinstance(event, LogCheckpointed) else after, guard)

    monkeypatch.setattr(queuebit_provenance.ledger, "Guarded", guarded)


def _limitless_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Admission takes every account for a rich one."""

    def funds(*args: Any) -> Funds:
        found = funds_of(*args)
        return replace(found, available=found.available + Money(Decimal(1000), "USD"))

    monkeypatch.setattr(broker, "funds_of", funds)


_MUTATIONS = [
    _without_guards,
    _settled_again,
    _acknowledged_in_any_case,
    _unguarded_heads,
    _limitless_budgets,
]


def _found(seeds: Sequence[int]) -> str:
    """The first fault that one of the seeds shows."""
    return next((fault for seed in seeds for fault in simulate(seed, _ROUGH).faults), "")


def test_a_sound_system_shows_no_fault() -> None:
    assert _found(range(2)) == ""


@pytest.mark.parametrize("mutate", _MUTATIONS)
def test_a_broken_guard_is_found(mutate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mutate(monkeypatch)
    assert _found(range(20)) != ""
