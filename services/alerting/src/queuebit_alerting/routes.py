"""Requests of the operator about alerts and silences; no other user may send them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from faststream.nats import NatsRouter

from queuebit_contracts.alert_requests import AlertingAnswer, AlertingRequest
from queuebit_contracts.subjects_alerting import ALERTING_REQUEST
from queuebit_contracts.wire import Reason
from queuebit_runtime.replies import SIDE_BY_SIDE, Replies, request_of

__all__ = ["operator_requests"]


def operator_requests(answer: Callable[[AlertingRequest], Awaitable[AlertingAnswer]]) -> NatsRouter:
    """List, silence, acknowledge and test."""
    router = NatsRouter(middlewares=[Replies(_refused)])

    @router.subscriber(
        ALERTING_REQUEST,
        queue="alerting",
        max_workers=SIDE_BY_SIDE,
        decoder=request_of(AlertingRequest),
        title="alerting",
    )
    async def on_request(request: AlertingRequest) -> AlertingAnswer:
        """Answer the operator."""
        return await answer(request)

    return router


def _refused(code: str, text: str) -> AlertingAnswer:
    return AlertingAnswer(errors=(Reason(code=code, text=text),))
