"""Who asks, and the tenant as far as the caller's role may see it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_contracts.tenants import Tenant
from queuebit_gateway.answers import object_of
from queuebit_gateway.callers import CallerOf, paying_project
from queuebit_kernel import rfc3339

__all__ = ["Tenants"]


class Tenants:
    """`GET /v1/me` and `GET /v1/tenant`. Users and their public keys need the verb `audit`."""

    def __init__(self, tenants: Mapping[str, Tenant], caller_of: CallerOf) -> None:
        self._tenants = tenants
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [Route("/v1/me", self._me), Route("/v1/tenant", self._tenant)]

    async def _me(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        until = caller.expires_at and rfc3339(caller.expires_at)
        content: dict[str, object] = {
            "tenant": caller.tenant,
            "user": caller.user,
            "role": caller.role,
            "project": paying_project(caller, self._tenants) or None,
            "expires_at": until,
            "delegation": caller.delegation,
        }
        return object_of(content, as_of=None)

    async def _tenant(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        entry = self._tenants.get(caller.tenant, Tenant())
        content: dict[str, object] = {
            "tenant": caller.tenant,
            "share": entry.share,
            "max_shots": entry.max_shots,
            "max_active_jobs": entry.max_active_jobs,
            "projects": [
                {"project": name, "backends": [*it.backends], "default_kind": it.default_kind}
                for name, it in sorted(entry.project.items())
            ],
            "users": None,
        }
        if caller.may("audit"):
            users = sorted(entry.user.items())
            content["users"] = [{"user": name, "role": it.role, "keys": [*it.keys]} for name, it in users]
        return object_of(content, as_of=None)
