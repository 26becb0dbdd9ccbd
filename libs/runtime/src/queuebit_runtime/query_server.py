"""Answers queries of tenants, `qb.query.<tenant>.<question>`, concurrently: no tenant waits for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from faststream.nats import NatsRouter

from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import query
from queuebit_contracts.wire import Reason
from queuebit_runtime.replies import SIDE_BY_SIDE, Replies, Tenant, request_of
from queuebit_runtime.tenant_limiter import TenantLimiter

__all__ = ["Answerer", "Query", "QueryServer"]

Answerer = Callable[[str, Question], Awaitable[Answer]]
"""Answers a question of one tenant."""

Query: TypeAlias = Callable[[Tenant, Question], Awaitable[Answer]]
"""A FastStream handler of one kind of question."""

_ROOM = 4 << 20
"""Bytes of waiting queries: about a hundred of a single tenant, so that each is answered in time."""


class QueryServer:
    """Routes of the questions that a service answers; processes of one service share them."""

    def __init__(self, service: str, *, side_by_side: int) -> None:
        """Answer up to `side_by_side` queries of each tenant concurrently."""
        self._service = service
        self.router = NatsRouter(middlewares=[Replies(_refusal, turns=TenantLimiter(side_by_side, _ROOM))])
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


def _refusal(code: str, text: str) -> Answer:
    return Answer(error=Reason(code=code, text=text))
