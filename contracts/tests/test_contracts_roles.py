"""Roles: the table, and that the bus permits what it says, and nothing else."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from queuebit_contracts.roles import (
    ROLE_OF,
    ROLES,
    SCOPES,
    VERBS,
    VERBS_OF,
    Role,
    Scope,
    Verb,
    common_role,
    may,
    need_text,
    role_named,
    roles_with,
    scopes_within,
)
from queuebit_contracts.subjects import covers
from queuebit_contracts.topology import Permissions, Topology, topology

PAGE = Path(__file__).parents[2] / "docs" / "identity.md"


def test_the_table_is_whole() -> None:
    assert {*ROLES} == {*get_args(Role)}
    assert {*VERBS} == {*get_args(Verb)}
    assert {*SCOPES} == {*get_args(Scope)}
    assert {*ROLE_OF.values()} == {*ROLES}
    assert all(roles_with(verb) for verb in VERBS)
    assert [len(VERBS_OF[it]) for it in ROLES] == sorted(len(VERBS_OF[it]) for it in ROLES)


def test_an_auditor_changes_nothing() -> None:
    assert VERBS_OF["auditor"].isdisjoint({"submit", "manage", "operate", "bill", "tenants"})


def test_an_auditor_of_the_platform_asks_every_question_but_the_one_that_appends() -> None:
    wanted = topology()
    asked = {it for service in wanted.service.values() for it in service.answers if it.startswith("qb.query.*.")}
    allowed = wanted.staff_permissions("auditor", "ops", "d1").publish
    assert {it for it in asked if not _covered(allowed, it)} == {"qb.query.*.leaf"}


def test_finance_reads_no_circuit_and_no_result() -> None:
    assert not may("finance", "read")
    assert topology().role["finance"].payloads == "none"


@pytest.mark.parametrize(
    ("text", "role"), [("member", "submitter"), ("admin", "admin"), ("root", "viewer"), ("", "viewer")]
)
def test_former_names_count_and_unknown_ones_read_only(text: str, role: str) -> None:
    assert role_named(text) == role


@pytest.mark.parametrize(("one", "other"), [*product(ROLES, repeat=2)])
def test_what_two_roles_have_in_common_is_in_both(one: Role, other: Role) -> None:
    found = common_role(one, other)
    assert found == common_role(other, one)
    assert found is None or VERBS_OF[found] <= VERBS_OF[one] & VERBS_OF[other]
    assert common_role(one, "admin") == one


@pytest.mark.parametrize("role", ROLES)
def test_no_scope_of_a_role_is_worth_more_than_the_role(role: Role) -> None:
    assert {ROLE_OF[it] for it in scopes_within(role)} == {it for it in ROLES if VERBS_OF[it] <= VERBS_OF[role]}


def test_a_refusal_names_the_roles() -> None:
    assert need_text("submit") == "the role submitter or admin"


IN_TENANT: list[Verb] = [it for it in VERBS if not VERBS[it].platform]
ON_PLATFORM: list[Verb] = [it for it in VERBS if VERBS[it].platform]


def _needs(wanted: Topology, verb: Verb) -> tuple[set[str], set[str]]:
    """What a verb publishes and follows, for the tenant acme."""
    party = wanted.verb.get(verb)
    if party is None:
        return set(), set()
    lists = (party.appends, party.asks, party.follows, party.live)
    own = [{it.replace("{tenant}", "acme") for it in said} for said in lists]
    return own[0] | own[1], own[2] | own[3]


def _covered(allowed: tuple[str, ...], subject: str) -> bool:
    plain = subject.replace("*", "x").replace(">", "x")
    return any(covers(it, plain) for it in allowed)


def _check(wanted: Topology, permissions: Permissions, role: Role, verbs: list[Verb]) -> None:
    needs = {verb: _needs(wanted, verb) for verb in verbs}
    for verb, (published, followed) in needs.items():
        others = [needs[it] for it in verbs if it in VERBS_OF[role] and it != verb]
        for subject in published:
            shared = any(_covered(tuple(it[0]), subject) for it in others)
            assert _covered(permissions.publish, subject) == (may(role, verb) or shared), (role, verb, subject)
        for subject in followed:
            shared = any(_covered(tuple(it[1]), subject) for it in others)
            assert _covered(permissions.subscribe, subject) == (may(role, verb) or shared), (role, verb, subject)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_publish_and_follow_on_the_bus_what_its_verbs_need(role: Role) -> None:
    wanted = topology()
    for permissions in (
        wanted.client_permissions(role, "acme", "ann"),
        wanted.key_permissions(role, "acme", "d1"),
    ):
        _check(wanted, permissions, role, IN_TENANT)
    _check(wanted, wanted.staff_permissions(role, "ops", "d1"), role, ON_PLATFORM)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_on_the_platform_writes_history_or_has_all_of_jetstream(role: Role) -> None:
    allowed = topology().staff_permissions(role, "ops", "d1")
    for subject in allowed.publish:
        assert subject.startswith(("qb.admin.", "qb.query.", "qb.replay.", "$JS.API."))
        assert ".DELETE." not in subject or ".CONSUMER." in subject
    assert not {">", "$JS.>", "$JS.API.>", "_INBOX.>"} & {*allowed.publish, *allowed.subscribe}


def test_an_account_imports_what_its_users_may_use_and_nothing_of_others() -> None:
    walls = topology().tenant_walls("acme")
    for role in ROLES:
        allowed = topology().client_permissions(role, "acme", "ann")
        assert all(any(covers(wall, it) for wall in walls.publish) for it in allowed.publish)
        follows = [it for it in allowed.subscribe if not it.startswith("_INBOX.")]
        assert all(any(covers(wall, it) for wall in walls.subscribe) for it in follows)


def test_every_question_of_a_tenant_has_a_verb() -> None:
    wanted = topology()
    answered = {it for party in wanted.service.values() for it in party.answers if it.startswith("qb.query.*.")}
    asked = {it.replace("{tenant}", "*") for verb in IN_TENANT if verb in wanted.verb for it in wanted.verb[verb].asks}
    assert answered <= asked


def test_the_page_has_the_table() -> None:
    assert roles_table() in PAGE.read_text()


def roles_table() -> str:
    """The table of `docs/identity.md`; it follows from `VERBS_OF`."""
    lines = [f"| may | {' | '.join(f'`{it}`' for it in ROLES)} | commands |", "|---" * (len(ROLES) + 2) + "|"]
    for verb, said in VERBS.items():
        marks = " | ".join("yes" if verb in VERBS_OF[role] else "" for role in ROLES)
        commands = ", ".join(f"`qb {it}`" for it in said.commands)
        lines.append(f"| {said.text}{' (platform)' if said.platform else ''} | {marks} | {commands} |")
    return "\n".join(lines)
