"""Writes FastStream's AsyncAPI document of the messages that the services consume and answer.

python -m tests.contracts.services_document            write contracts/asyncapi/services.json
python -m tests.contracts.services_document --check    fail if the committed file is stale
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

import queuebit_alerting.canary_routes
import queuebit_alerting.incident_routes
import queuebit_alerting.routes
import queuebit_broker.routes
import queuebit_executor.routes
import queuebit_fleet.routes
import queuebit_hybrid.routes
import queuebit_metering.operator_routes
import queuebit_metering.routes
import queuebit_provenance.routes
import queuebit_scheduler.routes
import queuebit_telemetry.routes
from queuebit_contracts.catalog import EVENTS
from queuebit_contracts.executors import durable_of, with_executors
from queuebit_contracts.generate import REQUESTS
from queuebit_contracts.topology import topology
from queuebit_runtime.tracing import Tracing
from queuebit_telemetry.fact_lists import LISTS

__all__ = ["DOCUMENT", "services_document", "text_of"]

DOCUMENT = Path(__file__).parents[2] / "contracts" / "asyncapi" / "services.json"

_LOCAL = "#/components/schemas/"


def services_document() -> dict[str, Any]:  # JSON
    """Return the document of all routes, without calling their handlers."""
    handler: Any = SimpleNamespace(hint=None)
    wanted = with_executors(topology(), {"aer": ("aer",)})
    broker = NatsBroker("nats://127.0.0.1:4222")
    broker.include_routers(
        queuebit_alerting.canary_routes.canary_requests(handler),
        queuebit_alerting.canary_routes.flag_queries(handler),
        queuebit_alerting.incident_routes.incident_requests(handler),
        queuebit_alerting.routes.operator_requests(handler),
        queuebit_fleet.routes.orders(handler),
        queuebit_broker.routes.queries(handler, side_by_side=1),
        queuebit_broker.routes.erasures(handler),
        queuebit_broker.routes.tenancy(handler),
        queuebit_broker.routes.delegations(handler, side_by_side=1),
        queuebit_broker.routes.revocations(handler, side_by_side=1),
        queuebit_broker.routes.session_requests(handler, side_by_side=1),
        queuebit_broker.routes.reservation_requests(handler, side_by_side=1),
        queuebit_broker.routes.windows(handler),
        queuebit_broker.routes.routes(handler, handler),
        queuebit_broker.routes.hybrid_routes(handler),
        queuebit_scheduler.routes.queries(handler, handler, handler),
        queuebit_scheduler.routes.isolations(handler),
        queuebit_executor.routes.placements(handler, durable_of("aer", "aer"), wanted),
        queuebit_executor.routes.cancellations(handler),
        queuebit_executor.routes.profiles(handler, "aer", Tracing("executor-aer"), begin_s=1.0),
        queuebit_executor.routes.liveness(["aer"], {}, lambda _: None),
        queuebit_executor.routes.statements(handler),
        queuebit_hybrid.routes.routes(handler, handler),
        queuebit_hybrid.routes.queries(handler),
        queuebit_metering.routes.routes(handler, handler, workers=1),
        queuebit_metering.routes.sessions(handler),
        queuebit_metering.routes.reservations(handler),
        queuebit_metering.routes.hybrid_routes(handler),
        queuebit_metering.operator_routes.vendor_bills(handler),
        queuebit_metering.operator_routes.invoice_requests(handler),
        queuebit_provenance.routes.routes(handler, workers=1),
        queuebit_provenance.routes.queries(handler, handler),
        queuebit_telemetry.routes.spans(handler),
        queuebit_telemetry.routes.queries(
            dict.fromkeys(
                (
                    "jobs",
                    "charges",
                    "bills",
                    "invoices",
                    "slo",
                    "activity",
                    "groups",
                    "fidelities",
                    "audit",
                    "inventory",
                    *LISTS,
                ),
                handler,
            ),
            asyncio.Semaphore(1),
            side_by_side=1,
        ),
    )
    description = "What the services consume and answer. The executor of the stack `aer` stands for all executors."
    specification = AsyncAPI(broker, title="Queuebit services", version="0.1.0", description=description)
    document: dict[str, Any] = json.loads(specification.to_specification().to_json())
    document.pop("servers")  # its operator decides where the bus is
    for channel in document["channels"].values():
        channel.pop("servers", None)
    return _with_published_schemas(document)


def text_of(document: dict[str, Any]) -> str:  # JSON
    """The form in which it is committed."""
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _with_published_schemas(document: dict[str, Any]) -> dict[str, Any]:  # JSON
    """Refer to the published schemas of events and queries, instead of repeating them."""
    published = {event.__name__: f"../schemas/{name}.json" for name, event in EVENTS.items()}
    published |= {it.__name__: f"../schemas/queries.json#/$defs/{it.__name__}" for it in REQUESTS}
    schemas = document["components"].pop("schemas")
    linked: dict[str, Any] = _linked(document, published)
    used = {it for it in schemas if f'"{_LOCAL}{it}"' in json.dumps(linked)}
    linked["components"]["schemas"] = {name: _linked(schemas[name], published) for name in sorted(used)}
    return linked


def _linked(value: Any, published: Mapping[str, str]) -> Any:  # JSON
    if isinstance(value, dict):
        name = str(value.get("$ref", "")).removeprefix(_LOCAL)
        if name in published:
            return {"$ref": published[name]}
        return {key: _linked(item, published) for key, item in value.items()}
    return [_linked(item, published) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    if "--check" not in sys.argv:
        DOCUMENT.write_text(text_of(services_document()))
    elif DOCUMENT.read_text() != text_of(services_document()):
        sys.exit("contracts/asyncapi/services.json is stale: run `make generate` and commit it")
