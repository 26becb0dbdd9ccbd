"""Orders of the operator, and the ends of jobs as the log stores them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from faststream.nats import NatsRouter
from faststream.nats.annotations import NatsMessage

from queuebit_contracts.catalog import decode
from queuebit_contracts.fleet import FleetAnswer, FleetRequest
from queuebit_contracts.job import JobCompleted, JobFailed
from queuebit_contracts.subjects import FLEET_REQUEST, origin, stored
from queuebit_contracts.wildcards import every
from queuebit_contracts.wire import Reason
from queuebit_kernel import Clock, Malformed
from queuebit_runtime.replies import SIDE_BY_SIDE, Replies, request_of

__all__ = ["ends", "orders"]


def orders(answer: Callable[[FleetRequest], Awaitable[FleetAnswer]]) -> NatsRouter:
    """Isolate, readmit and list."""
    router = NatsRouter(middlewares=[Replies(_refused)])

    @router.subscriber(
        FLEET_REQUEST, queue="fleet", max_workers=SIDE_BY_SIDE, decoder=request_of(FleetRequest), title="fleet"
    )
    async def on_order(request: FleetRequest) -> FleetAnswer:
        """Do what the operator wants with a backend."""
        return await answer(request)

    return router


def ends(
    take: Callable[[JobCompleted | JobFailed, datetime], bool], wake: Callable[[], None], clock: Clock
) -> NatsRouter:
    """Follow ends of jobs live: one that is missed while this process starts changes little."""
    router = NatsRouter()

    async def on_end(message: NatsMessage) -> None:
        """Count an end; look at the backends if it says too much."""
        raw = message.raw_message
        try:
            event = decode(raw.data, origin(raw.subject))
        except Malformed:
            return
        if isinstance(event, JobCompleted | JobFailed) and take(event, clock.now()):
            wake()

    for kind in (JobCompleted, JobFailed):
        router.subscriber(stored(every(kind)), title=f"ended-{kind.__name__}", no_reply=True)(on_end)
    return router


def _refused(code: str, text: str) -> FleetAnswer:
    return FleetAnswer(errors=(Reason(code=code, text=text),))
