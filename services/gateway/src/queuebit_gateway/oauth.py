"""Token exchange (RFC 8693), revocation (RFC 7009), and the documents by which clients find both (RFC 8414, RFC 9728).

The gateway makes a key, asks the broker to grant it in exchange for the proof, and gives it away. It keeps nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.errors import Unreachable
from queuebit_contracts import subjects
from queuebit_contracts.delegation import (
    MAX_LIFETIME_S,
    AccessToken,
    DelegateRequest,
    Delegation,
    DelegationAnswer,
    RevokeRequest,
    tenant_in,
)
from queuebit_contracts.job import Signature
from queuebit_contracts.roles import SCOPES
from queuebit_contracts.wire import Reason
from queuebit_gateway.access import CODE
from queuebit_gateway.answers import plain
from queuebit_gateway.platform import Platform
from queuebit_gateway.tokens import Tokens, signer_with
from queuebit_kernel import InvalidId, Malformed, from_base64url
from queuebit_runtime.keys import is_seed, new_seed, public_key

__all__ = ["OAuth", "OAuthError"]

_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPE: Final = "urn:ietf:params:oauth:token-type:"
_PROOFS: Final = (_TYPE + "jwt", _TYPE + "id_token")
_FORM: Final = "application/x-www-form-urlencoded"
_LARGEST: Final = 65_536
_PRIVATE: Final = {"cache-control": "no-store", "pragma": "no-cache"}

_ERROR_OF: Final[Mapping[str, str]] = {
    "unknown_scope": "invalid_scope",
    "scope_too_wide": "invalid_scope",
    "unknown_tenant": "invalid_target",
    "unavailable": "temporarily_unavailable",
    "stale": "temporarily_unavailable",
    "busy": "temporarily_unavailable",
    "internal_error": "temporarily_unavailable",
}
"""Errors of RFC 6749 and RFC 8693 by the broker's reasons; any other reason speaks against the request."""


class OAuthError(Exception):
    """A refusal in the form of RFC 6749, section 5.2."""

    def __init__(self, error: str, text: str, reasons: tuple[Reason, ...] = ()) -> None:
        super().__init__(text)
        self.error = error
        self.reasons = reasons

    @property
    def code(self) -> str:
        """The reason of the broker, or else the error."""
        return self.reasons[0].code if self.reasons else self.error

    def response(self) -> Response:
        later = self.error == "temporarily_unavailable"
        described = re.sub(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]", "", str(self).replace('"', "'"))
        document: dict[str, object] = {"error": self.error, "error_description": described}
        if self.reasons:
            document["reasons"] = [{"code": it.code, "text": it.text} for it in self.reasons]
        return plain(document, 503 if later else 400, {**_PRIVATE, **({"retry-after": "2"} if later else {})})


class OAuth:
    """The addresses of token exchange."""

    def __init__(self, platform: Platform, tokens: Tokens) -> None:
        self._platform = platform
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/oauth/token", self._exchange, methods=["POST"]),
            Route("/oauth/revoke", self._revoke, methods=["POST"]),
            Route("/.well-known/oauth-authorization-server", self._server),
            Route("/.well-known/oauth-protected-resource", self._resource),
        ]

    async def _exchange(self, request: Request) -> Response:
        try:
            form = await _form(request)
            tenant, seed = _tenant(form), new_seed()
            answer = await self._ask("delegate", tenant, _request(form, public_key(seed)).model_dump_json())
            if (delegation := answer.delegation) is None:
                raise _refusal(answer)
        except OAuthError as error:
            request.scope[CODE] = error.code
            return error.response()
        self._tokens.granted(delegation)
        return plain(_issued(delegation, seed), headers=_PRIVATE)

    async def _revoke(self, request: Request) -> Response:
        """RFC 7009: also a token that is none, or has ended, is answered with 200."""
        try:
            form = await _form(request)
            token = _access_token(form.get("token", ""))
            if token is not None:
                content = {"tenant": token.tenant, "delegation": token.delegation}
                asked = RevokeRequest(**content, proof=_plain(signer_with(token)(content)))
                answer = await self._ask("revoke", token.tenant, asked.model_dump_json(exclude_none=True))
                if answer.errors and (refusal := _refusal(answer)).error == "temporarily_unavailable":
                    return refusal.response()
        except OAuthError as error:
            request.scope[CODE] = error.code
            return error.response()
        return Response(headers=_PRIVATE)

    async def _server(self, request: Request) -> Response:
        base = _base(request)
        return plain(
            {
                "issuer": base,
                "token_endpoint": f"{base}/oauth/token",
                "revocation_endpoint": f"{base}/oauth/revoke",
                "grant_types_supported": [_EXCHANGE],
                "response_types_supported": [],
                "token_endpoint_auth_methods_supported": ["none"],
                "revocation_endpoint_auth_methods_supported": ["none"],
                "scopes_supported": [*SCOPES],
            }
        )

    async def _resource(self, request: Request) -> Response:
        base = _base(request)
        return plain(
            {
                "resource": base,
                "resource_name": "Queuebit",
                "authorization_servers": [base],
                "bearer_methods_supported": ["header"],
                "scopes_supported": [*SCOPES],
            }
        )

    async def _ask(self, verb: str, tenant: str, body: str) -> DelegationAnswer:
        try:
            subject = subjects.identity(verb, tenant)
        except InvalidId as error:
            raise OAuthError("invalid_target", f"there is no tenant {tenant[:80]}") from error
        try:
            reply = await self._platform.transport.request(subject, body.encode(), timeout=10)
        except Unreachable as error:
            raise OAuthError("temporarily_unavailable", "the broker does not answer now: send it again") from error
        return DelegationAnswer.model_validate_json(reply.body)


async def _form(request: Request) -> Mapping[str, str]:
    """The parameters of a request; each may come once."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise OAuthError("invalid_request", f"send the parameters as {_FORM}")
    body = await request.body()
    if len(body) > _LARGEST:
        raise OAuthError("invalid_request", f"the parameters may have {_LARGEST:,} bytes")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=False, strict_parsing=bool(body), max_num_fields=32)
    except ValueError as error:
        raise OAuthError("invalid_request", "the parameters are not in the form NAME=VALUE&NAME=VALUE") from error
    if twice := {name for name, _ in pairs if sum(name == it for it, _ in pairs) > 1}:
        raise OAuthError("invalid_request", f"each parameter may come once: {', '.join(sorted(twice))}")
    return dict(pairs)


def _request(form: Mapping[str, str], key: str) -> DelegateRequest:
    """What is asked of the broker for a token exchange."""
    if form.get("grant_type") != _EXCHANGE:
        raise OAuthError("unsupported_grant_type", f"grant_type must be {_EXCHANGE}")
    if form.get("subject_token_type") not in _PROOFS:
        raise OAuthError("invalid_request", f"subject_token_type must be one of {', '.join(_PROOFS)}")
    if form.get("requested_token_type", _TYPE + "access_token") != _TYPE + "access_token":
        raise OAuthError("invalid_request", f"requested_token_type can only be {_TYPE}access_token")
    if "actor_token" in form:
        raise OAuthError("invalid_request", "actor_token is not known here: leave it out")
    scopes = form.get("scope", "").split()
    if unknown := [it for it in scopes if it not in SCOPES]:
        raise OAuthError("invalid_scope", f"there is no scope {unknown[0]:.40}: ask for one of {', '.join(SCOPES)}")
    try:
        return DelegateRequest(
            key=key,
            proof=form.get("subject_token", ""),
            scope=max(scopes, key=SCOPES.index) if scopes else None,
            project=form.get("project"),
            lifetime_s=int(form["expires_in"]) if "expires_in" in form else None,
        )
    except ValueError as error:  # also that of pydantic, which would quote the proof
        said = f"subject_token must be a JWT, project a name, expires_in a number of seconds up to {MAX_LIFETIME_S:,}"
        raise OAuthError("invalid_request", said) from error


def _tenant(form: Mapping[str, str]) -> str:
    """The tenant: the parameter `audience`, or else the audience `queuebit:TENANT` of the proof."""
    if audience := form.get("audience"):
        return tenant_in(audience) or audience
    try:
        body = json.loads(from_base64url(form.get("subject_token", "").split(".")[1]))
        named = body["aud"] if isinstance(body["aud"], list) else [body["aud"]]
    except (LookupError, ValueError, TypeError, RecursionError):
        named = []
    found = [tenant for it in named if isinstance(it, str) and (tenant := tenant_in(it)) is not None]
    if len(found) != 1:
        raise OAuthError("invalid_target", "set audience to the name of the tenant")
    return found[0]


def _issued(delegation: Delegation, seed: str) -> dict[str, object]:
    lifetime = delegation.expires_at - delegation.granted_at
    token = AccessToken(delegation.tenant, delegation.delegation, seed)
    shown = {"tenant", "delegation", "user", "project", "expires_at"}
    return {
        "access_token": token.text(),
        "issued_token_type": _TYPE + "access_token",
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
        "scope": delegation.scope,
        **delegation.model_dump(mode="json", include=shown),
    }


def _refusal(answer: DelegationAnswer) -> OAuthError:
    error = _ERROR_OF.get(answer.errors[0].code, "invalid_request")
    return OAuthError(error, "; ".join(it.text for it in answer.errors), answer.errors)


def _access_token(text: str) -> AccessToken | None:
    try:
        token = AccessToken.read(text)
    except Malformed:
        return None
    return token if is_seed(token.seed) else None


def _plain(signature: Signature) -> Signature:
    """Without the delegation: the key itself is what ends."""
    return signature.model_copy(update={"delegation": None})


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")
