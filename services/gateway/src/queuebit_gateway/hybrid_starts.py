"""Starts hybrid jobs: relays what the user signed, the grant of the job's key first, and signs nothing itself.

A hybrid job acts for its user with a key of its own, which only the user's own key can grant (ADR 0060).
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.documents import hybrid_document
from queuebit.errors import Reason
from queuebit.hybrid_jobs import hybrid_status
from queuebit.hybrid_requests import hybrid_content
from queuebit.log_client import Entry
from queuebit_contracts.catalog import decode
from queuebit_contracts.delegation import DelegateRequest, DelegationAnswer
from queuebit_contracts.hybrid import HybridSubmitted, hybrid_id, is_hybrid
from queuebit_contracts.subjects import identity, subject_of
from queuebit_gateway.answers import object_of
from queuebit_gateway.bodies import Body, document, media_type_of, validated
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.hybrid_jobs import known_events
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem, refusal
from queuebit_gateway.relaying import Relay
from queuebit_gateway.submissions import EVENT
from queuebit_kernel import InvalidId, require_token
from queuebit_planning.limits import MAX_SOURCE_BYTES

__all__ = ["HybridBody", "HybridStarts"]

_ASK_S: Final = 15.0
_SIGN: Final = (
    "start it with a credential (`qb hybrid run`, `Client`), through `qb sidecar`, which signs for a program, or sign "
    "the event and the grant as docs/gateway.md says"
)


class HybridBody(Body):
    """A hybrid job as an event that the user signed, with the grant of its key and the content of its file."""

    event: dict[str, Any]  # read by the contracts' own classes
    grant: DelegateRequest | None = None
    """Lets the key of the hybrid job act for the user, with the proof that the user signed. Absent: it is granted."""
    content: str | None = Field(default=None, max_length=MAX_SOURCE_BYTES)
    """The Python file, unless the event includes it or it is stored already."""


class HybridStarts:
    """`POST /v1/hybrid-jobs`, and the public key that a user grants for it."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of
        self._relay = Relay(platform.transport)

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/hybrid-jobs", self._start, methods=["POST"]),
            Route("/v1/hybrid-jobs/{hybrid}/key", self._key),
        ]

    async def _key(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "hybrid", job=_named(request))
        return object_of(found.rows[0], as_of=None)

    async def _start(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        asked, event, body = await _submission(request, caller)
        entries = await self._history(event)
        if entries is None:
            try:
                sequence = await self._submitted(asked, event, body)
            except Problem:  # the same request, sent twice at once, may have been stored, decided and ended by now
                if (entries := await self._history(event)) is None:
                    raise
            else:
                if sequence is not None:
                    return _answer(event, {"submitted": event}, sequence, new=True)
                entries = await self._history(event)
        if entries is None:
            text = "the log does not show the hybrid job yet"
            raise Problem(503, "unavailable", text, "send the same again", retry_after_s=1)
        _require_same(event, entries)
        return _answer(event, known_events(entries), entries[-1].sequence, new=False)

    async def _submitted(self, asked: HybridBody, event: HybridSubmitted, body: bytes) -> int | None:
        """The sequence of the submission, after its file and its grant; None if its history has begun already."""
        if asked.content is not None:
            await self._relay.payload(event.data.tenant, event.data.file, asked.content.encode())
        if asked.grant is not None:
            await self._granted(event.data.tenant, asked.grant, event.data.delegation)
        return await self._relay.event(subject_of(event), body)

    async def _history(self, event: HybridSubmitted) -> tuple[Entry, ...] | None:
        """The events of the hybrid job that has this key already; None if there is none."""
        try:
            return await self._platform.hybrid(event.data.tenant, event.data.hybrid)
        except Problem as problem:
            if problem.status == 404:
                return None
            raise

    async def _granted(self, tenant: str, grant: DelegateRequest, delegation: str) -> None:
        """Have the broker grant the key that the submission names."""
        body = grant.model_dump_json(exclude_none=True).encode()
        reply = await self._platform.transport.request(identity("delegate", tenant), body, timeout=_ASK_S)
        answer = DelegationAnswer.model_validate_json(reply.body)
        if answer.delegation is None:
            raise refusal([Reason(it.code, it.text) for it in answer.errors])
        if answer.delegation.delegation != delegation:
            text = f"the grant gives delegation {answer.delegation.delegation}, and the event names {delegation}"
            raise Problem(
                422, "other_delegation", text, "derive its id from `iss` and `jti` of the proof, and sign again"
            )


async def _submission(request: Request, caller: Caller) -> tuple[HybridBody, HybridSubmitted, bytes]:
    """What a request submits: with its event, and the bytes to relay."""
    if media_type_of(request) == EVENT:
        body = await request.body()
        return HybridBody(event={}), _own(body, caller, request), body
    given = await document(request)
    if not (isinstance(given, dict) and "event" in given):
        raise _unsigned(caller)
    asked = validated(HybridBody, given)
    body = json.dumps(asked.event).encode()
    return asked, _own(body, caller, request), body


def _own(body: bytes, caller: Caller, request: Request) -> HybridSubmitted:
    """The submission in a body; it has to be of the caller's tenant, and of the key that the request names."""
    event = decode(body)
    if not isinstance(event, HybridSubmitted):
        raise Problem(422, "other_event", f"a {event.type} submits no hybrid job: send a qb.hybrid.submitted.v1")
    asked = event.data
    if asked.tenant != caller.tenant:
        text = f"the hybrid job is of tenant {asked.tenant}, the caller of {caller.tenant}"
        raise Problem(403, "other_tenant", text, "sign it for the tenant of the request")
    if asked.hybrid != hybrid_id(asked.tenant, asked.key):
        text = "the id of the hybrid job does not follow from its tenant and key"
        raise Problem(422, "other_job", text, "derive it as the contract of HybridSubmitted says")
    if request.headers.get("idempotency-key") not in (None, asked.key):
        text = "Idempotency-Key and the key of the event differ: they are one thing"
        raise Problem(422, "other_key", text, "send the key of the event, or no header")
    return event


def _require_same(event: HybridSubmitted, entries: tuple[Entry, ...]) -> None:
    """Raise a problem unless the hybrid job that has this key is the same."""
    first = known_events(entries)["submitted"]
    if isinstance(first, HybridSubmitted) and hybrid_content(first.data) == hybrid_content(event.data):
        return
    text = f"key {event.data.key!r} already names hybrid job {event.data.hybrid} with other content"
    link = (("link", f'</v1/hybrid-jobs/{event.data.hybrid}>; rel="related"'),)
    raise Problem(409, "key_used", text, "use a new key, or send exactly what was sent first", headers=link)


def _answer(event: HybridSubmitted, events: dict[str, Any], sequence: int, *, new: bool) -> Response:
    name = event.data.hybrid
    headers = {"location": f"/v1/hybrid-jobs/{name}", "idempotent-replayed": str(not new).lower()}
    return object_of(hybrid_document(hybrid_status(name, events)), as_of=sequence, status=202, headers=headers)


def _unsigned(caller: Caller) -> Problem:
    if caller.signer is None:
        return Problem(422, "unsigned", "the request is signed, the hybrid job is not", _SIGN)
    text = "a hybrid job has a key of its own, which only the user's own key can grant: that of a token cannot"
    return Problem(403, "delegated", text, _SIGN)


def _named(request: Request) -> str:
    name: str = request.path_params["hybrid"]
    try:
        if is_hybrid(require_token(name, "hybrid job")):
            return name
    except InvalidId as error:
        raise Problem(422, "bad_name", str(error)) from error
    text = f"{name[:80]} is no id of a hybrid job, which begins with h"
    raise Problem(422, "bad_name", text, "derive it as the contract of HybridSubmitted says")
