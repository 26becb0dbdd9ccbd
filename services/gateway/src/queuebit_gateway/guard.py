"""What every request passes: its id, its `Host`, the limits of its body, and headers of safety on the answer."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queuebit.errors import QueuebitError
from queuebit_gateway.access import CODE
from queuebit_gateway.addresses import no_such_address, no_such_method
from queuebit_gateway.problems import Problem, answer_of, problem_of
from queuebit_kernel import Fault

__all__ = ["BODY_BYTES", "Guard"]

BODY_BYTES: Final = 2 << 20
"""The largest body of a request, in bytes: a circuit of 1 MiB as a JSON text, and what belongs to it."""

_PAUSES: Final = 6
"""A body may take as long as so many of its longest pauses."""

_CLOSE: Final = (("connection", "close"),)
"""After a body that may never end."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_SAFE: Final = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_log = logging.getLogger(__name__)


class Guard:
    """The outermost ASGI middleware. Every error below it becomes a problem document."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], body_s: float) -> None:
        """Prepare.

        Args:
            app: what is guarded.
            hosts: names under which the gateway is reached, beside loopback.
            body_s: the longest pause while the body of a request arrives, in seconds.
        """
        self._app = app
        self._hosts = frozenset(it.lower() for it in hosts)
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app  # Starlette's mark that its errors are handled outside
        headers, begun = Headers(scope=scope), False
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request_id
                for name, value in _SAFE.items():
                    out.setdefault(name, value)
            await send(message)

        try:
            self._require_host(headers)
            await self._app(scope, self._limited(headers, receive), answer)
        except Exception as error:
            if begun or not isinstance(error, (Problem, Fault, QueuebitError, HTTPException)):
                _log.exception("request %s: %s %s", request_id, scope["method"], scope["path"])
            if begun:  # too late for another answer: the connection ends
                raise
            problem = _of_framework(error, scope) if isinstance(error, HTTPException) else problem_of(error)
            scope[CODE] = problem.code
            await answer_of(problem, request_id)(scope, receive, answer)

    def _require_host(self, headers: Headers) -> None:
        """A page of another site that resolves its name to this address must not reach the gateway."""
        given = headers.getlist("host")
        name = _name_of(given[0]) if len(given) == 1 else ""
        if not (name == "localhost" or name in self._hosts or _is_loopback(name)):
            raise Problem(
                421,
                "unknown_host",
                "this gateway is not reached under that Host",
                "use a name of loopback, or set QUEUEBIT_GATEWAY_HOSTS",
            )

    def _limited(self, headers: Headers, receive: Receive) -> Receive:
        """The body, as long as it is small enough and goes on arriving."""
        if (length := headers.get("content-length", "")).isdigit() and int(length) > BODY_BYTES:
            raise _too_large()
        arrived, complete = 0, False
        until = asyncio.get_running_loop().time() + _PAUSES * self._body_s

        async def limited() -> Message:
            nonlocal arrived, complete
            if complete:
                return await receive()  # waits for the client to go
            try:
                async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + self._body_s)):
                    message = await receive()
            except TimeoutError as error:
                said = f"the body stopped for {self._body_s:g} s, or took {_PAUSES * self._body_s:g} s: send it again"
                raise Problem(400, "body_stopped", said, headers=_CLOSE) from error
            arrived += len(message.get("body", b""))
            if arrived > BODY_BYTES:
                raise _too_large(_CLOSE)
            complete = not message.get("more_body", False)
            return message

        return limited


def _too_large(headers: tuple[tuple[str, str], ...] = ()) -> Problem:
    return Problem(413, "body_too_large", f"the body of a request may have {BODY_BYTES:,} bytes", headers=headers)


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?", host)
    return found[1].strip("[]").lower() if found else ""


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _sorted(names: str) -> str:
    """Names between commas in one order: Starlette keeps methods in a set, whose order changes between processes."""
    return ", ".join(sorted(it.strip() for it in names.split(",")))


def _of_framework(error: HTTPException, scope: Scope) -> Problem:
    if error.status_code == 404:
        return no_such_address(scope["path"])
    if error.status_code == 405:
        return no_such_method(scope["method"], scope["path"], _sorted(Headers(error.headers).get("allow", "")))
    headers = tuple((error.headers or {}).items())
    return Problem(error.status_code, "bad_request", error.detail, "see /docs for all addresses", headers=headers)
