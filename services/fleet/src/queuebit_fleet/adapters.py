"""The scheduler over the bus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import ValidationError

from queuebit_contracts.fleet import IsolationAnswer, IsolationRequest
from queuebit_contracts.subjects import ISOLATION_REQUEST
from queuebit_kernel import Unavailable

__all__ = ["SchedulerOverBus"]

_ANSWER_S: Final = 2.0


class SchedulerOverBus:
    """Asks the scheduler to isolate a backend, or to readmit it."""

    def __init__(self, request: Callable[[str, bytes, float], Awaitable[bytes]]) -> None:
        self._request = request

    async def ask(self, request: IsolationRequest) -> IsolationAnswer:
        """Raises `Unavailable` as its port says."""
        body = request.model_dump_json(exclude_none=True).encode()
        reply = await self._request(ISOLATION_REQUEST, body, _ANSWER_S)
        try:
            return IsolationAnswer.model_validate_json(reply)
        except ValidationError as error:
            raise Unavailable(f"the scheduler answers with something else: {error}") from error
