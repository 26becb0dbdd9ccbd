"""Answering requests: what a FastStream handler returns or raises becomes the one reply to it.

Routes that reply take `Replies` as their middleware and `request_of` as their decoder. Only the decoder blames the
requester. Headers such as `content-type` are ignored: a requester decides nothing about how its request is read.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import Annotated, Any, Final, TypeVar

from faststream import BaseMiddleware, ContextRepo, Depends, Header
from faststream.message import StreamMessage
from faststream.nats.annotations import NatsMessage
from pydantic import BaseModel, ValidationError

from queuebit_contracts.subjects import parse
from queuebit_kernel import Fault, Malformed, Unavailable
from queuebit_runtime.connection import Msg
from queuebit_runtime.message_metrics import ANSWERED, RequestMetrics
from queuebit_runtime.request_faults import explain_request
from queuebit_runtime.tenant_limiter import Crowded, TenantLimiter

__all__ = ["REQUESTS", "SIDE_BY_SIDE", "Answered", "Refusal", "Replies", "Tenant", "Traceparent", "request_of"]

_log = logging.getLogger(__name__)

SIDE_BY_SIDE = 1024
"""The most requests of one route at the same time, including waiting ones."""

REQUESTS: Final = "requests"
"""What a broker's context calls its `RequestMetrics`."""

_LARGEST = 1_000_000
"""Bytes of a reply that the bus carries."""

Refusal = Callable[[str, str], BaseModel | None]
"""Words a refusal, from its code and its text; None: nothing is replied, and the requester asks again later."""

Answered = Callable[[Msg, BaseModel], None]
"""Takes a request and its answer."""

_INTERNAL: Final = "internal_error"
"""The code of a fault inside a handler: no fault of the requester, and repeating the request may not help."""

_Request = TypeVar("_Request", bound=BaseModel)
_Next = Callable[[StreamMessage[Msg]], Awaitable[BaseModel]]


async def _tenant(message: NatsMessage) -> str:
    return parse(message.raw_message.subject).tenant


Tenant = Annotated[str, Depends(_tenant)]
"""Whose request it is: the subject's tenant, which permissions guard, and no other."""

Traceparent = Annotated[str | None, Header("traceparent", default=None)]
"""The trace context in which the request was sent."""


def request_of(kind: type[_Request]) -> Callable[[StreamMessage[Msg]], Awaitable[_Request]]:
    """Return the decoder of a kind of request; an empty body is an empty object.

    It raises `Malformed` with the fields that are wrong and what they may hold.
    """

    async def decode(message: StreamMessage[Msg]) -> _Request:
        try:
            return kind.model_validate_json(message.body or b"{}")
        except ValidationError as error:
            raise Malformed(f"the request is refused: {explain_request(error)}") from error

    return decode


class Replies:
    """Middleware factory of the routes that reply in one form."""

    def __init__(
        self,
        refusal: Refusal,
        *,
        turns: TenantLimiter | None = None,
        exclude_none: bool = False,
        answered: Answered | None = None,
    ) -> None:
        """Prepare.

        Args:
            refusal: how a refusal is worded.
            turns: where given, requests of a tenant wait for each other there, and for no other tenant's.
            exclude_none: whether fields without a value are left out.
            answered: called with each request that a handler answered or that breaks its contract, and its answer.
        """
        self.answered = answered
        self.refusal = refusal
        self.exclude_none = exclude_none
        self._turns = turns

    def turn(self, request: Msg) -> AbstractAsyncContextManager[None]:
        """Wait until a request may be handled."""
        if self._turns is None:
            return contextlib.nullcontext()
        return self._turns.turn(parse(request.subject).tenant, len(request.data))

    def __call__(self, msg: Msg | None, /, *, context: ContextRepo) -> _Reply:
        return _Reply(msg, context=context, owner=self)


class _Reply(BaseMiddleware[Any, Msg | None]):
    """One request and its reply."""

    def __init__(self, msg: Msg | None, /, *, context: ContextRepo, owner: Replies) -> None:
        super().__init__(msg, context=context)
        self._owner = owner
        self._outcome = ANSWERED

    async def consume_scope(self, call_next: _Next, msg: StreamMessage[Msg]) -> bytes:
        began = perf_counter()
        try:
            return await self._reply(call_next, msg)
        finally:
            metrics: RequestMetrics | None = self.context.get(REQUESTS)
            if metrics is not None:  # a broker in the memory of a test counts nothing
                route: str = self.context.get_local("handler_").specification.config.title_
                metrics.ended(route, self._outcome, perf_counter() - began)

    async def _reply(self, call_next: _Next, msg: StreamMessage[Msg]) -> bytes:
        try:
            async with self._owner.turn(msg.raw_message):
                answer = await call_next(msg)
        except Crowded as error:
            return self._refused(
                msg.raw_message, "busy", "too many requests wait: ask again in a second, and less often", error
            )
        except Fault as error:
            return self._refused(msg.raw_message, error.code, str(error), error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the requester gets an answer
            _log.exception("an internal error in the answer to a request on %s", msg.raw_message.subject)
            return self._refused(
                msg.raw_message, _INTERNAL, f"internal error ({type(error).__name__}): see the service's log", error
            )
        body = self._encoded(answer)
        if len(body) > _LARGEST:
            return self._refused(
                msg.raw_message, "too_large", "the answer is too large for the bus: ask with a smaller limit"
            )
        if self._owner.answered is not None:
            self._owner.answered(msg.raw_message, answer)
        return body

    def _refused(self, request: Msg, code: str, text: str, error: Exception | None = None) -> bytes:
        self._outcome = code
        answer = self._owner.refusal(code, text)
        if answer is None:
            _log.warning("a request was not answered: %s: %s", code, text)
            raise error or Unavailable(text)
        if isinstance(error, Malformed) and self._owner.answered is not None:
            self._owner.answered(request, answer)
        return self._encoded(answer)

    def _encoded(self, answer: BaseModel) -> bytes:
        return answer.model_dump_json(exclude_none=self._owner.exclude_none).encode()
