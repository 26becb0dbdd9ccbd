"""NATS auth callout: what nats-server asks about a login that its configuration does not know, and the answers.

Requests and answers are JSON Web Tokens with Ed25519 NKeys (ADR 26 and the JWT specification of NATS, version 2). A
server signs its request; an answer is signed with the key that the server's configuration names, and holds the user
with permissions and an end. Pure, but for `Callout`, which listens.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

from queuebit_contracts.topology import LOGIN_REQUEST, Permissions
from queuebit_kernel import Clock, Malformed, from_base64url, to_base64url
from queuebit_runtime.connection import Client, NatsError
from queuebit_runtime.harden import listen
from queuebit_runtime.keys import public_key, sign_bytes, verify_bytes
from queuebit_runtime.received import Received
from queuebit_runtime.tasks import Tasks

__all__ = ["Callout", "Decide", "LoginRequest", "UserLogin", "granted", "read_login", "refused"]

_log = logging.getLogger(__name__)

_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}
_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_AUDIENCE: Final = "nats-authorization-request"
_SUBSCRIPTIONS, _PAYLOAD = 256, 192 << 10
"""Limits of one connection: subscriptions, and bytes of a message. The tenant's account limits connections."""
_MOST_OPEN: Final = 64
"""Logins that are decided at the same time; the server refuses others after its timeout."""


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A login that a server asks about."""

    server: str
    """The public key of the server, to which alone the answer counts."""
    user: str
    """The public key that the server made for this connection."""
    token: str = field(repr=False)
    name: str = ""
    """The user name beside the token, if the client gave one."""
    address: str = ""
    """From where the client is connected, as the server sees it."""


@dataclass(frozen=True, slots=True)
class UserLogin:
    """Who a connection belongs to, what it may do, and until when."""

    name: str
    account: str
    permissions: Permissions
    expires_at: datetime


Decide: TypeAlias = Callable[[LoginRequest], Awaitable[UserLogin | str]]
"""Decides on a login; a text is the reason of a refusal, which only the server's log gets."""


def read_login(body: bytes, now: datetime) -> LoginRequest:
    """Read a server's request.

    Raises:
        Malformed: it is none, a server did not sign it, or it has expired.
    """
    try:
        if (parts := _TOKEN.fullmatch(body.decode("ascii"))) is None:
            raise Malformed("this is no request for a login")
        signed, signature = f"{parts[1]}.{parts[2]}", parts[3]
        head, claims = (json.loads(from_base64url(it)) for it in (parts[1], parts[2]))
        server, asked = claims["iss"], claims["nats"]
        given, address = asked["connect_opts"], str(asked["client_info"].get("host") or "")
        token = given.get("auth_token") or given.get("pass") or ""
        found = LoginRequest(str(server), str(asked["user_nkey"]), str(token), str(given.get("user") or ""), address)
        fits = claims["aud"] == _AUDIENCE and asked["server_id"]["id"] == server and head == _HEADER
        current = now.timestamp() < claims["exp"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed("this is no request for a login") from error
    if not (
        fits and current and found.server.startswith("N") and verify_bytes(found.server, signed.encode(), signature)
    ):
        raise Malformed("no server signed this request for a login, or it has expired")
    return found


def granted(seed: str, request: LoginRequest, login: UserLogin, now: datetime) -> bytes:
    """The answer that lets a connection in.

    Args:
        seed: the account key that the server's configuration names as issuer.
        request: what the server asked.
        login: the user.
        now: the time.
    """
    user: dict[str, Any] = {  # JSON
        "pub": {"allow": [*login.permissions.publish]},
        "sub": {"allow": [*login.permissions.subscribe]},
        "subs": _SUBSCRIPTIONS,
        "data": -1,
        "payload": _PAYLOAD,
        "type": "user",
        "version": 2,
    }
    claims = {"sub": request.user, "aud": login.account, "name": login.name, "exp": int(login.expires_at.timestamp())}
    return _answer(seed, request, {"jwt": _signed(seed, {**claims, "nats": user}, now)}, now)


def refused(seed: str, request: LoginRequest, reason: str, now: datetime) -> bytes:
    """The answer that refuses a connection. The client gets no reason, the server's log does."""
    return _answer(seed, request, {"error": reason}, now)


def _answer(seed: str, request: LoginRequest, outcome: dict[str, str], now: datetime) -> bytes:
    content = {**outcome, "type": "authorization_response", "version": 2}
    return _signed(seed, {"sub": request.user, "aud": request.server, "nats": content}, now).encode()


def _signed(seed: str, claims: dict[str, object], now: datetime) -> str:
    whole = {"iss": public_key(seed), "iat": int(now.timestamp()), "jti": str(claims["sub"]), **claims}
    signed = ".".join(to_base64url(json.dumps(it).encode()) for it in (_HEADER, whole))
    return f"{signed}.{sign_bytes(seed, signed.encode())}"


class Callout:
    """Answers the servers' requests. Processes of one service share them."""

    def __init__(self, service: str, tasks: Tasks, seed: str, decide: Decide, clock: Clock) -> None:
        """Prepare.

        Args:
            service: the name of the service.
            tasks: of the service.
            seed: the account key that the server's configuration names as issuer.
            decide: who may log in.
            clock: the time.
        """
        self._service = service
        self._tasks = tasks
        self._seed = seed
        self._decide = decide
        self._clock = clock
        self._open = 0

    async def listen(self, client: Client) -> None:
        """Start to answer."""

        def on_message(message: Received) -> None:
            if self._open < _MOST_OPEN:
                self._open += 1
                self._tasks.spawn(self._handle(message), "callout")

        await listen(client, LOGIN_REQUEST, on_message, queue=self._service)

    async def _handle(self, message: Received) -> None:
        try:
            async with asyncio.timeout(5):  # the server waits no longer
                await self.answer(message)
        except (Malformed, TimeoutError) as error:
            _log.warning("a login was not decided: %s", error or "it took too long")
        finally:
            self._open -= 1

    async def answer(self, message: Received) -> None:
        """Answer one request; raises `Malformed` if it is none."""
        request = read_login(message.data, self._clock.now())
        found = await self._decide(request)
        now = self._clock.now()
        if isinstance(found, UserLogin) and found.expires_at > now:
            body = granted(self._seed, request, found, now)
        else:
            body = refused(self._seed, request, found if isinstance(found, str) else "the token has expired", now)
        with suppress(NatsError):  # the client tries again
            await message.respond(body)
