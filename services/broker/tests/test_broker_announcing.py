"""Shares of budgets are announced once for each period, share and amount."""

from __future__ import annotations

import pytest

from queuebit_broker.announcing import AnnounceBudgets
from queuebit_contracts.account import AccountHeld, AccountSettled, Settlement
from queuebit_contracts.budget import BudgetReached
from queuebit_contracts.directory import Directory
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Amount
from queuebit_kernel import Unavailable

from .broker_office import Office

DAY = 86_400


@pytest.fixture
async def rich(office: Office) -> Office:
    """An office with rich accounts; a job on aer costs a cent."""
    await office.open()
    office.clock.advance(14 * DAY)  # 15 January 2026
    return office


@pytest.fixture
def announce(rich: Office) -> AnnounceBudgets:
    return AnnounceBudgets(rich.log, rich.world, rich.clock)


def limit(office: Office, tenants_text: str, fields: str) -> None:
    text = tenants_text.replace("max_active_jobs = 2\n", "")
    office.world.directory = Directory(parse_tenants(f"{text}\n[tenant.acme.budget.tenant]\n{fields}\n"))


async def spend(office: Office, key: str) -> None:
    await office.deliver(await office.submit(key=key, backend="aer"))
    hold = office.log.events(AccountHeld)[-1].data
    end = Settlement(
        tenant="acme", account="main", job=hold.job, held=hold.amount, settled=hold.amount, released=Amount(amount="0")
    )
    await office.log.append(AccountSettled(source="t", time=office.clock.now(), data=end))
    await office.catch_up()


def announced(office: Office) -> list[tuple[str, str]]:
    return [(it.data.period, it.data.share) for it in office.log.events(BudgetReached)]


async def test_each_share_is_announced_once_for_each_month(
    rich: Office, announce: AnnounceBudgets, tenants_text: str
) -> None:
    limit(rich, tenants_text, 'amount = "0.04"\nwindow = "month"')
    for number in range(4):
        await spend(rich, f"k{number}")
        await announce.announce()
        await announce.announce()
    assert announced(rich) == [("2026-01", "0.5"), ("2026-01", "0.8"), ("2026-01", "1")]
    rich.clock.advance(20 * DAY)
    for number in range(2):
        await spend(rich, f"m{number}")
        await announce.announce()
    assert announced(rich)[-1] == ("2026-02", "0.5")
    last = rich.log.events(BudgetReached)[-1].data
    assert (last.spent.amount, last.limit.amount, last.budget) == ("0.02", "0.04", "tenant")


async def test_two_brokers_announce_once(rich: Office, announce: AnnounceBudgets, tenants_text: str) -> None:
    limit(rich, tenants_text, 'amount = "0.01"\nwarn_at = ["1"]')
    await spend(rich, "k1")
    await announce.announce()
    rich.world.accounts.charged.add(("acme", "tenant"))
    await AnnounceBudgets(rich.log, rich.world, rich.clock).announce()
    assert announced(rich) == [("all", "1")]


async def test_a_budget_that_changes_is_announced_again(
    rich: Office, announce: AnnounceBudgets, tenants_text: str
) -> None:
    limit(rich, tenants_text, 'amount = "0.04"\nwarn_at = ["0.5"]')
    for key in ("k1", "k2"):
        await spend(rich, key)
    await announce.announce()
    limit(rich, tenants_text, 'amount = "0.02"\nwarn_at = ["0.5"]')
    await announce.announce()
    assert [it.data.limit.amount for it in rich.log.events(BudgetReached)] == ["0.04", "0.02"]


async def test_what_the_log_does_not_take_is_announced_later(
    rich: Office, announce: AnnounceBudgets, tenants_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(rich, tenants_text, 'amount = "0.01"\nwarn_at = ["1"]')
    await spend(rich, "k1")

    async def away(*_: object, **__: object) -> int:
        raise Unavailable("no answer")

    with monkeypatch.context() as broken:
        broken.setattr(rich.log, "append", away)
        with pytest.raises(Unavailable):
            await announce.announce()
    await announce.announce()
    assert announced(rich) == [("all", "1")]


async def test_no_share_of_a_budget_without_charges_is_reached(
    rich: Office, announce: AnnounceBudgets, tenants_text: str
) -> None:
    limit(rich, tenants_text, 'amount = "0"')
    await announce.announce()
    assert announced(rich) == []
