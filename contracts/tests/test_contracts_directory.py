"""Tenants as facts: the fold, the difference, and what the bus may grant while they change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_contracts.directory import Directory, TenantEvent, changes, faults, narrowed
from queuebit_contracts.roles import ROLES, VERBS_OF, common_role
from queuebit_contracts.tenant import ProjectDefined, TenantRemoved, UserDefined
from queuebit_contracts.tenants import Budget, Project, Tenant, Tenants, User, parse_tenants, tenants_toml
from queuebit_runtime.keys import new_seed, public_key

KEYS = [public_key(new_seed()) for _ in range(8)]
NAMES = ("acme", "evil", "uni", "lab")

projects = st.builds(
    Project,
    budget=st.sampled_from(["0", "10", "12.50"]),
    currency=st.sampled_from(["USD", "EUR"]),
    backends=st.sampled_from([(), ("aer", "cirq"), ("cirq", "aer")]),
    default_kind=st.sampled_from(["simulator", "emulated"]),
    fallback=st.sampled_from([(), ("aer",), ("cirq", "aer")]),
    fallback_after_s=st.sampled_from([300, 0, 60]),
    objective=st.sampled_from(["cost", "time", "balanced"]),
    weight=st.sampled_from([1, 3]),
)
budgets = st.dictionaries(
    st.sampled_from(["tenant", "project:main", "tag:x", "class:batch", "vendor:ibm"]),
    st.builds(
        Budget,
        amount=st.sampled_from(["0", "7.5"]),
        currency=st.sampled_from(["USD", "EUR"]),
        window=st.sampled_from(["lifetime", "month", "30d"]),
        soft=st.booleans(),
        warn_at=st.sampled_from([("0.5", "0.8", "1"), (), ("0.9",)]),
    ),
)
limits = {"share": st.integers(1, 3), "max_shots": st.integers(1, 3), "max_active_jobs": st.integers(1, 3)}


@st.composite
def documents(draw: st.DrawFn) -> Tenants:
    free = draw(st.permutations(KEYS))
    tenants = {}
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True)):
        users = {}
        for user in draw(st.lists(st.sampled_from(["ann", "bob"]), unique=True)):
            keys = tuple(free.pop() for _ in range(draw(st.integers(0, 2))) if free)
            users[user] = User(role=draw(st.sampled_from(ROLES)), keys=keys)
        named = st.dictionaries(st.sampled_from(["main", "sim"]), projects, max_size=2)
        tenants[name] = Tenant(
            user=users,
            project=draw(named),
            budget=draw(budgets),
            erasable=draw(st.booleans()),
            **{it: draw(of) for it, of in limits.items()},
        )
    removed = draw(st.lists(st.sampled_from([it for it in NAMES if it not in tenants] or ["old"]), unique=True))
    return Tenants(tenant=tenants, removed=tuple(removed))


def folded(directory: Directory, events: Iterable[TenantEvent]) -> Directory:
    for event in events:
        directory.take(event)
    return directory


def grants(document: Tenants) -> Iterator[tuple[str, str, str, str]]:
    for tenant, entry in document.tenant.items():
        for user, it in entry.user.items():
            yield from ((tenant, user, key, verb) for key in it.keys for verb in VERBS_OF[it.role])


@settings(max_examples=50, deadline=None)
@given(documents(), documents())
def test_the_changes_between_two_documents_lead_from_one_to_the_other(before: Tenants, after: Tenants) -> None:
    directory = Directory(before)
    reserved = {*directory.removed}
    found = folded(directory, changes(directory, after, "ops"))
    assert {*found.removed} == reserved | {*after.removed} | (before.tenant.keys() - after.tenant.keys())
    wanted = {name: it for name, it in after.tenant.items() if name not in reserved}
    assert found.document().tenant == wanted
    assert changes(found, Tenants(tenant=wanted, removed=after.removed), "ops") == []
    owners = {key: (tenant, user) for tenant, user, key, _ in grants(found.document())}
    for key in KEYS:
        for name in NAMES:
            user = found.user(name, key)
            assert (user[0] if user else None) == (owners[key][1] if owners.get(key, ("",))[0] == name else None)


@settings(max_examples=50, deadline=None)
@given(documents(), documents())
def test_while_the_bus_changes_it_grants_no_more_than_either_document(before: Tenants, after: Tenants) -> None:
    granted, common = {*grants(narrowed(before, after))}, {*grants(before)} & {*grants(after)}
    assert granted <= common
    role = {(name, user): it.role for name, entry in before.tenant.items() for user, it in entry.user.items()}
    for tenant, user, key, verb in common - granted:
        others = (role[tenant, user], after.tenant[tenant].user[user].role)
        assert common_role(*others) is None, (others, key, verb)  # no role has exactly what both permit


@settings(max_examples=50, deadline=None)
@given(documents(), documents(), st.integers(0, 30))
def test_whatever_part_of_the_changes_was_stored_the_next_apply_completes_it(
    before: Tenants, after: Tenants, stored: int
) -> None:
    directory = Directory(before)
    folded(directory, changes(directory, after, "ops")[:stored])
    whole = Directory(before)
    folded(whole, changes(whole, after, "ops"))
    assert folded(directory, changes(directory, after, "ops")).document().tenant == whole.document().tenant


@settings(max_examples=50, deadline=None)
@given(documents())
def test_what_is_exported_is_read_as_the_same_document(document: Tenants) -> None:
    assert parse_tenants(tenants_toml(document)) == document


def test_a_removed_name_is_reserved_though_a_file_names_it_again() -> None:
    directory = Directory(parse_tenants("[tenant.acme]\n[tenant.evil]\n"))
    folded(directory, changes(directory, parse_tenants('removed = ["acme"]\n[tenant.evil]\n'), "ops"))
    (fault,) = faults(directory, parse_tenants("[tenant.acme]\n[tenant.evil]\n"))
    assert "no tenant may be called acme: a tenant of that name was removed" in fault
    folded(directory, changes(directory, parse_tenants("[tenant.acme.user.ann]\n"), "ops"))
    assert "acme" not in directory.tenant


def test_a_tenant_that_a_document_forgot_is_not_removed_by_accident() -> None:
    directory = Directory(parse_tenants("[tenant.acme]\n[tenant.evil]\n[tenant.uni]\n"))
    (one, other) = faults(directory, parse_tenants("[tenant.acme]\n"))
    assert "tenant evil is in force" in one
    assert 'add "uni" to `removed`' in other
    assert faults(directory, parse_tenants('removed = ["evil", "uni"]\n[tenant.acme]\n')) == []


def test_what_is_unknown_grants_nothing() -> None:
    directory = Directory(parse_tenants("[tenant.acme]\n"))
    for what, entry in (("user", {"role": "emperor", "keys": [KEYS[0]]}), ("project", {"default_kind": "oracle"})):
        kind = UserDefined if what == "user" else ProjectDefined
        data = {"tenant": "acme", what: "x", "by": "a later version", **entry}
        directory.take(kind.model_validate({"source": "qb/broker", "data": data}))
    assert directory.user("acme", KEYS[0]) == ("x", "viewer")
    kind_of_backend: str | None = directory.tenant["acme"].project["x"].default_kind
    assert kind_of_backend == "oracle"


def test_facts_of_a_tenant_that_is_not_there_change_nothing() -> None:
    directory = Directory()
    user = {"tenant": "acme", "user": "ann", "keys": [KEYS[0]], "by": "ops"}
    directory.take(UserDefined.model_validate({"source": "qb/broker", "data": user}))
    assert directory.user("acme", KEYS[0]) is None
    directory.take(TenantRemoved.model_validate({"source": "qb/broker", "data": {"tenant": "acme", "by": "ops"}}))
    assert [*directory.removed] == ["acme"]


@pytest.mark.parametrize("again", ["viewer", "admin"])
def test_each_change_says_who_made_it_and_what_holds_from_then_on(again: str) -> None:
    before = parse_tenants('[tenant.acme.user.ann]\nrole = "submitter"\n')
    after = parse_tenants(f'[tenant.acme.user.ann]\nrole = "{again}"\n')
    (event,) = changes(Directory(before), after, "ada")
    assert isinstance(event, UserDefined)
    assert (event.data.by, event.data.user, event.data.role) == ("ada", "ann", again)


def test_a_key_with_a_wrong_character_may_not_come_into_force_and_may_be_replaced() -> None:
    def keyed(key: str) -> Tenants:
        return Tenants(tenant={"acme": Tenant(user={"ann": User(keys=(key,))})})

    damaged = keyed(KEYS[0][:-1] + ("A" if KEYS[0][-1] != "A" else "B"))
    (why,) = faults(Directory(), damaged)
    assert "a key of user ann of acme has a wrong character" in why
    assert faults(Directory(damaged), keyed(KEYS[0])) == [], "facts of an earlier version may have one"


def test_a_project_without_a_fallback_is_the_same_fact_as_before() -> None:
    document = parse_tenants("[tenant.acme.project.p]")
    [_, defined] = changes(Directory(), document, by="ada")
    assert b"fallback" not in defined.to_bytes()
    later = parse_tenants("[tenant.acme.project.p]\nfallback_after_s = 60")
    [changed] = changes(Directory(document), later, by="ada")
    assert isinstance(changed, ProjectDefined)
    assert (changed.data.fallback, changed.data.fallback_after_s) == (None, 60)
