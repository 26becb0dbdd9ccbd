"""Budgets become what is declared."""

from __future__ import annotations

import pytest

from queuebit_broker.funding import FundProjects
from queuebit_contracts.account import AccountFunded
from queuebit_contracts.directory import Directory
from queuebit_contracts.tenants import parse_tenants
from queuebit_kernel import Money, Unavailable

from .broker_office import Office


def declare(office: Office, budget: str, currency: str = "USD") -> None:
    text = f'[tenant.acme.project.main]\nbudget = "{budget}"\ncurrency = "{currency}"\n'
    office.world.directory = Directory(parse_tenants(text))


async def test_budgets_become_what_is_declared(office: Office) -> None:
    fund = FundProjects(office.log, office.follower, office.world)
    for step, budget in enumerate(("5", "5", "12.5", "2")):
        declare(office, budget)
        await fund()
        await office.catch_up()
        assert office.world.account("acme", "main").available("USD") == Money.of(budget)
        assert len(office.log.stored) == (1, 1, 2, 3)[step]
    await FundProjects(office.log, office.follower, office.world)()
    assert len(office.log.stored) == 3


async def test_two_brokers_fund_once(office: Office) -> None:
    """The second has not yet seen what the first appended."""
    declare(office, "5")
    await FundProjects(office.log, office.follower, office.world)()
    office.restart()
    assert office.world.account("acme", "main").available("USD") == Money.of("0")
    await FundProjects(office.log, office.follower, office.world)()
    assert [it.data.amount.amount for it in office.log.events(AccountFunded)] == ["5.00"]
    assert office.world.account("acme", "main").available("USD") == Money.of("5")


async def test_an_account_keeps_its_currency(office: Office) -> None:
    fund = FundProjects(office.log, office.follower, office.world)
    for currency in ("USD", "EUR"):
        declare(office, "5", currency)
        await fund()
    assert [it.data.amount.currency for it in office.log.events(AccountFunded)] == ["USD"]


async def test_a_budget_that_the_log_does_not_take_is_no_silence(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> int:
        raise Unavailable("not now")

    declare(office, "5")
    monkeypatch.setattr(office.log, "append", refuse)
    with pytest.raises(Unavailable):
        await FundProjects(office.log, office.follower, office.world)()
