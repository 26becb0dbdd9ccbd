"""Budgets beside the account: each that lacks refuses the job by name, and what goes back goes back to all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from queuebit_broker.accounts import Committed
from queuebit_broker.answers import Answers
from queuebit_broker.events import held
from queuebit_broker.holding import Holding
from queuebit_broker.policy import Admit
from queuebit_broker.profiles import Profiles
from queuebit_broker.state import World
from queuebit_contracts.account import (
    AccountCorrected,
    AccountFunded,
    AccountHeld,
    AccountReleased,
    AccountSettled,
    Adjustment,
    Funding,
    Release,
    Settlement,
)
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import Cancellation, JobAccepted, JobCancelled, JobRejected
from queuebit_contracts.program import PROGRAM
from queuebit_contracts.query import Question
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money, Unavailable, digest
from queuebit_runtime.log import Guarded

from .broker_office import Ask, Office

BUDGETS = """
[tenant.acme.budget.tenant]
amount = "{tenant}"
[tenant.acme.budget."user:ann"]
amount = "{ann}"
[tenant.acme.budget."tag:thesis"]
amount = "0.05"
[tenant.acme.budget."project:sim"]
amount = "0.02"
"""
NINE_CENTS = Committed(Money.of("0.09"), Money.zero())


@pytest.fixture
async def limited(office: Office, tenants_text: str) -> Office:
    """An office with rich accounts and small budgets; a job on aer costs a cent."""
    await office.open()
    text = tenants_text.replace("max_active_jobs = 2\n", "") + BUDGETS.format(tenant="0.10", ann="0.08")
    office.world.directory = Directory(parse_tenants(text))
    return office


def left(office: Office, budget: str) -> Decimal:
    limit = Money.of(office.world.directory.tenant["acme"].budget[budget].amount)
    left: Decimal = (limit - office.world.accounts.committed("acme", budget, "USD").total).amount
    return left


async def admit(office: Office, key: str, **changes: Any) -> None:
    await office.deliver(await office.submit(key=key, backend="aer", **changes))


async def test_a_hold_names_the_budgets_that_it_counts_against(limited: Office) -> None:
    await admit(limited, "k1", tags=["thesis", "unknown"])
    await admit(limited, "k2", by="bob", project="sim")
    first, second = (it.data for it in limited.log.events(AccountHeld))
    assert first.budgets == ("tenant", "user:ann", "tag:thesis")
    assert second.budgets == ("tenant", "project:sim")
    assert [it.data.budgets for it in limited.log.events(JobAccepted)] == [first.budgets, second.budgets]
    assert (left(limited, "tenant"), left(limited, "user:ann")) == (Decimal("0.08"), Decimal("0.07"))


async def test_a_budget_that_is_defined_while_jobs_wait_for_their_round_is_not_overdrawn(
    limited: Office, tenants_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds of two accounts guarded their holds apart, so that each spent what the budget had left."""
    defined, serve, append = limited.world.directory, Holding._serve, limited.log.append
    limited.world.directory = Directory(parse_tenants(tenants_text))

    async def once_defined(self: Holding, *queue_and_scope: Any) -> Any:
        limited.world.directory = defined
        return await serve(self, *queue_and_scope)

    async def slowly(*fact: Any, **guard: Any) -> int:
        await asyncio.sleep(0)
        return int(await append(*fact, **guard))

    monkeypatch.setattr(Holding, "_serve", once_defined)
    monkeypatch.setattr(limited.log, "append", slowly)
    monkeypatch.setattr(limited.world.accounts, "_committed", {("acme", "tenant", "USD"): NINE_CENTS})
    await asyncio.gather(admit(limited, "k1"), admit(limited, "k2", project="sim"))
    assert left(limited, "tenant") == 0
    assert len(limited.log.events(JobAccepted)) == len(limited.log.events(JobRejected)) == 1


async def test_jobs_that_ended_before_their_holds_are_known_to_be_stored_are_not_active(
    limited: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The confirmation of their batch was lost: each hold was appended again, and found."""
    append_all, jobs = limited.log.append_all, [await limited.submit(key="k1", backend="aer")]
    jobs.append(await limited.submit(key="k2", backend="aer", project="sim"))

    async def unconfirmed(facts: Sequence[Guarded]) -> int:
        stored = await append_all(facts)
        if len(facts) == 1:
            return stored
        for it in jobs:
            gone = Cancellation(tenant="acme", job=it["event"].data.job, by="ann", submitted_at=it["event"].time)
            await append_all([Guarded(JobCancelled(source="t", data=gone))])
        await limited.catch_up()
        raise Unavailable("no answer")

    monkeypatch.setattr(limited.log, "append_all", unconfirmed)
    await asyncio.gather(*map(limited.deliver, jobs))
    await limited.catch_up()
    assert len(limited.log.events(AccountHeld)) == 2
    assert limited.world.others_active("acme", "") == 0


async def test_every_budget_that_lacks_is_named(limited: Office) -> None:
    for number in range(5):
        await admit(limited, f"k{number}", tags=["thesis"])
    for number in range(5, 8):
        await admit(limited, f"k{number}")
    await admit(limited, "k8", tags=["thesis"])
    (rejected,) = limited.log.events(JobRejected)
    assert [it.code for it in rejected.data.reasons] == ["budget_exceeded"] * 2
    for reason, budget in zip(rejected.data.reasons, ("user:ann", "tag:thesis"), strict=True):
        assert budget in reason.text
        assert "0.00 USD" in reason.text


async def test_what_goes_back_goes_back_to_all(limited: Office) -> None:
    for number in (1, 2):
        await admit(limited, f"k{number}", tags=["thesis"])
    first, second = (it.data for it in limited.log.events(AccountHeld))
    where = {"tenant": "acme", "account": "main"}
    cent, part = Amount(amount="0.01"), Amount(amount="0.004")
    settled = Settlement(**where, job=first.job, held=cent, settled=part, released=Amount(amount="0.006"))
    await limited.log.append(AccountSettled(source="t", data=settled))
    await limited.log.append(AccountReleased(source="t", data=Release(**where, job=second.job, amount=cent)))
    await limited.catch_up()
    assert left(limited, "tenant") == Decimal("0.096")
    assert (left(limited, "user:ann"), left(limited, "tag:thesis")) == (Decimal("0.076"), Decimal("0.046"))
    adjusted = Adjustment(
        **where, job=first.job, revision=1, delta=Amount(amount="-0.001"), reason="less", budgets=first.budgets
    )
    await limited.log.append(AccountCorrected(source="t", data=adjusted))
    await limited.catch_up()
    assert (left(limited, "user:ann"), left(limited, "tag:thesis")) == (Decimal("0.077"), Decimal("0.047"))
    assert limited.world.account("acme", "main").available("USD") == Money.of("9.997")


async def test_a_restart_finds_the_same_budgets(limited: Office) -> None:
    await admit(limited, "k1", tags=["thesis"])
    before = {it: left(limited, it) for it in ("tenant", "user:ann", "tag:thesis", "project:sim")}
    limited.restart()
    await limited.catch_up()
    assert {it: left(limited, it) for it in before} == before


async def test_brokers_that_hold_on_different_accounts_share_a_budget(limited: Office) -> None:
    """The second broker knows of no hold yet; its first append is refused, and it decides again on what is left."""
    await limited.log.append(
        AccountFunded(source="t", data=Funding(tenant="acme", account="noisy", amount=Amount(amount="10")))
    )
    world = World()
    world.directory = limited.world.directory
    follower = type(limited.follower)(limited.log, world)
    await follower.reached(len(limited.log.stored))
    other = limited.another_broker(world, follower)
    jobs = [await limited.submit(key=f"k{number}", by="bob", backend="aer") for number in range(8)]
    more = [await limited.submit(key=f"n{number}", by="boss", backend="aer", project="noisy") for number in range(8)]
    await asyncio.gather(
        *(limited.admit(**it, redelivered=False) for it in jobs), *(other(**it, redelivered=False) for it in more)
    )
    held = sum(Decimal(it.data.amount.amount) for it in limited.log.events(AccountHeld))
    assert held == Decimal("0.10")
    assert len(limited.log.events(JobAccepted)) == 10


async def test_a_budget_in_another_currency_refuses_and_says_so(office: Office, tenants_text: str) -> None:
    await office.open()
    text = tenants_text + '[tenant.acme.budget.tenant]\namount = "5"\ncurrency = "EUR"\n'
    office.world.directory = Directory(parse_tenants(text))
    await admit(office, "k1")
    assert office.reasons() == ["currency_mismatch"]


async def test_balances_say_what_is_held_spent_and_left(limited: Office) -> None:
    await admit(limited, "k1", tags=["thesis"])
    (held,) = limited.log.events(AccountHeld)
    settled = Settlement(
        tenant="acme", account="main", job=held.data.job, held=held.data.amount,
        settled=Amount(amount="0.004"), released=Amount(amount="0.006"),
    )  # fmt: skip
    await limited.log.append(AccountSettled(source="t", data=settled))
    await admit(limited, "k2", tags=["thesis"])
    await limited.catch_up()
    answers = Answers(limited.world, Profiles(limited.executors, limited.world), limited.tariff, limited.clock, 1000)
    rows = {(it["kind"], it["name"]): it for it in (await answers.balances("acme", Question())).rows}
    main, thesis = rows["account", "main"], rows["budget", "tag:thesis"]
    assert [main[it] for it in ("limit", "held", "spent", "left")] == ["10.00", "0.01", "0.004", "9.986"]
    assert [thesis[it] for it in ("limit", "held", "spent", "left")] == ["0.05", "0.01", "0.004", "0.036"]
    only = (await answers.balances("acme", Question(project="sim"))).rows
    assert [it["name"] for it in only if it["kind"] == "account"] == ["sim"]


def test_a_hold_for_a_program_says_so(ask: Ask) -> None:
    """A hold for a single circuit is as it was: its purpose is left out."""
    admitted = Admit("ann", 1, (), Money.of("1"))
    assert held(ask(), admitted).data.purpose is None
    program = ask(circuit={"digest": digest(b"{}"), "size": 2, "media_type": PROGRAM, "inline": "{}"})
    assert held(program, admitted).data.purpose == "program"
