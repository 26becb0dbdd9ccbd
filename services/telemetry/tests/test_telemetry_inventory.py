"""The workload inventory from a real warehouse is the one that the fold of the log gives, of one tenant alone."""

from __future__ import annotations

import json

import pytest

from queuebit_contracts.admission import DataSet
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.directory import Directory, changes
from queuebit_contracts.inventory import Inventory
from queuebit_contracts.query import Question
from queuebit_contracts.tenants import parse_tenants
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.inventory_list import inventory

from .conftest import LifeOf, rows_of

pytestmark = pytest.mark.server

TENANTS = """
[tenant.acme]
regions = ["eu-de"]

[tenant.acme.project.main]
owner = "ann"
purpose = "catalyst screening"

[tenant.acme.project.idle]
[tenant.evil.project.main]
owner = "eve"
"""


def with_data_set(events: list[AnyEvent]) -> list[AnyEvent]:
    first = events[0]
    data = first.data.model_copy(update={"inputs": (DataSet(name="qm9", version="1"),)})
    return [first.model_copy(update={"data": data}), *events[1:]]


async def test_the_inventory_is_that_of_the_log(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    events: list[AnyEvent] = [
        *changes(Directory(), parse_tenants(TENANTS), by="ops"),
        *with_data_set(life_of("acme", "j1")),
        *life_of("acme", "j2", 1),
        *life_of("acme", "j3", 2)[:2],
        *life_of("evil", "j4", 3),
    ]
    position = await clickhouse.position()
    await clickhouse.append(rows_of(events), position.generation, "LOG>0")
    fold = Inventory()
    for event in events:
        fold.take(event)
    expected = [json.loads(json.dumps(it)) for it in fold.rows()]
    for tenant in ("acme", "evil"):
        found = await inventory(clickhouse, tenant, Question())
        assert found == [it for it in expected if it["tenant"] == tenant]
    idle, main = await inventory(clickhouse, "acme", Question())
    assert (main["jobs"], main["data_sets"], main["missing"]) == (2, ["qm9@1"], ["impact", "risk_class"])
    assert (idle["jobs"], idle["last_run"], idle["cost"]) == (0, None, [])
    assert await inventory(clickhouse, "nobody", Question()) == []
