"""Grants: put on their accounts once, burnt before the budget, and taken back when they have expired."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from queuebit_broker.answers import Answers
from queuebit_broker.funding import FundProjects
from queuebit_broker.granting import ExpireGrants
from queuebit_broker.profiles import Profiles
from queuebit_contracts.account import AccountExpired, AccountGranted, AccountHeld, AccountSettled, Settlement
from queuebit_contracts.directory import Directory, faults
from queuebit_contracts.job import JobAccepted, JobRejected
from queuebit_contracts.query import Question
from queuebit_contracts.tenants import Tenants, parse_tenants
from queuebit_contracts.wire import Amount
from queuebit_kernel import rfc3339

from .broker_office import Office

DAY = 86_400


@pytest.fixture
async def poor(office: Office) -> Office:
    """An office with a cent on each account; a job on aer costs a cent."""
    await office.open("0.01")
    return office


def document(office: Office, tenants_text: str, **grants: str) -> Tenants:
    """Tenants with grants: an amount, and after how many days it expires."""
    text = tenants_text.replace("max_active_jobs = 2\n", "").replace('budget = "10"', 'budget = "0.01"')
    for name, terms in grants.items():
        amount, _, days = terms.partition(" ")
        expires = f'expires = "{rfc3339(office.clock.now() + timedelta(days=int(days)))}"' if days else ""
        text += f'\n[tenant.acme.grant.{name}]\nproject = "main"\namount = "{amount}"\n{expires}\n'
    return parse_tenants(text)


async def grant(office: Office, tenants_text: str, **grants: str) -> None:
    office.world.directory = Directory(document(office, tenants_text, **grants))
    await FundProjects(office.log, office.follower, office.world)()


async def admit(office: Office, key: str) -> None:
    await office.deliver(await office.submit(key=key, backend="aer"))


async def settle(office: Office, charge: str = "0.01") -> None:
    hold = office.log.events(AccountHeld)[-1].data
    back = Decimal(hold.amount.amount) - Decimal(charge)
    end = Settlement(
        tenant="acme", account="main", job=hold.job, held=hold.amount, settled=Amount(amount=charge),
        released=Amount(amount=str(back)),
    )  # fmt: skip
    await office.log.append(AccountSettled(source="t", time=office.clock.now(), data=end))
    await office.catch_up()


async def rows(office: Office, kind: str) -> dict[str, Any]:
    answers = Answers(office.world, Profiles(office.executors, office.world), office.tariff, office.clock, 1000)
    return {str(it["name"]): it for it in (await answers.balances("acme", Question())).rows if it["kind"] == kind}


async def test_a_grant_is_put_on_its_account_once_and_pays_first(poor: Office, tenants_text: str) -> None:
    for _ in range(2):
        await grant(poor, tenants_text, spring="0.02")
    assert [it.data.grant for it in poor.log.events(AccountGranted)] == ["spring"]
    for key in ("k1", "k2", "k3"):
        await admit(poor, key)
        await settle(poor)
    await admit(poor, "k4")
    assert (len(poor.log.events(JobAccepted)), len(poor.log.events(JobRejected))) == (3, 1)
    spring, main = (await rows(poor, "grant"))["spring"], (await rows(poor, "account"))["main"]
    assert [spring[it] for it in ("limit", "spent", "left")] == ["0.02", "0.02", "0.00"]
    assert [main[it] for it in ("limit", "spent", "left")] == ["0.03", "0.03", "0.00"]


async def test_what_has_expired_is_not_held_any_more_and_is_taken_back(poor: Office, tenants_text: str) -> None:
    await grant(poor, tenants_text, spring="0.05 1")
    expire = ExpireGrants(poor.log, poor.follower, poor.world, poor.clock)
    await admit(poor, "k1")
    await settle(poor)
    await expire.expire()
    assert poor.log.events(AccountExpired) == []
    poor.clock.advance(DAY)
    assert (await rows(poor, "account"))["main"]["left"] == "0.01"
    await expire.expire()  # clocks may differ by a minute
    assert poor.log.events(AccountExpired) == []
    poor.clock.advance(60)
    await expire.expire()
    await poor.catch_up()
    await expire.expire()
    assert [it.data.amount.amount for it in poor.log.events(AccountExpired)] == ["0.04"]
    await admit(poor, "k2")
    await admit(poor, "k3")
    assert len(poor.log.events(JobRejected)) == 1
    assert (await rows(poor, "grant"))["spring"]["left"] == "0.00"


async def test_what_is_on_hold_is_never_taken_back(poor: Office, tenants_text: str) -> None:
    await grant(poor, tenants_text, spring="0.01 1")
    await admit(poor, "k1")
    await admit(poor, "k2")  # grant and budget are both on hold
    poor.clock.advance(DAY + 60)
    expire = ExpireGrants(poor.log, poor.follower, poor.world, poor.clock)
    await expire.expire()
    assert poor.log.events(AccountExpired) == []
    await settle(poor, "0.004")  # the grant pays, and what it gets back is of the grant
    await expire.expire()
    assert [it.data.amount.amount for it in poor.log.events(AccountExpired)] == ["0.006"]
    main = (await rows(poor, "account"))["main"]
    assert [main[it] for it in ("limit", "held", "spent", "left")] == ["0.014", "0.01", "0.004", "0.00"]


async def test_a_restart_from_a_snapshot_knows_grants(poor: Office, tenants_text: str) -> None:
    await grant(poor, tenants_text, spring="0.02 9")
    await admit(poor, "k1")
    await settle(poor)
    await poor.catch_up()
    encode = poor.world.freeze()
    assert encode is not None
    before, records = await rows(poor, "grant"), [*encode()]
    poor.restart()
    poor.world.thaw(records)()
    assert await rows(poor, "grant") == before


def test_a_grant_in_force_does_not_change(office: Office, tenants_text: str) -> None:
    current = Directory(document(office, tenants_text, spring="5"))
    assert faults(current, document(office, tenants_text, spring="5", autumn="7")) == []
    assert faults(current, document(office, tenants_text)) == []
    (fault,) = faults(current, document(office, tenants_text, spring="6"))
    assert "grant spring of acme is in force and cannot change" in fault
