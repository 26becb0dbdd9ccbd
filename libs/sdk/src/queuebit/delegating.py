"""Delegated keys of the own user: short-lived bearer tokens for browsers and scripts that speak HTTP."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

from queuebit.client import AsyncClient
from queuebit.credentials import Credential
from queuebit.errors import Reason, Refused
from queuebit.inputs import plain_name
from queuebit.queries import ask
from queuebit.records import Table
from queuebit.signing import proof_of
from queuebit_contracts.delegation import (
    AccessToken,
    DelegateRequest,
    Delegation,
    DelegationAnswer,
    RevokeRequest,
    audience_of,
)
from queuebit_contracts.subjects import identity
from queuebit_kernel import SystemClock, to_base64url
from queuebit_runtime.keys import new_seed, public_key, sign_bytes

__all__ = ["Delegated", "delegate", "delegations", "proof_for", "revoke"]

_PROOF_S = 300
"""The life of a proof: it is sent at once."""
_ASK_S = 15.0


@dataclass(frozen=True, slots=True)
class Delegated:
    """A delegated key, and the bearer token that holds it."""

    delegation: Delegation
    token: str = field(repr=False)
    """A secret: who has it acts as the user, within the scope, until it expires."""


def proof_for(
    credential: Credential, key: str | None, *, scope: str, project: str | None, now: float, name: str | None = None
) -> str:
    """A JWT by which the user lets one key act, once, signed with the user's own.

    Args:
        credential: of the user.
        key: the public half of the key; None for one that the gateway makes.
        scope: the widest scope that the key may have.
        project: the only project that it may submit to; None for any.
        now: seconds since 1970.
        name: its `jti`, of which the id of the delegation follows; default: a new one.
    """
    owner, issued = public_key(credential.seed), int(now)
    claims = {
        "iss": owner,
        "sub": credential.user,
        "aud": audience_of(credential.tenant),
        "iat": issued,
        "exp": issued + _PROOF_S,
        "jti": name or secrets.token_hex(16),
        "scope": scope,
        **({"cnf": {"nkey": key}} if key else {}),
        **({"project": project} if project else {}),
    }
    signed = f"{_part({'alg': 'EdDSA', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{sign_bytes(credential.seed, signed.encode())}"


async def delegate(
    client: AsyncClient,
    *,
    scope: str | None = None,
    project: str | None = None,
    lifetime_s: int | None = None,
    widest: str = "submit",
) -> Delegated:
    """A new key that acts for the client's user.

    Args:
        client: of the user.
        scope: `read`, `submit` or `admin`; default: what the user's role allows, and no more than `widest`.
        project: the only project that it may submit to.
        lifetime_s: its life, up to twelve hours; default: an hour.
        widest: the widest scope without a `scope`.

    Raises:
        Refused: the user may not give so much.
        Unreachable: the broker does not answer.
    """
    credential, seed = client.credential, new_seed()
    key = public_key(seed)
    proof = proof_for(credential, key, scope=scope or widest, project=project, now=SystemClock().now().timestamp())
    asked = DelegateRequest(key=key, proof=proof, scope=scope, project=project, lifetime_s=lifetime_s)
    delegation = await _ask(client, "delegate", asked.model_dump_json(exclude_none=True))
    return Delegated(delegation, AccessToken(delegation.tenant, delegation.delegation, seed).text())


async def revoke(client: AsyncClient, delegation: str) -> Delegation:
    """End a key at once: users end their own keys, admins all of their tenant.

    Raises:
        InvalidInput: this is no id of a key.
        Refused: there is no such key, or this user may not end it.
        Unreachable: the broker does not answer.
    """
    content = {"tenant": client.credential.tenant, "delegation": plain_name("delegation", delegation)}
    asked = RevokeRequest(**content, proof=proof_of(content, client.credential.seed))
    return await _ask(client, "revoke", asked.model_dump_json(exclude_none=True))


async def delegations(client: AsyncClient, *, limit: int = 50) -> Table:
    """The tenant's delegated keys that have not expired, newest first; the keys themselves are known to no service."""
    return await ask(client._transport, client.credential.tenant, "delegations", limit=limit)


async def _ask(client: AsyncClient, verb: str, body: str) -> Delegation:
    reply = await client._transport.request(identity(verb, client.credential.tenant), body.encode(), timeout=_ASK_S)
    answer = DelegationAnswer.model_validate_json(reply.body)
    if answer.delegation is None:
        raise Refused([Reason(it.code, it.text) for it in answer.errors])
    return answer.delegation


def _part(document: object) -> str:
    return to_base64url(json.dumps(document).encode())
