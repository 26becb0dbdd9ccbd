"""Least privilege of services, on a real server: a service writes the facts that the catalogue gives it, and no others.

The catalogue says who appends what, and the document of the services follows from the same table.
"""

from __future__ import annotations

import re

import nats
import pytest

from queuebit_contracts.catalog import CATALOG
from queuebit_contracts.subjects import covers
from queuebit_testing.server import NatsServer, declared

pytestmark = pytest.mark.server

SERVICES = sorted(declared().service)


def _facts() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for it in CATALOG.values():  # an earlier version of a type has the subject of the present one, and no writer
        for subject in it.subjects:
            plain = re.sub(r"\{\w+\}", "x1", subject.replace("{tenant}", "acme"))
            found.setdefault(plain, set()).update(it.appended_by)
    return found


FACTS = _facts()
"""A subject of each type of fact, and who appends it."""


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_cannot_publish_facts_of_another(nats_server: NatsServer, name: str) -> None:
    refused = set[str]()

    async def note(error: Exception) -> None:
        found = re.search(r'permissions violation for publish to "([^"]+)"', str(error), re.IGNORECASE)
        assert found is not None, error
        refused.add(found[1])

    client = await nats.connect(nats_server.url, nkeys_seed_str=nats_server.seeds[name], error_cb=note)
    role = name.partition("-")[0]
    own = declared().service[name].appends
    foreign = {it for it, writers in FACTS.items() if role not in writers and not any(covers(mine, it) for mine in own)}
    for subject in foreign:
        await client.publish(subject, b"{}")
    for _ in range(2):  # nats-py sends PING before its buffer: only the second one follows the messages
        await client.flush()
    await client.close()
    assert refused == {it.lower() for it in foreign} or refused == foreign


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_may_write_is_what_the_catalogue_gives_it(name: str) -> None:
    """A wildcard of its own covers no fact of which the catalogue does not name it."""
    role = name.partition("-")[0]
    allowed = declared().service_permissions(name).publish
    beyond = [it for it, writers in FACTS.items() if role not in writers and any(covers(one, it) for one in allowed)]
    assert beyond == []
    assert all(any(covers(one, it) for one in allowed) for it, writers in FACTS.items() if role in writers)


def test_no_two_services_have_the_same_rights() -> None:
    rights = {name: declared().service_permissions(name).publish for name in SERVICES}
    assert len({*rights.values()}) == len(SERVICES)


@pytest.mark.parametrize("name", [*SERVICES, "operator", "provisioner"])
def test_no_subject_is_open_by_default(name: str) -> None:
    wanted = declared()
    of = {"operator": wanted.operator_permissions, "provisioner": wanted.provisioner_permissions}
    allowed = of[name]() if name in of else wanted.service_permissions(name)
    assert not {">", "*", "$JS.>", "$JS.API.>", "$SYS.>", "_INBOX.>", "qb.>"} & {*allowed.publish}
