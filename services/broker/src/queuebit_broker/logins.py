"""Who logs in to the bus with a token: a delegated key, or a token of an issuer that a tenant trusts.

A tenant's user comes into the account of the tenant, with what its role and the token permit. A user of the operator's
own tenant that names itself `platform` comes into the account of the services, with what its role permits there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from queuebit_broker.grants import KeysOf, grant
from queuebit_broker.proofs import Proof, read_proof
from queuebit_broker.state import World
from queuebit_contracts.delegation import MAX_LIFETIME_S, PREFIX, AccessToken, DelegateRequest, Delegation
from queuebit_contracts.delegations import Authority, authority_of
from queuebit_contracts.roles import ROLE_OF, VERBS, VERBS_OF, common_role, role_named
from queuebit_contracts.topology import Topology
from queuebit_contracts.wire import Reason
from queuebit_kernel import Clock, Malformed, Unavailable
from queuebit_runtime.callout import LoginRequest, UserLogin
from queuebit_runtime.keys import is_seed, public_key
from queuebit_runtime.server_config import PLATFORM_ACCOUNT

__all__ = ["STAFF", "Logins"]

STAFF: Final = "platform"
"""The user name with which a user of the operator's tenant logs in to the account of the services."""

_ANY_KEY: Final = "U" + "A" * 55
"""The key in the request by which a token is judged here: no key is granted."""

_LONGEST: Final = timedelta(seconds=MAX_LIFETIME_S)
"""How old a token of an issuer may be at a login. Ended keys are forgotten later than that (`KEPT`), so that the token
that a revoked key came from never opens a connection, however long it is valid."""

_KeysFor = Callable[[str, Proof], Awaitable[KeysOf]]


@dataclass(frozen=True, slots=True)
class _Known:
    """Whom a token stands for."""

    tenant: str
    key: str
    """The id of the delegation, also of one that the token could be exchanged for."""
    user: str
    role: str
    expires_at: datetime
    project: str | None
    """The only project that it is for; None: any."""


class Logins:
    """Decides on logins. It appends nothing and uses up no token: that is what the exchange for a key does."""

    def __init__(self, world: World, keys_for: _KeysFor, clock: Clock, topology: Topology, staff_tenant: str) -> None:
        """Prepare.

        Args:
            world: tenants and delegated keys.
            keys_for: the public keys of the issuers of a tenant that may have signed a token.
            clock: the time.
            topology: what the roles may do.
            staff_tenant: the operator's own tenant; empty: there is none.
        """
        self._world = world
        self._keys_for = keys_for
        self._clock = clock
        self._topology = topology
        self._staff_tenant = staff_tenant

    async def __call__(self, request: LoginRequest) -> UserLogin | str:
        """The user that a token stands for, or why it is refused."""
        try:
            known = await self._known(request.token)
        except (Malformed, Unavailable) as error:
            return str(error)
        if isinstance(known, str):
            return known
        name = f"{known.tenant}/{known.user}/{known.key}"
        if request.name != STAFF:
            allowed = self._topology.key_permissions(known.role, known.tenant, known.key)
            return UserLogin(name, known.tenant, allowed, known.expires_at)
        if known.tenant != self._staff_tenant:
            return f"tenant {known.tenant} is not the operator's: its users have no rights on the platform"
        if known.project is not None:
            return f"the token is for project {known.project} alone: it has no rights on the platform"
        if not any(VERBS[verb].platform for verb in VERBS_OF[role_named(known.role)]):
            return f"{known.user} has the role {known.role}, which has no rights on the platform"
        allowed = self._topology.staff_permissions(known.role, known.tenant, known.key)
        return UserLogin(name, PLATFORM_ACCOUNT, allowed, known.expires_at)

    async def _known(self, token: str) -> _Known | str:
        if not token:
            return "the login has no token, and the configuration does not have its key"
        if token.startswith(PREFIX):
            return self._delegated(AccessToken.read(token))
        return await self._of_issuer(read_proof(token))

    def _delegated(self, token: AccessToken) -> _Known | str:
        found = self._world.delegations.find(token.tenant, token.delegation)
        if found is None or not is_seed(token.seed):
            return "the token is unknown or damaged"
        it = authority_of(found, self._world.directory, public_key(token.seed), self._clock.now())
        if not isinstance(it, Authority):
            return it.text
        return _Known(token.tenant, token.delegation, it.user, it.role, found.delegation.expires_at, it.project)

    async def _of_issuer(self, proof: Proof) -> _Known | str:
        tenants = self._trusting(proof)
        if len(tenants) != 1:
            return f"{len(tenants)} tenants trust this issuer for this audience: it must be one"
        (tenant,) = tenants
        asked, keys, now = (
            DelegateRequest(key=_ANY_KEY, proof=proof.text),
            await self._keys_for(tenant, proof),
            self._clock.now(),
        )
        given = grant(asked, proof, tenant, self._world.directory, keys, now)
        if not isinstance(given, Delegation):
            return _texts(given)
        exchanged = self._world.delegations.find(tenant, given.delegation)
        if exchanged is not None and exchanged.ended is not None:
            return f"the token was exchanged for delegation {given.delegation}, which has ended: {exchanged.ended}"
        if now >= datetime.fromtimestamp(proof.claims["iat"], UTC) + _LONGEST:
            return f"the token is older than {_LONGEST // timedelta(hours=1)} hours: get a new one from its issuer"
        entry = self._world.directory.tenant[tenant]
        user = entry.user[given.user]
        worth = next(role for scope, role in ROLE_OF.items() if scope == given.scope)
        role = common_role(user.role, worth)
        if role is None:  # `grant` permits only scopes within the role
            return f"{given.user} has the role {user.role}, of which the scope {given.scope} permits nothing"
        longest = min(it.max_lifetime_s for name, it in entry.issuer.items() if name == given.issuer)
        expires = min(datetime.fromtimestamp(proof.claims["exp"], UTC), now + timedelta(seconds=longest))
        return _Known(tenant, given.delegation, given.user, role, expires, given.project)

    def _trusting(self, proof: Proof) -> list[str]:
        """The tenants that trust the issuer for one of the audiences of a token."""
        given = proof.claims.get("aud")
        audiences = given if isinstance(given, list) else [given]
        return [
            name
            for name, it in self._world.directory.tenant.items()
            if any(issuer.url == proof.issuer and issuer.audience in audiences for issuer in it.issuer.values())
        ]


def _texts(reasons: tuple[Reason, ...]) -> str:
    return "; ".join(it.text for it in reasons)
