"""Answering requests: what a FastStream handler returns or raises becomes the one reply to it.

Routes that reply take `Replies` as their middleware and `json_body` as their decoder. A requester decides nothing about
how its request is read: headers such as `content-type` are ignored.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from faststream import BaseMiddleware, ContextRepo, Depends, Header
from faststream.message import StreamMessage
from faststream.nats.annotations import NatsMessage
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from queuebit_contracts.subjects import parse
from queuebit_kernel import Fault, Malformed, Unavailable
from queuebit_runtime.connection import Msg
from queuebit_runtime.tenant_limiter import Crowded, TenantLimiter

__all__ = ["SIDE_BY_SIDE", "Refusal", "Replies", "Tenant", "Traceparent", "json_body"]

_log = logging.getLogger(__name__)

SIDE_BY_SIDE = 1024
"""Requests of one route that are in hand at once, those included that wait for their turn."""

_LARGEST = 1_000_000
"""Bytes of a reply that the bus carries."""

Refusal = Callable[[str, str], BaseModel | None]
"""Words a refusal, from its code and its text; None: nothing is replied, and the requester asks again later."""

_Next = Callable[[StreamMessage[Msg]], Awaitable[BaseModel]]


async def _tenant(message: NatsMessage) -> str:
    return parse(message.raw_message.subject).tenant


Tenant = Annotated[str, Depends(_tenant)]
"""Whose request it is: the subject's tenant, which permissions guard, and no other."""

Traceparent = Annotated[str | None, Header("traceparent", default=None)]
"""The trace context in which the request was sent."""


async def json_body(message: StreamMessage[Msg]) -> Any:  # what JSON holds
    """Decode a request's JSON, whatever its headers say; empty is an empty object, and what is no JSON stays bytes."""
    try:
        return from_json(message.body or b"{}")
    except ValueError:
        return message.body


class Replies:
    """Middleware factory of the routes that reply in one form."""

    def __init__(self, refusal: Refusal, *, turns: TenantLimiter | None = None, exclude_none: bool = False) -> None:
        """Prepare.

        Args:
            refusal: how a refusal is worded.
            turns: where given, requests of a tenant wait for each other there, and for no other tenant's.
            exclude_none: whether fields without a value are left out.
        """
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

    async def consume_scope(self, call_next: _Next, msg: StreamMessage[Msg]) -> bytes:
        try:
            async with self._owner.turn(msg.raw_message):
                answer = await call_next(msg)
        except Crowded as error:
            return self._refused("busy", "too many requests wait: ask again in a second, and less often", error)
        except ValidationError as error:
            return self._refused(Malformed.code, f"not a request of this kind: {error!s:.300}", error)
        except Fault as error:
            return self._refused(error.code, str(error), error)
        except Exception:
            _log.exception("a request on %s was not answered", msg.raw_message.subject)
            raise
        body = self._encoded(answer)
        if len(body) > _LARGEST:
            return self._refused("too_large", "the answer is too large for the bus: ask with a smaller limit")
        return body

    def _refused(self, code: str, text: str, error: Exception | None = None) -> bytes:
        answer = self._owner.refusal(code, text)
        if answer is None:
            _log.warning("a request was not answered: %s: %s", code, text)
            raise error or Unavailable(text)
        return self._encoded(answer)

    def _encoded(self, answer: BaseModel) -> bytes:
        return answer.model_dump_json(exclude_none=self._owner.exclude_none).encode()
