"""A bearer token that stays valid: made with the user's key, renewed before it ends, revoked at the end."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Final
from urllib.parse import urlencode

from queuebit.credentials import Credential
from queuebit.delegating import proof_for
from queuebit.errors import Reason, Refused, Unreachable
from queuebit.http_connection import Answer, HttpConnections
from queuebit_kernel import SystemClock

__all__ = ["BearerTokens"]

_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
_ASK_S: Final = 15.0
_KEPT: Final = 0.8
"""The part of a token's life after which another one is made."""


class BearerTokens:
    """The tokens of one user. A token in the credential is used as it is, and not renewed."""

    def __init__(self, connections: HttpConnections, credential: Credential, scope: str) -> None:
        self._connections = connections
        self._credential = credential
        self._scope = scope
        self._clock = SystemClock()
        self._token = ""
        self._until = 0.0
        self._making = asyncio.Lock()

    async def valid(self) -> str:
        """A token for the next request.

        Raises:
            Refused: the gateway gives none.
            Unreachable: it does not answer.
        """
        if self._credential.token:
            return self._credential.token
        async with self._making:
            if asyncio.get_running_loop().time() >= self._until:
                await self._make()
        return self._token

    def rejected(self, token: str) -> bool:
        """Note that the gateway does not take a token; return whether another one can be made."""
        if token == self._token:
            self._until = 0.0
        return not self._credential.token

    async def revoke(self) -> None:
        """End the token that was made here."""
        if self._token:
            with suppress(Unreachable):  # it ends by itself
                await self._post("/oauth/revoke", {"token": self._token}, timeout=3.0)
            self._token, self._until = "", 0.0

    async def _make(self) -> None:
        now = self._clock.now().timestamp()
        proof = proof_for(self._credential, None, scope=self._scope, project=None, now=now)
        form = {"grant_type": _EXCHANGE, "subject_token": proof, "subject_token_type": _JWT}
        answer = await self._post("/oauth/token", form, timeout=_ASK_S)
        try:
            document = json.loads(answer.body)
        except ValueError as error:
            raise Unreachable(f"what answers at {self._connections.origin.url} is no gateway of Queuebit") from error
        if answer.status == 200:
            self._token = str(document["access_token"])
            self._until = asyncio.get_running_loop().time() + _KEPT * float(document["expires_in"])
        elif answer.status >= 500:
            raise Unreachable(str(document.get("error_description", "the gateway gives no token now")))
        else:
            given = [Reason(str(it["code"]), str(it["text"])) for it in document.get("reasons", ())]
            raise Refused(given or [Reason("forbidden", str(document.get("error_description", answer.status)))])

    async def _post(self, path: str, form: dict[str, str], *, timeout: float) -> Answer:
        target = self._connections.origin.target(path)
        return await self._connections.send("POST", target, _FORM, urlencode(form).encode(), timeout)
