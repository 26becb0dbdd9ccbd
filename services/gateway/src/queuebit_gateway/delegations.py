"""Delegated keys of a tenant: whose they are, what they may do and until when; and their end."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.errors import Reason
from queuebit_contracts.delegation import DelegationAnswer, RevokeRequest
from queuebit_contracts.job import Signature
from queuebit_contracts.subjects import identity
from queuebit_gateway.answers import listed, object_of
from queuebit_gateway.bodies import Body, read
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.pages import limit_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem, refusal
from queuebit_kernel import InvalidId, require_token

__all__ = ["DelegatedKeys", "RevokeBody"]

_ANSWER_S = 10.0
_STATUS_OF = {"unknown_delegation": 404, "role_forbids": 403, "delegation_revoked": 403, "delegation_expired": 403}


class RevokeBody(Body):
    """The signature of a revocation, from a caller whose request is signed; with a bearer token none is needed."""

    proof: Signature | None = None


class DelegatedKeys:
    """`GET /v1/delegations`: users see their own, auditors all; `POST /v1/delegations/{delegation}:revoke`."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/delegations", self._list),
            Route("/v1/delegations/{delegation}:revoke", self._revoke, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        limit = limit_of(request)
        found = await self._platform.ask(caller.tenant, "delegations", limit=10_000)
        own = [it for it in found.rows if caller.may("audit") or it["user"] == caller.user]
        return listed(request, own[:limit], as_of=found.as_of)

    async def _revoke(self, request: Request) -> Response:
        """Relay a signed revocation: the broker verifies it, and says who may end which key."""
        caller, name = await self._caller_of(request), request.path_params["delegation"]
        body = await read(request, RevokeBody)
        try:
            content = {"tenant": caller.tenant, "delegation": require_token(name, "delegation")}
        except InvalidId as error:
            raise _unknown(name) from error
        proof = body.proof or (caller.signer(content) if caller.signer else None)
        if proof is None:
            step = "sign the canonical JSON of `tenant` and `delegation`, and send it as `proof`"
            raise Problem(422, "unsigned", "a request without a token needs a signed revocation", step)
        asked = RevokeRequest(**content, proof=proof).model_dump_json(exclude_none=True)
        subject = identity("revoke", caller.tenant)
        reply = await self._platform.transport.request(subject, asked.encode(), timeout=_ANSWER_S)
        answer = DelegationAnswer.model_validate_json(reply.body)
        if answer.delegation is None:
            raise refusal([Reason(it.code, it.text) for it in answer.errors], _STATUS_OF)
        return object_of(
            {**answer.delegation.model_dump(mode="json"), "ended": f"{caller.user} revoked it"}, as_of=None
        )


def _unknown(name: str) -> Problem:
    return Problem(
        404, "unknown_delegation", f"there is no delegation {name[:80]!r}", "`GET /v1/delegations` lists them"
    )
