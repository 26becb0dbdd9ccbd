"""The scheduler and the broker over the bus, and the operator's system over HTTP."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from queuebit_contracts.calendar import WindowsAnswer, WindowsRequest
from queuebit_contracts.fleet import IsolationAnswer, IsolationRequest
from queuebit_contracts.subjects import ISOLATION_REQUEST, WINDOWS_REQUEST
from queuebit_fleet.recalibrating import Post
from queuebit_isolation import RecalibrationHook
from queuebit_kernel import Unavailable
from queuebit_runtime.addresses import Rules
from queuebit_runtime.outbound import Outbound
from queuebit_runtime.secrets import read_secret

__all__ = ["BrokerOverBus", "SchedulerOverBus", "posts_to", "secret_in"]

_ANSWER_S: Final = 2.0
_WHOLE_S: Final = 10.0
"""How long one request to the operator's system may take."""

_Request = Callable[[str, bytes, float], Awaitable[bytes]]


class SchedulerOverBus:
    """Asks the scheduler to isolate a backend, or to readmit it."""

    def __init__(self, request: _Request) -> None:
        self._request = request

    async def ask(self, request: IsolationRequest) -> IsolationAnswer:
        """Raises `Unavailable` as its port says."""
        body = request.model_dump_json(exclude_none=True).encode()
        reply = await self._request(ISOLATION_REQUEST, body, _ANSWER_S)
        try:
            return IsolationAnswer.model_validate_json(reply)
        except ValidationError as error:
            raise Unavailable(f"the scheduler answers with something else: {error}") from error


class BrokerOverBus:
    """Asks a broker to plan windows of a backend, or to cancel one."""

    def __init__(self, request: _Request) -> None:
        self._request = request

    async def plan(self, request: WindowsRequest) -> WindowsAnswer:
        """Raises `Unavailable` as its port says."""
        body = request.model_dump_json(exclude_none=True).encode()
        reply = await self._request(WINDOWS_REQUEST, body, _ANSWER_S)
        try:
            return WindowsAnswer.model_validate_json(reply)
        except ValidationError as error:
            raise Unavailable(f"a broker answers with something else: {error}") from error


def posts_to(hook: RecalibrationHook) -> Post:
    """Posts to the host of the hook, and to no other: the operator names it, so that it may be a private one."""
    host = {urlsplit(hook.url).hostname or ""}
    outbound = Outbound(Rules("the document `fleet`", host, host), _WHOLE_S)

    async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        return (await outbound.send("POST", url, headers, body)).status

    return post


def secret_in(folder: Path | None, hook: RecalibrationHook) -> Callable[[], bytes | None]:
    """Reads what signs, for each try, so that a replaced file is in force at once."""

    def read() -> bytes | None:
        if hook.secret is None:
            return None
        if folder is None:
            raise ValueError("there is no folder for secrets: set QUEUEBIT_FLEET_SECRETS")
        path = folder / hook.secret
        try:
            return base64.b64decode(read_secret(path).removeprefix("whsec_"), validate=True)
        except binascii.Error as error:
            raise ValueError(f"{path} is no secret of Standard Webhooks: write whsec_ and base64") from error

    return read
