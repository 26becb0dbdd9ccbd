"""Every address and every role: a role gets 403 where the table says so, and nowhere else."""

from __future__ import annotations

import re

import pytest

from queuebit_contracts.roles import ROLES, VERBS, VERBS_OF, Role, roles_with
from queuebit_gateway.callers import Caller
from queuebit_gateway.operations import OPERATIONS
from queuebit_gateway.verbs import verbs_by_address
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus, app_for, platform

WEBHOOKS = "/v1/webhooks"
"""Served by an application with webhooks only, as streams of events are by one with streams."""


def test_every_operation_has_a_verb() -> None:
    addresses = {(it.method, it.path) for it in OPERATIONS}
    missing = addresses - verbs_by_address().keys()
    assert not missing, "add them to queuebit_gateway.verbs: without a verb, only admins may use them"
    further = {it for it in verbs_by_address().keys() - addresses if not it[1].startswith("/qrmi/")}
    assert not further


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_use_the_addresses_of_its_verbs_and_no_others(role: Role, bus: Bus) -> None:
    app = app_for(platform(MemoryLog(), bus), Caller("acme", "ann", role))
    refused = set()
    for method, path in verbs_by_address():
        answer = await send(app, method, re.sub(r"\{\w+\}", "x", path))
        if answer.status == 403 and answer.json()["code"] == "forbidden":
            refused.add((method, path))
            detail = answer.json()
            assert f"has the role {role} in acme" in detail["detail"]
            verb = verbs_by_address()[method, path]
            assert any(it in str(detail) for it in roles_with(verb))
    expected = {it for it, verb in verbs_by_address().items() if verb not in VERBS_OF[role]}
    served = {it for it in expected if not it[1].startswith(WEBHOOKS) and not it[1].endswith("/events")}
    assert refused >= served
    assert refused <= expected


def test_no_address_needs_a_verb_of_the_platform() -> None:
    assert not any(VERBS[it].platform for it in verbs_by_address().values())
