"""Requests of the operator about incidents; no other user may send them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from faststream.nats import NatsRouter

from queuebit_contracts.incidents import IncidentAnswer, IncidentRequest
from queuebit_contracts.subjects_alerting import INCIDENT_REQUEST
from queuebit_contracts.wire import Reason
from queuebit_runtime.replies import SIDE_BY_SIDE, Replies, request_of

__all__ = ["incident_requests"]


def incident_requests(answer: Callable[[IncidentRequest], Awaitable[IncidentAnswer]]) -> NatsRouter:
    """Acknowledge, note, resolve and reopen."""
    router = NatsRouter(middlewares=[Replies(_refused)])

    @router.subscriber(
        INCIDENT_REQUEST,
        queue="alerting",
        max_workers=SIDE_BY_SIDE,
        decoder=request_of(IncidentRequest),
        title="incident",
    )
    async def on_incident(request: IncidentRequest) -> IncidentAnswer:
        """Do what a person wants with an incident."""
        return await answer(request)

    return router


def _refused(code: str, text: str) -> IncidentAnswer:
    return IncidentAnswer(errors=(Reason(code=code, text=text),))
