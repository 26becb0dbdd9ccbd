"""Counts what the gateway answers: reads of what the audit trail is about, and every request that it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queuebit_runtime.access_counter import Who

__all__ = ["CODE", "READS", "Counting", "Door", "has_caller", "note_caller", "note_path", "note_result"]

READS: Final[Mapping[str, str]] = {
    "/v1/jobs/{job}/result": "result",
    "/v1/jobs/{job}/history": "result",
    "/v1/jobs/{job}/charge": "bill",
    "/v1/jobs/{job}/receipt": "receipt",
    "/v1/jobs/{job}/circuit": "circuit",
    "/v1/circuits/{circuit}/source": "circuit",
    "/v1/groups/{kind}/{name}/receipt": "receipt",
    "/v1/hybrid-jobs/{hybrid}/result": "result",
    "/v1/hybrid-jobs/{hybrid}/history": "result",
    "/v1/hybrid-jobs/{hybrid}/logs": "result",
    "/v1/payloads/{digest}": "payload",
    "/v1/charges": "bill",
    "/v1/exports/charges": "bill",
    "/v1/invoices": "invoice",
    "/v1/invoices/{number}": "invoice",
    "/v1/audit": "audit",
    "/v1/events": "events",
    "/v1/jobs/{job}/events": "events",
    "/v1/hybrid-jobs/{hybrid}/events": "events",
    "/qrmi/jobs/{job}/results": "result",
}
"""Addresses whose answers are reads, and the kind of what is read. `events`: a stream, counted when it begins."""

_OBJECTS: Final = ("job", "hybrid", "number", "digest", "name", "circuit")
"""Names in addresses that stand for the object."""

CODE: Final = "queuebit.code"
"""The field of a request's scope that says, for programs, why it is refused."""
_WHO: Final = "queuebit.who"
_PATH: Final = "queuebit.path"
_RESULT: Final = "queuebit.result"

_PLAIN_CONFLICT: Final = 409
"""What is asked for is not there yet, or was sent before: no refusal."""


class Door(Protocol):
    """Where reads and refusals are counted."""

    def read(self, door: str, kind: str, named: str, who: Who) -> None:
        """Count a read of an object."""

    def refused(self, door: str, kind: str, named: str, who: Who, code: str) -> None:
        """Count a refusal; `named` says what was tried."""


def note_caller(scope: Scope, who: Who) -> None:
    """Say who sends a request, once this is verified."""
    scope[_WHO] = who


def has_caller(scope: Scope) -> bool:
    """Whether it is verified who sends a request."""
    return _WHO in scope


def note_path(scope: Scope, path: str) -> None:
    """Say which address a request is for, with names for what differs."""
    scope[_PATH] = path


def note_result(scope: Scope, job: str) -> None:
    """Say that an answer has the result of a job, where its address alone does not say it."""
    scope[_RESULT] = job


class Counting:
    """ASGI middleware around everything: it sees each answer begin, and delays none."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        """Count the answers of an application at a door."""
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, int(message["status"]))
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)

    def _count(self, scope: Scope, status: int) -> None:
        who = scope.get(_WHO, Who())
        if 400 <= status < 500 and status != _PLAIN_CONFLICT:
            tried = f"{scope['method']} {scope['path']}"
            self._door.refused("gateway", "request", tried, who, str(scope.get(CODE, f"http_{status}")))
        elif status == 200 and (found := _read(scope)) is not None:
            self._door.read("gateway", *found, who)


def _read(scope: Scope) -> tuple[str, str] | None:
    """The kind of what an answer shows, and the object; None if it is no read."""
    if (job := scope.get(_RESULT)) is not None:
        return "result", job
    if (kind := READS.get(scope.get(_PATH, ""))) is None:
        return None
    given = scope.get("path_params", {})
    return kind, next((str(given[it]) for it in _OBJECTS if it in given), "all")
