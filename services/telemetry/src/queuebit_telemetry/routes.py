"""What telemetry is asked over the bus, and the spans that it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from faststream.nats import NatsRouter
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import JsonValue, ValidationError

from queuebit_contracts.query import Answer, Question
from queuebit_contracts.wire import Reason
from queuebit_kernel import Fault
from queuebit_runtime.duties import Body, Sequence, subscribes
from queuebit_runtime.tasks import Tasks
from queuebit_telemetry.handlers import KeepSpans

__all__ = ["Answering", "Handler", "spans"]

Handler = Callable[[str, Question], Awaitable[list[dict[str, JsonValue]]]]
"""Answers the question of one tenant."""

AT_ONCE = 8
"""Questions answered side by side; the others wait."""

LARGEST = 1_000_000
"""Bytes of an answer that the bus carries."""


def spans(keep: KeepSpans) -> NatsRouter:
    """The duty of keeping spans."""
    router = NatsRouter()

    @subscribes(router, "telemetry-spans", workers=64)
    async def on_spans(body: Body, sequence: Sequence) -> None:
        """Keep the spans of one message."""
        await keep(body, sequence)

    return router


class Answering:
    """Answers `qb.query.<tenant>.<question>`. The tenant is the subject's, which permissions guard, and no other."""

    def __init__(self, handlers: Mapping[str, Handler], tasks: Tasks) -> None:
        self._handlers = handlers
        self._tasks = tasks
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def listen(self, client: Client) -> None:
        """Take questions from now on, sharing them with other processes of this service."""
        for question in self._handlers:
            await client.subscribe(f"qb.query.*.{question}", queue="telemetry", cb=self._on_question)

    async def _on_question(self, message: Msg) -> None:
        """Begin to answer when it is its turn; what waits is the client's queue, which is bounded."""
        await self._turn.acquire()
        self._tasks.spawn(self._respond(message), f"answer {message.subject}")

    async def _respond(self, message: Msg) -> None:
        try:
            answer = (await self._answer(message)).model_dump_json().encode()
        finally:
            self._turn.release()
        if len(answer) > LARGEST:
            answer = _refusal("too_large", "the answer is too large for the bus: ask with a smaller limit")
        if message.reply:
            with suppress(NatsError):  # whoever asked will ask again
                await message.respond(answer)

    async def _answer(self, message: Msg) -> Answer:
        _, _, tenant, question = message.subject.split(".")
        try:
            asked = Question.model_validate_json(message.data or b"{}")
            return Answer(rows=tuple(await self._handlers[question](tenant, asked)))
        except ValidationError as error:
            return Answer(error=Reason(code="malformed", text=f"not a question: {error!s:.300}"))
        except Fault as error:
            return Answer(error=Reason(code=error.code, text=str(error)))


def _refusal(code: str, text: str) -> bytes:
    return Answer(error=Reason(code=code, text=text)).model_dump_json().encode()
