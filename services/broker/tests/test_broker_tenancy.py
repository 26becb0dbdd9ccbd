"""A tenants document is put in force: all of it or nothing, by one at a time, and by name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from queuebit_broker import tenancy
from queuebit_broker.tenancy import ApplyTenants
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountFunded
from queuebit_contracts.query import TenantsAnswer, TenantsRequest
from queuebit_contracts.tenant import TenantDefined, UserDefined
from queuebit_contracts.tenants import BadTenants, parse_tenants
from queuebit_kernel import Money, Unavailable
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.stored import Unreadable

KEY = public_key(new_seed())
ACME = f'[tenant.acme.project.main]\nbudget = "5"\n[tenant.acme.user.ann]\nrole = "admin"\nkeys = ["{KEY}"]\n'
MANY = "".join(f"[tenant.team{number}]\n" for number in range(9))


def wanted(text: str, **fields: Any) -> TenantsRequest:
    return TenantsRequest(document=parse_tenants(text).model_dump(mode="json"), **{"by": "ada", **fields})


@pytest.fixture
def fresh(office: Any) -> Any:
    """A broker whose state comes from its log alone."""
    office.restart()
    office.world.directory = type(office.world.directory)()
    return office


@pytest.fixture
def apply(fresh: Any) -> ApplyTenants:
    return ApplyTenants(fresh.log, fresh.follower, fresh.world)


def codes(answer: TenantsAnswer) -> list[str]:
    return [it.code for it in answer.errors]


async def test_a_document_becomes_facts_budgets_and_an_answer(fresh: Any, apply: ApplyTenants) -> None:
    answer = await apply(wanted(ACME))
    assert answer.errors == ()
    assert answer.changes == (
        "qb.tenant.acme.defined",
        "qb.tenant.acme.user_defined.ann",
        "qb.tenant.acme.project_defined.main",
    )
    assert answer.document == parse_tenants(ACME).model_dump(mode="json")
    assert {it.data.by for it in fresh.log.events(UserDefined)} == {"ada"}
    assert fresh.world.directory.user("acme", KEY) == ("ann", "admin")
    assert fresh.world.account("acme", "main").available("USD") == Money.of("5")
    again = await apply(wanted(ACME))
    assert (again.changes, again.sequence) == ((), answer.sequence)
    assert (await apply(TenantsRequest())).document == answer.document


async def test_what_would_change_is_shown_and_not_done(fresh: Any, apply: ApplyTenants) -> None:
    answer = await apply(wanted(ACME, dry_run=True))
    assert len(answer.changes) == 3
    assert (answer.document["tenant"], fresh.log.stored) == ({}, [])


async def test_everything_that_is_wrong_is_said_at_once(fresh: Any, apply: ApplyTenants) -> None:
    await apply(wanted(ACME + "[tenant.evil]\n[tenant.uni]\n"))
    await apply(wanted('removed = ["evil"]\n[tenant.uni]\n' + ACME))
    stored = len(fresh.log.stored)
    answer = await apply(wanted("[tenant.evil]\n" + ACME.replace('"5"', '"5"\ncurrency = "EUR"'), by=" "))
    output = [it.text for it in answer.errors]
    for sentence in (
        "no tenant may be called evil: a tenant of that name was removed",
        "tenant uni is in force and the document does not name it",
        "project main of acme has its account in USD, which cannot become EUR",
        "set `by`",
    ):
        assert any(sentence in it for it in output), sentence
    raw = TenantsRequest(document={"tenant": {"acme": {"share": 0, "max_shots": 0}}}, by="ada")
    assert [it.text for it in (await apply(raw)).errors] == [
        "tenant.acme.share must be greater than or equal to 1",
        "tenant.acme.max_shots must be greater than or equal to 1",
    ]
    assert len(fresh.log.stored) == stored


async def test_of_two_documents_at_once_one_loses(fresh: Any, apply: ApplyTenants) -> None:
    seen = (await apply(TenantsRequest())).sequence
    answers = await asyncio.gather(apply(wanted("[tenant.acme]\n", after=seen)), apply(wanted(MANY, after=seen)))
    assert sorted(map(codes, answers)) == [[], ["stale"]]
    assert [*fresh.world.directory.tenant] == ["acme"]


async def test_of_two_brokers_one_loses(fresh: Any, apply: ApplyTenants, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ApplyTenants(fresh.log, fresh.follower, fresh.world)
    append = fresh.log.append_all

    async def interrupted(facts: Any) -> int:
        monkeypatch.setattr(fresh.log, "append_all", append)
        await other(wanted("[tenant.acme]\n"))
        return int(await append(facts))

    monkeypatch.setattr(fresh.log, "append_all", interrupted)
    assert codes(await apply(wanted(MANY))) == ["stale"]
    assert [it.data.tenant for it in fresh.log.events(TenantDefined)] == ["acme"]


async def test_nonsense_among_the_facts_keeps_no_one_from_changing_tenants(
    fresh: Any, apply: ApplyTenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = fresh.log.last

    async def broken(subject: str) -> Any:
        if subject == subjects.TENANTS:
            raise Unreadable("not an event", (await last("qb.>")).sequence)
        return await last(subject)

    await apply(wanted("[tenant.acme]\n"))
    monkeypatch.setattr(fresh.log, "last", broken)
    assert (await apply(wanted("[tenant.acme]\n[tenant.evil]\n"))).changes == ("qb.tenant.evil.defined",)


async def test_a_crash_between_two_batches_is_completed_by_the_next_apply(
    fresh: Any, apply: ApplyTenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    await apply(wanted(ACME))
    monkeypatch.setattr(tenancy, "_BATCH", 2)
    append, left = fresh.log.append_all, [2]

    async def crashing(facts: Any) -> int:
        if not left[0]:
            raise Unavailable("the broker was killed here")
        left[0] -= 1
        return int(await append(facts))

    monkeypatch.setattr(fresh.log, "append_all", crashing)
    after = 'removed = ["acme"]\n' + MANY
    with pytest.raises(Unavailable):
        await apply(wanted(after))
    monkeypatch.setattr(fresh.log, "append_all", append)
    fresh.restart()
    await fresh.catch_up()
    assert fresh.world.directory.user("acme", KEY) is None, "what is revoked comes first"
    answer = await ApplyTenants(fresh.log, fresh.follower, fresh.world)(wanted(after))
    assert (len(answer.changes), answer.errors) == (6, ())
    assert answer.document["tenant"].keys() == parse_tenants(MANY).tenant.keys()


async def test_a_crash_before_the_budget_is_completed_at_the_next_start(fresh: Any, apply: ApplyTenants) -> None:
    append = fresh.log.append

    async def crashing(event: Any, **guard: Any) -> int:
        if isinstance(event, AccountFunded):
            raise Unavailable("the broker was killed here")
        return int(await append(event, **guard))

    fresh.log.append = crashing
    with pytest.raises(Unavailable):
        await apply(wanted(ACME))
    fresh.log.append = append
    await apply.start(lambda: pytest.fail("the log has tenants"), by="first start")
    assert fresh.world.account("acme", "main").available("USD") == Money.of("5")


async def test_a_first_start_imports_a_file_and_no_later_one_does(fresh: Any, apply: ApplyTenants) -> None:
    await apply.start(lambda: parse_tenants(ACME), by="first start")
    await apply.start(lambda: parse_tenants(MANY), by="first start")
    assert [*fresh.world.directory.tenant] == ["acme"]
    assert {it.data.by for it in fresh.log.events(TenantDefined)} == {"first start"}


async def test_a_first_start_without_tenants_says_why(apply: ApplyTenants) -> None:
    def broken() -> Any:
        raise BadTenants("tenants.toml cannot be read")

    with pytest.raises(BadTenants, match="cannot be read"):
        await apply.start(broken, by="first start")
