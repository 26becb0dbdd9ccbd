"""Who sends a request: a user of a tenant, shown by a signature of the request or by a delegated key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from starlette.requests import Request

from queuebit_contracts.directory import Directory
from queuebit_contracts.job import Signature
from queuebit_contracts.roles import ROLE_OF, VERBS, Role, Verb, may, need_text, roles_with
from queuebit_contracts.tenants import Tenant
from queuebit_gateway.problems import Problem
from queuebit_gateway.signatures import BadSignature, SignedRequest, signer_of
from queuebit_kernel import Clock, Json

__all__ = ["Caller", "CallerOf", "Callers", "Signer", "paying_project", "require"]

Signer: TypeAlias = Callable[[Json], Signature]
"""Signs the content of a submission or of a cancellation for a user, with a delegated key that the request carries."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Caller:
    """A user of a tenant, and what it may do."""

    tenant: str
    user: str
    role: Role
    """What the user's role and the delegation both permit."""
    signer: Signer | None = field(default=None, repr=False)
    """None: the request is signed, and so must be what it submits."""
    project: str | None = None
    """The project that pays where a request names none: that of the delegation."""
    expires_at: datetime | None = None
    """When the delegated key ends; None for a signed request."""
    delegation: str | None = None
    """The id of the delegated key that the request carries; None for a signed request."""
    lasts: Callable[[], bool] = field(default=_always, repr=False, compare=False)
    """Whether the caller still has these rights: a stream ends when it has not."""

    def may(self, verb: Verb) -> bool:
        """Whether the caller may do this."""
        return may(self.role, verb)


CallerOf: TypeAlias = Callable[[Request], Awaitable[Caller]]
"""Finds the caller of a request; raises a `Problem` with status 401."""

_NEXT = "sign the request (RFC 9421) with your key, or send `Authorization: Bearer` with a token of `qb token`"


class Callers:
    """Finds callers in the directory of tenants; bearer tokens are the matter of `bearer`."""

    def __init__(self, directory: Directory, clock: Clock, bearer: Callable[[str], Caller | None]) -> None:
        """Prepare.

        Args:
            directory: the tenants and their keys.
            clock: the time that signatures are compared with.
            bearer: the caller of a token; None, or a `Problem`, if it is none or not valid now.
        """
        self._directory = directory
        self._clock = clock
        self._bearer = bearer

    async def __call__(self, request: Request) -> Caller:
        try:
            return await self._found(request)
        except Problem as problem:
            if problem.status == 401:  # where tokens come from: RFC 9728, section 5.1
                metadata = f"{str(request.base_url).rstrip('/')}/.well-known/oauth-protected-resource"
                problem.headers = (("www-authenticate", f'Signature, Bearer resource_metadata="{metadata}"'),)
            raise

    async def _found(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if (caller := self._bearer(token.strip())) is None:
                raise _unknown("the token is unknown, expired or revoked")
            return caller
        if "signature-input" not in request.headers:
            raise _unknown("this address needs a signature or a token")
        return await self._signed(request)

    async def _signed(self, request: Request) -> Caller:
        headers = {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
        signed = SignedRequest(request.method, str(request.url), headers, await request.body())
        try:
            key = signer_of(signed, self._clock.now().timestamp())
        except BadSignature as error:
            raise _unknown(str(error)) from error
        return self.owner(key)

    def owner(self, key: str) -> Caller:
        """The user whose token has this public half."""
        if (owner := self._directory.owner(key)) is None:
            raise _unknown(f"key {key[:8]}… belongs to no user here")
        return Caller(*owner, lasts=lambda: self._directory.owner(key) == owner)


def require(caller: Caller, verb: Verb, what: str = "") -> None:
    """Raise a problem unless the caller may do this; `what` names it more closely."""
    if caller.may(verb):
        return
    roles = roles_with(verb)
    step = f"ask an operator for {need_text(verb)}: `qb tenant user role {caller.tenant} {caller.user} {roles[0]}`"
    if caller.signer is not None:
        scopes = [scope for scope, worth in ROLE_OF.items() if worth in roles]
        step = f"use a token of the scope {scopes[0]}: `qb token --scope {scopes[0]}`. A user who may make none: {step}"
    detail = f"{caller.user} has the role {caller.role} in {caller.tenant} here and may not {what or VERBS[verb].text}"
    raise Problem(403, "forbidden", detail, step)


def paying_project(caller: Caller, tenants: Mapping[str, Tenant]) -> str:
    """The project that pays where a request names none: that of the delegation, or the tenant's only one; else none."""
    projects = tenants[caller.tenant].project if caller.tenant in tenants else {}
    return caller.project or (next(iter(projects)) if len(projects) == 1 else "")


def _unknown(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, _NEXT)
