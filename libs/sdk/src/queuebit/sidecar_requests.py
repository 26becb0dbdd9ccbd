"""Requests to a sidecar: what it reads, what it takes, and the keys that it gives to jobs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from queuebit.http_connection import Answer

__all__ = ["BadRequest", "Request", "is_signed", "keyed", "problem", "read_request"]

_FORWARDED: Final = frozenset({"accept", "content-type", "idempotency-key", "prefer", "last-event-id", "x-request-id"})
"""Headers of a program that reach the gateway: none that says who asks."""
_TARGET: Final = re.compile(r"/v1/[!-~]*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Characters that end a line for some servers: a program could add headers, or a request outside of /v1/."""
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})
_BODY_BYTES: Final = 2 << 20
_WITH_KEY: Final = frozenset({"/v1/jobs", "/v1/hybrid-jobs", "/v1/sessions"})
_SIGNED: Final = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the program."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def repeatable(self) -> bool:
        """Whether two of it do what one does: of those that write, all but the requests about webhooks."""
        return self.method != "POST" or not self.path.startswith("/v1/webhooks")


class BadRequest(Exception):
    """A request that is answered here."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.answer = problem(status, code, detail, "see docs/gateway.md for the addresses")


def problem(status: int, code: str, detail: str, next_step: str) -> Answer:
    """A refusal in the form of the gateway's."""
    document = {
        "type": f"urn:queuebit:problem:{code}",
        "title": "The sidecar refuses the request" if status < 500 else "The platform does not answer",
        "status": status,
        "code": code,
        "detail": detail,
        "reasons": [{"code": code, "text": detail}],
        "request_id": secrets.token_hex(8),
        "retryable": status == 503,
        "next_step": next_step,
    }
    headers = {"content-type": "application/problem+json", **({"retry-after": "1"} if status == 503 else {})}
    return Answer(status, headers, json.dumps(document).encode())


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read one request.

    Raises:
        BadRequest: it is not one that may be forwarded.
        EOFError: the program closed the connection.
    """
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.LimitOverrunError as error:
        raise BadRequest(431, "head_too_large", "the head of the request is too large") from error
    if any(map(_CONTROL.search, lines)):
        raise BadRequest(400, "bad_request", "the head of the request has a control character")
    method, _, rest = lines[0].partition(" ")
    target, _, version = rest.partition(" ")
    if not version.startswith("HTTP/1.") or method not in _METHODS:
        raise BadRequest(400, "bad_request", "this is no request of HTTP/1.1 that a gateway knows")
    if not _TARGET.fullmatch(target):
        raise BadRequest(404, "no_such_address", "a sidecar has the addresses under /v1/")
    headers = dict[str, str]()
    for line in filter(None, lines[1:]):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await _body(reader, headers)
    return Request(method, target, {name: it for name, it in headers.items() if name in _FORWARDED}, body)


def keyed(request: Request, prefix: str | None) -> Request:
    """A request that submits a job or a hybrid job, or opens a session, with a key: a repetition of it is the same one.

    Args:
        request: of the program.
        prefix: what the key begins with, followed by a digest of the request; without one, the key is random.
    """
    has_key = "idempotency-key" in request.headers or is_signed(request)
    if request.method != "POST" or request.path not in _WITH_KEY or has_key:
        return request
    kind = request.headers.get("content-type", "")
    content = hashlib.sha256("\n".join([request.target, kind, ""]).encode() + request.body).hexdigest()[:32]
    key = secrets.token_hex(16) if prefix is None else f"{prefix}-{content}"
    return replace(request, headers={**request.headers, "idempotency-key": key})


def is_signed(request: Request) -> bool:
    """Whether the job or hybrid job is in an event that its user signed, which has a key."""
    kind = request.headers.get("content-type", "")
    if kind.startswith(_SIGNED):
        return True
    try:
        document = json.loads(request.body) if kind.startswith("application/json") else None
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "event" in document


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise BadRequest(411, "length_required", "send the body with Content-Length")
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(400, "bad_request", "Content-Length is no number")
    if int(text[:12]) > _BODY_BYTES:
        raise BadRequest(413, "body_too_large", f"the body of a request may have {_BODY_BYTES:,} bytes")
    return await reader.readexactly(int(text))
