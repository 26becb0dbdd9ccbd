"""Sessions: open, list and close them. The broker decides; the gateway relays what the user signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.errors import Reason
from queuebit.inputs import one_line
from queuebit.records import Row
from queuebit.session_requests import session_document
from queuebit_contracts.job import Signature
from queuebit_contracts.session import (
    DEFAULT_AGE_S,
    DEFAULT_IDLE_S,
    MAX_AGE_S,
    CloseSession,
    OpenSession,
    SessionAnswer,
    session_id,
)
from queuebit_contracts.subjects import sessions
from queuebit_contracts.tenants import Tenant
from queuebit_contracts.wire import Amount, Name
from queuebit_gateway.answers import listed, newest_sequence, object_of, shown_fact
from queuebit_gateway.bodies import Body, read
from queuebit_gateway.broker_requests import signed_request
from queuebit_gateway.callers import Caller, CallerOf, paying_project
from queuebit_gateway.pages import limit_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem, refusal
from queuebit_kernel import InvalidId, new_key, require_token

__all__ = ["CloseBody", "SessionBody", "Sessions", "session_named"]

_ANSWER_S: Final = 15.0
_AMOUNTS: Final = ("cap", "charged", "held", "left", "idle_price", "idle_cost")
_STATUS_OF: Final = {"unknown_session": 404, "role_forbids": 403, "scope_forbids": 403, "session_key_used": 409}


class SessionBody(Body):
    """A session. With a token the gateway signs it; any other caller signs `OpenSession` and sends its `proof`."""

    project: Name | None = None
    """The project that pays; absent: that of the delegation, or the tenant's only one."""
    label: str = Field(default="", max_length=200)
    backend: Name | None = None
    """The only backend of its jobs, where they run before others."""
    cap: Amount | None = None
    """The most that its jobs and its idle time may cost together; held while it is open."""
    max_idle_s: int = Field(default=DEFAULT_IDLE_S, ge=1, le=MAX_AGE_S)
    max_age_s: int = Field(default=DEFAULT_AGE_S, ge=1, le=MAX_AGE_S)
    dry_run: bool = False
    """Say how it would open, with the price of its idle time; open nothing."""
    proof: Signature | None = None


class CloseBody(Body):
    """The signature of the request to close, from a caller without a token."""

    proof: Signature | None = None


class Sessions:
    """The addresses under `/v1/sessions`."""

    def __init__(self, platform: Platform, caller_of: CallerOf, tenants: Mapping[str, Tenant]) -> None:
        self._platform = platform
        self._caller_of = caller_of
        self._tenants = tenants

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/sessions", self._open, methods=["POST"]),
            Route("/v1/sessions", self._list),
            Route("/v1/sessions/{session}:close", self._close, methods=["POST"]),
            Route("/v1/sessions/{session}", self._one),
        ]

    async def _open(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        asked = await read(request, SessionBody)
        row = await self.open(caller, asked, request.headers.get("idempotency-key"))
        headers = {} if asked.dry_run else {"location": f"/v1/sessions/{row['session']}"}
        return object_of(shown_fact(row, *_AMOUNTS), as_of=None, status=200 if asked.dry_run else 201, headers=headers)

    async def open(self, caller: Caller, asked: SessionBody, key: str | None) -> Row:
        """Open a session; the same key with the same content has the same answer.

        Raises:
            Problem: the broker refuses it, or the request is not signed.
        """
        key = one_line("key", key or new_key(), 128)
        fields = {
            **asked.model_dump(exclude={"proof"}),
            "label": one_line("label", asked.label, 200),
            "tenant": caller.tenant,
            "project": asked.project or paying_project(caller, self._tenants),
            "session": session_id(caller.tenant, key),
            "key": key,
        }
        if not fields["project"]:
            raise Problem(422, "unknown_project", "no project is named, and the tenant has several", "name `project`")
        return await self._asked(caller, "open", OpenSession, fields, asked.proof)

    async def _close(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        asked, session = await read(request, CloseBody), session_named(request)
        await self.close(caller, session, asked.proof)
        return _answered(await self.find(caller, session))

    async def close(self, caller: Caller, session: str, proof: Signature | None = None) -> None:
        """Close a session. Raises a problem if the broker refuses it, or the request is not signed."""
        await self._asked(caller, "close", CloseSession, {"tenant": caller.tenant, "session": session}, proof)

    async def _list(self, request: Request) -> Response:
        caller, limit = await self._caller_of(request), limit_of(request)
        found = await self._platform.ask(caller.tenant, "sessions", limit=limit)
        return listed(request, [shown_fact(it, *_AMOUNTS) for it in found.rows], as_of=newest_sequence(found.rows))

    async def _one(self, request: Request) -> Response:
        return _answered(await self.find(await self._caller_of(request), session_named(request)))

    async def find(self, caller: Caller, session: str) -> Row:
        """A session that is open, or was closed today. Raises a problem if there is none."""
        found = await self._platform.ask(caller.tenant, "sessions", session=session)
        if not found.rows:
            raise _unknown(session)
        return found.rows[0]

    async def _asked(
        self,
        caller: Caller,
        verb: str,
        kind: type[OpenSession | CloseSession],
        fields: Mapping[str, object],
        proof: Signature | None,
    ) -> Row:
        """Send a request that the user signed, or that the key of the caller's token signs; raise its refusal."""
        body = signed_request(caller, kind, fields, proof).model_dump_json(exclude_none=True).encode()
        subject = sessions(verb, caller.tenant)
        reply = await self._platform.transport.request(subject, body, timeout=_ANSWER_S)
        answer = SessionAnswer.model_validate_json(reply.body)
        if answer.session is None:
            raise refusal([Reason(it.code, it.text) for it in answer.errors], _STATUS_OF)
        return session_document(answer)


def _answered(row: Row) -> Response:
    return object_of(shown_fact(row, *_AMOUNTS), as_of=newest_sequence([row]))


def session_named(request: Request) -> str:
    """The session in the address of a request. Raises a problem if it is no name."""
    name: str = request.path_params["session"]
    try:
        return require_token(name, "session")
    except InvalidId as error:
        raise _unknown(name) from error


def _unknown(name: str) -> Problem:
    return Problem(
        404,
        "unknown_session",
        f"there is no session {name[:80]!r} that is open, or closed today",
        "`GET /v1/sessions` lists them",
    )
