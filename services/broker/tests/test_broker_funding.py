"""Following the tenants file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from queuebit_broker.adapters import TenantsFile
from queuebit_broker.funding import FollowTenants
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountFunded
from queuebit_contracts.tenants import BadTenants, Tenants, parse_tenants
from queuebit_kernel import Money, Unavailable, digest_of


class Source:
    """A tenants file whose next content a test chooses."""

    def __init__(self) -> None:
        self.next: Tenants | BadTenants | None = None

    def news(self) -> Tenants | None:
        news, self.next = self.next, None
        if isinstance(news, BadTenants):
            raise news
        return news


def tenants(budget: str) -> Tenants:
    return parse_tenants(f'[tenant.acme.project.main]\nbudget = "{budget}"\n')


async def test_budgets_become_what_is_declared(office: Any) -> None:
    source = Source()
    follow = FollowTenants(office.log, source, office.world, tenants("5"))
    for step, budget in enumerate((None, "5", "12.5", "2")):
        source.next = None if budget is None else tenants(budget)
        await follow()
        await office.catch_up()
        assert office.world.account("acme", "main").available("USD") == Money.of(budget or "5")
        assert len(office.log.stored) == (1, 1, 2, 3)[step]
    follow_again = FollowTenants(office.log, source, office.world, tenants("2"))
    await follow_again()
    assert len(office.log.stored) == 3


async def test_an_account_keeps_its_currency_though_its_project_is_given_another(office: Any) -> None:
    source = Source()
    follow = FollowTenants(office.log, source, office.world, tenants("5"))
    await follow()
    source.next = parse_tenants('[tenant.acme.project.main]\nbudget = "7"\ncurrency = "EUR"\n')
    await follow()
    assert "project main of acme has its account in USD, which cannot become EUR" in (follow.trouble or "")
    assert [it.data.amount.currency for it in office.log.events(AccountFunded)] == ["USD"]
    source.next = tenants("6")
    await follow()
    assert follow.trouble is None
    assert office.world.account("acme", "main").available("USD") == Money.of("6")


async def test_a_broken_edit_keeps_the_last_good_file(office: Any) -> None:
    source = Source()
    follow = FollowTenants(office.log, source, office.world, tenants("5"))
    await follow()
    source.next = BadTenants("line 3 is odd")
    await follow()
    assert follow.trouble == "line 3 is odd"
    assert office.world.directory.tenant.keys() == {"acme"}
    source.next = tenants("6")
    await follow()
    assert follow.trouble is None


async def test_budgets_that_the_log_does_not_take_now_are_tried_again(office: Any) -> None:
    follow = FollowTenants(office.log, Source(), office.world, tenants("5"))
    append, office.log.append = office.log.append, _refuse
    await follow()
    assert office.log.stored == []
    assert follow.in_force == ""
    office.log.append = append
    await follow()
    assert follow.in_force == digest_of(tenants("5").model_dump(mode="json"))
    assert (await office.log.last(subjects.account("acme", "main").everything)).sequence == 1


async def _refuse(*_: Any, **__: Any) -> int:
    raise Unavailable("not now")


def test_a_file_is_read_again_when_it_changes_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text("[tenant.acme]\n")
    file = TenantsFile(path)
    assert file.news() is not None
    assert file.news() is None
    path.write_text("[tenant.acme]\nshare = many\n")
    with pytest.raises(BadTenants, match="not TOML"):
        file.news()
    assert file.news() is None
    fresh = tmp_path / "fresh"
    fresh.write_text("[tenant.acme]\nshare = 2\n")
    os.replace(fresh, path)
    news = file.news()
    assert news is not None
    assert news.tenant["acme"].share == 2


def test_a_file_that_vanished_and_came_back_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text("[tenant.acme]\n")
    file = TenantsFile(path)
    file.news()
    path.rename(tmp_path / "away")
    with pytest.raises(BadTenants, match="cannot be read"):
        file.news()
    (tmp_path / "away").rename(path)
    assert file.news() is not None
