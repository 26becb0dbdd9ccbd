"""What `services.toml` may say of a service is what that service reads: the same fields, bounds and defaults."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from queuebit_broker.settings import Settings as BrokerReads
from queuebit_contracts import deployment
from queuebit_contracts.deployment import Services, ServiceSettings, StackSettings
from queuebit_executor.settings import Settings as ExecutorReads
from queuebit_gateway.settings import Settings as GatewayReads
from queuebit_metering.settings import Settings as MeteringReads
from queuebit_provenance.settings import Settings as ProvenanceReads
from queuebit_scheduler.settings import Settings as SchedulerReads


def bounds(model: type[BaseModel], field: str) -> dict[str, Any]:
    schema = model.model_json_schema()["properties"][field]
    kind = next((it for it in schema.get("anyOf", ()) if it.get("type") != "null"), schema)
    return {name: it for name, it in {**schema, **kind}.items() if name not in ("anyOf", "title", "description")}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (deployment.BrokerSettings, BrokerReads),
        (deployment.SchedulerSettings, SchedulerReads),
        (deployment.MeteringSettings, MeteringReads),
        (deployment.ProvenanceSettings, ProvenanceReads),
        (deployment.GatewaySettings, GatewayReads),
    ],
)
def test_a_service_reads_what_may_be_written(written: type[BaseModel], read: type[BaseModel]) -> None:
    for field in {*written.model_fields} - {"processes"}:  # of the stack, not of one process
        assert bounds(written, field) == bounds(read, field), field


def test_an_executor_reads_what_may_be_written() -> None:
    assert {*StackSettings.model_fields} - {"enabled", "python", "backends", "environment"} <= {
        *ExecutorReads.model_fields
    }


@pytest.mark.parametrize("name", ServiceSettings.model_fields)
def test_settings_are_variables_of_their_service(name: str) -> None:
    variables = Services.model_validate({"service": {name: {}}}).environment(name)
    assert variables
    assert all(it.startswith(f"QUEUEBIT_{name.upper()}_") for it in variables)
    assert Services().environment(name) == {}


def test_a_list_is_written_as_the_gateway_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"service": {"gateway": {"webhook_private_hosts": ["hooks.internal", "10.0.0.7"]}}}
    for name, value in Services.model_validate(given).environment("gateway").items():
        monkeypatch.setenv(name, value)
    assert GatewayReads().webhook_private_hosts == ("hooks.internal", "10.0.0.7")
