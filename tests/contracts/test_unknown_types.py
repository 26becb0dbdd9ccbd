"""A consumer that receives an event of a type that this version does not know does not handle it as a known one."""

from __future__ import annotations

from typing import Any

import pytest
from faststream.nats import NatsRouter

import queuebit_broker.routes
import queuebit_executor.routes
import queuebit_hybrid.routes
import queuebit_metering.routes
import queuebit_provenance.routes
from queuebit_contracts.executors import durable_of, with_executors
from queuebit_contracts.subjects import parse
from queuebit_contracts.topology import LOG, topology
from queuebit_kernel import Superseded
from queuebit_testing.routes import in_memory

WANTED = with_executors(topology(), {"aer": ("aer",)})
CONSUMERS = {name: it.filters for name, it in WANTED.durable.items() if it.stream == LOG}


def routers() -> list[NatsRouter]:
    async def handle(*_: Any, **__: Any) -> None:
        raise AssertionError("it was handled")

    handler: Any = handle
    return [
        queuebit_broker.routes.routes(handler, handler),
        queuebit_broker.routes.hybrid_routes(handler),
        queuebit_executor.routes.placements(handler, durable_of("aer", "aer"), WANTED),
        queuebit_hybrid.routes.routes(handler, handler),
        queuebit_metering.routes.routes(handler, handler, workers=1),
        queuebit_metering.routes.sessions(handler),
        queuebit_metering.routes.reservations(handler),
        queuebit_metering.routes.hybrid_routes(handler),
        queuebit_provenance.routes.routes(handler, workers=1),
    ]


@pytest.mark.parametrize("consumer", CONSUMERS)
async def test_no_route_takes_a_later_type_for_its_own(consumer: str) -> None:
    subject = CONSUMERS[consumer][0].replace("*", "x1")
    it = parse(subject)
    body = f'{{"specversion":"1.0","source":"qb/later","type":"qb.{it.noun}.{it.event}.v9","data":{{}}}}'.encode()
    async with in_memory(*routers()) as broker:
        with pytest.raises(Superseded, match="does not handle"):
            await broker.publish(body, subject)
