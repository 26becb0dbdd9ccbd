"""A tenants document is put in force: all of it or nothing, by one at a time, and by name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from queuebit_broker import tenancy
from queuebit_broker.tenancy import ApplyTenants
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountFunded
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.config import Application, ConfigApplied
from queuebit_contracts.query import TenantsAnswer, TenantsRequest
from queuebit_contracts.tenant import TenantDefined, UserDefined
from queuebit_contracts.tenants import BadTenants, Tenants, parse_tenants
from queuebit_kernel import Money, Unavailable, digest
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.log import Guarded, Stored, Unreadable

from .broker_office import Office

KEY = public_key(new_seed())
ACME = f'[tenant.acme.project.main]\nbudget = "5"\n[tenant.acme.user.ann]\nrole = "admin"\nkeys = ["{KEY}"]\n'
MANY = "".join(f"[tenant.team{number}]\n" for number in range(9))


def wanted(text: str, *, by: str = "ada", dry_run: bool = False, after: int | None = None) -> TenantsRequest:
    document = parse_tenants(text).model_dump(mode="json")
    return TenantsRequest(document=document, by=by, dry_run=dry_run, after=after)


@pytest.fixture
def fresh(office: Office) -> Office:
    """A broker whose state comes from its log alone."""
    office.restart()
    office.world.directory = type(office.world.directory)()
    return office


@pytest.fixture
def apply(fresh: Office) -> ApplyTenants:
    return ApplyTenants(fresh.log, fresh.follower, fresh.world)


def codes(answer: TenantsAnswer) -> list[str]:
    return [it.code for it in answer.errors]


async def test_a_document_becomes_facts_budgets_and_an_answer(fresh: Office, apply: ApplyTenants) -> None:
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


async def test_what_would_change_is_shown_and_not_done(fresh: Office, apply: ApplyTenants) -> None:
    answer = await apply(wanted(ACME, dry_run=True))
    assert len(answer.changes) == 3
    assert (answer.document["tenant"], fresh.log.stored) == ({}, [])


async def test_everything_that_is_wrong_is_said_at_once(fresh: Office, apply: ApplyTenants) -> None:
    await apply(wanted(ACME + "[tenant.evil]\n[tenant.uni]\n"))
    await apply(wanted('removed = ["evil"]\n[tenant.uni]\n' + ACME))
    stored = len(fresh.log.stored)
    answer = await apply(wanted("[tenant.evil]\n" + ACME.replace('"5"', '"5"\ncurrency = "EUR"'), by=" "))
    wrong = [("evil", "removed"), ("uni", "does not name"), ("main", "acme", "USD", "EUR"), ("`by`",)]
    assert codes(answer) == ["bad_tenants"] * len(wrong)
    for facts in wrong:
        assert [it for it in answer.errors if all(fact in it.text for fact in facts)], facts
    raw = await apply(TenantsRequest(document={"tenant": {"acme": {"share": 0, "max_shots": 0}}}, by="ada"))
    assert codes(raw) == ["bad_tenants"] * 2
    assert [it.text.split()[0] for it in raw.errors] == ["tenant.acme.share", "tenant.acme.max_shots"]
    assert len(fresh.log.stored) == stored


async def test_of_two_documents_at_once_one_loses(fresh: Office, apply: ApplyTenants) -> None:
    seen = (await apply(TenantsRequest())).sequence
    answers = await asyncio.gather(apply(wanted("[tenant.acme]\n", after=seen)), apply(wanted(MANY, after=seen)))
    assert sorted(map(codes, answers)) == [[], ["stale"]]
    assert [*fresh.world.directory.tenant] == ["acme"]


async def test_of_two_brokers_one_loses(fresh: Office, apply: ApplyTenants, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ApplyTenants(fresh.log, fresh.follower, fresh.world)
    append = fresh.log.append_all

    async def interrupted(facts: Sequence[Guarded]) -> int:
        monkeypatch.setattr(fresh.log, "append_all", append)
        await other(wanted("[tenant.acme]\n"))
        return await append(facts)

    monkeypatch.setattr(fresh.log, "append_all", interrupted)
    assert codes(await apply(wanted(MANY))) == ["stale"]
    assert [it.data.tenant for it in fresh.log.events(TenantDefined)] == ["acme"]


async def test_nonsense_among_the_facts_keeps_no_one_from_changing_tenants(
    fresh: Office, apply: ApplyTenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = fresh.log.last

    async def broken(subject: str) -> Stored | None:
        if subject == subjects.TENANTS:
            raise Unreadable("not an event", fresh.log.stored[-1].sequence)
        return await last(subject)

    await apply(wanted("[tenant.acme]\n"))
    monkeypatch.setattr(fresh.log, "last", broken)
    assert (await apply(wanted("[tenant.acme]\n[tenant.evil]\n"))).changes == ("qb.tenant.evil.defined",)


async def test_a_crash_between_two_batches_is_completed_by_the_next_apply(
    fresh: Office, apply: ApplyTenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    await apply(wanted(ACME))
    monkeypatch.setattr(tenancy, "_BATCH", 2)
    append, left = fresh.log.append_all, [2]

    async def crashing(facts: Sequence[Guarded]) -> int:
        if not left[0]:
            raise Unavailable("the broker was killed here")
        left[0] -= 1
        return await append(facts)

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
    assert Tenants.model_validate(answer.document).tenant.keys() == parse_tenants(MANY).tenant.keys()


async def test_a_crash_before_the_budget_is_completed_at_the_next_start(
    fresh: Office, apply: ApplyTenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = fresh.log.append

    async def crashing(event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        if isinstance(event, AccountFunded):
            raise Unavailable("the broker was killed here")
        return await append(event, after=after, guard=guard)

    with monkeypatch.context() as patch:
        patch.setattr(fresh.log, "append", crashing)
        with pytest.raises(Unavailable):
            await apply(wanted(ACME))
    assert fresh.world.account("acme", "main").available("USD") == Money.zero()
    await apply.start(lambda: pytest.fail("the log has tenants"), by="first start")
    assert fresh.world.account("acme", "main").available("USD") == Money.of("5")


async def test_a_first_start_imports_a_file_and_no_later_one_does(fresh: Office, apply: ApplyTenants) -> None:
    await apply.start(lambda: parse_tenants(ACME), by="first start")
    await apply.start(lambda: parse_tenants(MANY), by="first start")
    assert [*fresh.world.directory.tenant] == ["acme"]
    assert {it.data.by for it in fresh.log.events(TenantDefined)} == {"first start"}


async def test_a_first_start_without_tenants_says_why(apply: ApplyTenants) -> None:
    def broken() -> Tenants:
        raise BadTenants("tenants.toml cannot be read")

    with pytest.raises(BadTenants, match="cannot be read"):
        await apply.start(broken, by="first start")


def applied(text: str, *, after: int = 0, tenants_after: int | None = None) -> TenantsRequest:
    record = Application(by="ada", plan=digest(text.encode()), commit="c0ffee")
    return wanted(text, after=tenants_after).model_copy(update={"applied": record, "applied_after": after})


async def test_documents_are_recorded_in_one_batch_with_the_facts_of_tenants(
    fresh: Office, apply: ApplyTenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[str]] = []
    append = fresh.log.append_all

    async def seen(facts: Sequence[Guarded]) -> int:
        batches.append([it.event.type for it in facts])
        return await append(facts)

    monkeypatch.setattr(fresh.log, "append_all", seen)
    assert (await apply(applied(ACME))).errors == ()
    assert (len(batches[0]), batches[0][-1]) == (4, "qb.config.applied.v1")
    assert [(it.data.by, it.data.commit) for it in fresh.log.events(ConfigApplied)] == [("ada", "c0ffee")]


async def test_of_two_sets_of_documents_one_is_refused_whole(fresh: Office, apply: ApplyTenants) -> None:
    assert (await apply(applied(ACME))).errors == ()
    stored = len(fresh.log.stored)
    answer = await apply(applied(ACME + "[tenant.late]\n", after=0))
    assert (codes(answer), len(fresh.log.stored)) == (["stale"], stored)
    assert "late" not in answer.document["tenant"]  # type: ignore[operator]  # JSON
    last = await fresh.log.last(subjects.CONFIG)
    assert last is not None
    assert (await apply(applied(ACME, after=last.sequence))).changes == (), "documents without tenants are recorded too"
    assert len(fresh.log.events(ConfigApplied)) == 2
