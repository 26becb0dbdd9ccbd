"""Answers queries of tenants, `qb.query.<tenant>.<question>`, concurrently: no tenant waits for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from faststream.nats import NatsRouter
from pydantic import BaseModel

from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import parse, query
from queuebit_contracts.wire import Reason
from queuebit_runtime.access_recorder import Recorder
from queuebit_runtime.bus_readers import reader_of
from queuebit_runtime.connection import Msg
from queuebit_runtime.replies import SIDE_BY_SIDE, Replies, Tenant, request_of
from queuebit_runtime.tenant_limiter import TenantLimiter

__all__ = ["READS", "Answerer", "Query", "QueryServer"]

Answerer = Callable[[str, Question], Awaitable[Answer]]
"""Answers a question of one tenant."""

Query: TypeAlias = Callable[[Tenant, Question], Awaitable[Answer]]
"""A FastStream handler of one kind of question."""

READS: Final[Mapping[str, str]] = {
    "receipt": "receipt",
    "invoices": "invoice",
    "bills": "bill",
    "charges": "bill",
    "audit": "audit",
}
"""Questions whose answers are reads of the audit trail, and the kind of what is read."""

_NOT_NOW: Final = frozenset({"busy", "internal_error", "not_sealed", "stale", "unavailable"})
"""Reasons for which the same question may be answered later: no refusals."""

_ROOM = 4 << 20
"""Bytes of waiting queries: about a hundred of a single tenant, so that each is answered in time."""


class QueryServer:
    """Routes of the questions that a service answers; processes of one service share them."""

    def __init__(self, service: str, *, side_by_side: int, access: Recorder | None = None) -> None:
        """Answer up to `side_by_side` queries of each tenant concurrently; `access` counts reads and refusals."""
        self._service = service
        self._access = access
        turns = TenantLimiter(side_by_side, _ROOM)
        self.router = NatsRouter(middlewares=[Replies(_refusal, turns=turns, answered=self._count)])
        """What `Service.include` takes."""

    def answers(self, question: str) -> Callable[[Query], Query]:
        """Give one kind of question to a handler."""
        return self.router.subscriber(
            query(question),
            queue=self._service,
            max_workers=SIDE_BY_SIDE,
            decoder=request_of(Question),
            title=f"query-{question}",
        )

    def _count(self, request: Msg, answer: BaseModel) -> None:
        """Count the answer to a reader on the bus; the gateway counts for whom it asks."""
        about = parse(request.subject)
        if self._access is None or not isinstance(answer, Answer) or (who := reader_of(request, about.tenant)) is None:
            return
        if answer.error is not None:
            if answer.error.code not in _NOT_NOW:
                self._access.refused("bus", "request", request.subject, who, answer.error.code)
        elif (kind := READS.get(about.event)) is not None:
            job = Question.model_validate_json(request.data or b"{}").job
            self._access.read("bus", kind, job or "all", who)


def _refusal(code: str, text: str) -> Answer:
    return Answer(error=Reason(code=code, text=text))
