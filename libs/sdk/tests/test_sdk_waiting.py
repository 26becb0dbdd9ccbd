"""Why jobs wait, and why they were placed: only the services that decide are asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

import pytest

from queuebit.balances import with_balances
from queuebit.client import AsyncClient
from queuebit.credentials import Credential
from queuebit.errors import Unreachable
from queuebit.records import Table
from queuebit.transport import OnGap, OnMessage, Reply, Unsubscribe
from queuebit.waiting import changing_reasons
from queuebit_runtime.keys import new_seed


class Bus:
    """Answers two questions, or none."""

    def __init__(self, **answers: list[dict[str, str]]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        question = subject.rpartition(".")[2]
        self.asked.append(question)
        if question not in self._answers:
            raise Unreachable("no answer")
        return Reply(json.dumps({"rows": self._answers[question]}).encode(), {})

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def client(bus: Bus) -> AsyncClient:
    return AsyncClient(Credential("nats://127.0.0.1:1", "demo", "me", new_seed(), "main"), transport=bus)


ADMISSION = [{"job": "j1", "reason": "job j1 waits for aer: see in `qb status` whether the executor is up"}]
WAITING = [{"job": "j2", "reason": "aer is full; 1 job of yours is ahead"}]


async def test_the_broker_and_the_scheduler_say_why() -> None:
    reasons = await client(Bus(admission=ADMISSION, waiting=WAITING)).waiting()
    assert reasons == {
        "j1": "waits for aer: see in `qb status` whether the executor is up",
        "j2": "aer is full; 1 job of yours is ahead",
    }


async def test_only_the_service_that_decides_is_asked() -> None:
    bus = Bus(admission=ADMISSION, waiting=WAITING)
    asking = client(bus)
    await asyncio.gather(asking.waiting(states=["completed", "failed"]), asking.waiting(states=["submitted"], job="j1"))
    assert bus.asked == ["admission"]


async def test_a_service_without_an_answer_adds_no_reason() -> None:
    assert await client(Bus(waiting=WAITING)).waiting() == {"j2": "aer is full; 1 job of yours is ahead"}


async def test_an_explanation_is_asked_of_the_scheduler_and_comes_as_it_is() -> None:
    bus = Bus(explain=[{"job": "j1", "rule": "only"}])
    assert await client(bus).explain("j1") == [{"job": "j1", "rule": "only"}]
    assert bus.asked == ["explain"]


async def test_a_reason_is_reported_when_it_changes_until_the_job_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit.waiting._LASTING_S", 0)
    known = iter(["", "no slot", "no slot", "no money", "", "no money", None])

    async def now() -> str | None:
        return next(known)

    assert [reason async for reason in changing_reasons(now)] == ["no slot", "no money", "no money"]


def test_charges_name_what_the_account_has_left() -> None:
    charges = Table([{"project": name, "currency": "USD", "amount": "1.00"} for name in ("main", "other")])
    account = {"name": "main", "currency": "USD", "limit": "10.00", "held": "0.50", "spent": "1.00", "left": "8.50"}
    paid, unknown = with_balances(charges, Table([{"kind": "account", **account}, {"kind": "budget", **account}]))
    assert (paid["budget"], paid["held"], paid["left"]) == ("10.00", "0.50", "8.50")
    assert "left" not in unknown
