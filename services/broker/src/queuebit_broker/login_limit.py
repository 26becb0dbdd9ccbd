"""Refuses logins to the bus from an address at which too many failed, before their token is read."""

from __future__ import annotations

from collections.abc import Callable

from queuebit_runtime.callout import Decide, LoginRequest, UserLogin
from queuebit_runtime.failed_logins import TOO_MANY, WINDOW_S, FailedLogins

__all__ = ["LoginLimit"]


class LoginLimit:
    """Decides on logins as another one does, as long as not too many of an address fail."""

    def __init__(
        self, decide: Decide, most: int, now: Callable[[], float], refused: Callable[[str, str], object]
    ) -> None:
        """Prepare.

        Args:
            decide: who may log in.
            most: logins of an address that may fail in a minute.
            now: a time that only grows, in seconds.
            refused: counts a refusal, by the name that the client gave and the code.
        """
        self._decide = decide
        self._most = most
        self._now = now
        self._refused = refused
        self._failed = FailedLogins(most)

    async def __call__(self, request: LoginRequest) -> UserLogin | str:
        """As the other decides; or the text that says for how long to wait."""
        wait = self._failed.wait(request.address, request.token, self._now())
        if wait > 0:
            self._refused(request.name, TOO_MANY)
            return f"more than {self._most} logins from {request.address} failed in {WINDOW_S:.0f} s: {wait:.0f} s left"
        found = await self._decide(request)
        if isinstance(found, UserLogin):
            self._failed.succeeded(request.address, request.token)
        else:
            self._failed.failed(request.address, request.token, self._now())
        return found
