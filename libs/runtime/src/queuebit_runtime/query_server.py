"""Answers queries of tenants, `qb.query.<tenant>.<question>`, concurrently: no tenant waits for another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import parse, query
from queuebit_contracts.wire import Reason
from queuebit_kernel import Fault, Malformed
from queuebit_runtime.tasks import Tasks
from queuebit_runtime.tenant_limiter import Crowded, TenantLimiter

__all__ = ["Answerer", "QueryServer"]

Answerer = Callable[[str, Question], Awaitable[Answer]]
"""Answers a query of one tenant. The tenant comes from the subject, which permissions guard."""

_LARGEST = 1_000_000
"""The largest answer that the bus carries."""

_ROOM = 4 << 20
"""Bytes of waiting queries: about a hundred of a single tenant, so that each is answered in time."""


class QueryServer:
    """Answers queries; processes of one service share them."""

    def __init__(self, service: str, tasks: Tasks, *, side_by_side: int) -> None:
        """Answer up to `side_by_side` queries of each tenant at once."""
        self._service = service
        self._tasks = tasks
        self._lines = TenantLimiter(side_by_side, _ROOM)

    async def listen(self, client: Client, question: str, answerer: Answerer) -> None:
        """Start to answer one kind of query."""

        async def on_question(message: Msg) -> None:
            self._tasks.spawn(self._respond(message, answerer), f"answer {message.subject}")

        await client.subscribe(query(question), queue=self._service, cb=on_question)

    async def _respond(self, message: Msg, answerer: Answerer) -> None:
        tenant = parse(message.subject).tenant
        try:
            async with self._lines.turn(tenant, len(message.data)):
                answer = await _answer(tenant, message.data, answerer)
        except Crowded:
            answer = _no("busy", "too many queries: try again in a second, and less often")
        body = answer.model_dump_json().encode()
        if len(body) > _LARGEST:
            too_large = _no("too_large", "the answer is too large for the bus: ask with a smaller limit")
            body = too_large.model_dump_json().encode()
        if message.reply:
            with suppress(NatsError):  # the client will repeat the query
                await message.respond(body)


async def _answer(tenant: str, body: bytes, answerer: Answerer) -> Answer:
    try:
        return await answerer(tenant, Question.model_validate_json(body or b"{}"))
    except ValidationError as error:
        return _no(Malformed.code, f"not a query: {error!s:.300}")
    except Fault as error:
        return _no(error.code, str(error))


def _no(code: str, text: str) -> Answer:
    return Answer(error=Reason(code=code, text=text))
