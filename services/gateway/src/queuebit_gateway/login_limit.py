"""Refuses logins from an address at which too many failed: at once, before a token or a signature is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queuebit_gateway.access import has_caller
from queuebit_gateway.problems import Problem
from queuebit_runtime.failed_logins import TOO_MANY, WINDOW_S, FailedLogins

__all__ = ["LoginLimit"]

_LOGINS: Final = ("/oauth/token", "/qrmi/identity/token")
"""Addresses whose body has the credential."""
_KEY_ID: Final = re.compile(r'keyid="([^"]*)"')


class LoginLimit:
    """ASGI middleware inside the guard. Requests without any credential are no logins."""

    def __init__(self, app: ASGIApp, most: int, now: Callable[[], float]) -> None:
        """Let `most` logins of an address fail in a minute; `now` is a time that only grows, in seconds."""
        self._app = app
        self._most = most
        self._failed = FailedLogins(most)
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (credential := _credential(scope)) is None:
            await self._app(scope, receive, send)
            return
        address = (scope.get("client") or ("",))[0]
        if (wait := self._failed.wait(address, credential, self._now())) > 0:
            raise Problem(
                429,
                TOO_MANY,
                f"more than {self._most} logins from this address failed in {WINDOW_S:.0f} s",
                "wait as long as Retry-After says, and use a token that is valid: `qb token list`",
                retry_after_s=wait,
            )

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 400 and scope["path"] in _LOGINS:
                self._failed.failed(address, credential, self._now())
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Problem as problem:
            if problem.status == 401:
                self._failed.failed(address, credential, self._now())
            raise
        finally:
            if has_caller(scope):
                self._failed.succeeded(address, credential)


def _credential(scope: Scope) -> str | None:
    """What a request logs in with; None if it does not log in."""
    headers = Headers(scope=scope)
    if scope["path"] in _LOGINS:
        return ""
    if (given := headers.get("authorization")) is not None:
        return given
    if (signed := headers.get("signature-input")) is None:
        return None
    found = _KEY_ID.search(signed)
    return found[1] if found else ""
