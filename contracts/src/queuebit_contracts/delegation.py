"""Delegated keys: short-lived keys that act for a user, in exchange for a proof that the broker verifies.

A key is granted by a fact, under an id that follows from the proof: a proof gives one key. The proof is a JWT, which
is either signed by an issuer that the tenant trusts (`queuebit_contracts.issuers`), or by the user's own token.
Requests are sent to `subjects.identity("delegate", tenant)` and `subjects.identity("revoke", tenant)`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.admission import Signature
from queuebit_contracts.roles import ROLE_OF, SCOPES, Scope
from queuebit_contracts.tenant import Author
from queuebit_contracts.wire import Digest, Event, Moment, Name, Reason, Sentence, Wire, open_text
from queuebit_kernel import InvalidId, Malformed, from_base64url, require_token, to_base64url

__all__ = [
    "DEFAULT_LIFETIME_S",
    "MAX_LIFETIME_S",
    "PREFIX",
    "ROLE_OF",
    "SCOPES",
    "AccessToken",
    "DelegateRequest",
    "Delegation",
    "DelegationAnswer",
    "DelegationGranted",
    "DelegationRevoked",
    "Revocation",
    "RevokeRequest",
    "Scope",
    "audience_of",
    "delegation_id",
    "tenant_in",
]

MAX_LIFETIME_S = 43_200
"""The longest life of a delegated key: twelve hours."""

DEFAULT_LIFETIME_S = 3600
"""The life of a delegated key for which no other is asked."""

PREFIX = "qbt_"
"""How every access token begins, so that scanners for secrets find it."""

_AUDIENCE: Final = "queuebit:"
_Key = Annotated[str, Field(pattern="^U[A-Z2-7]{55}$")]


class Delegation(Wire):
    """A key, whom it acts for, what it may do, and until when.

    It ends earlier if it is revoked, or if its user, or the issuer or token that proved it, is removed.
    """

    tenant: Name
    delegation: Name
    key: str
    """The public half of the key."""
    user: Name
    """The user in whose name it acts; it may never do what this user may not."""
    scope: Annotated[str, open_text(*SCOPES)]
    project: Name | None = None
    """The only project whose jobs it may submit and cancel; absent for any."""
    issuer: Name | None = None
    """The trusted issuer whose token proved it, by its name in the tenant; absent if a token of the user did."""
    token: str | None = None
    """The public half of the user's token that proved it."""
    subject: Sentence
    """Whom the proof names, such as `repo:acme/chem:ref:refs/heads/main`."""
    proof: Digest
    """Digest of the proof. The proof itself is in no event, since it is a secret for as long as it is valid."""
    granted_at: Moment
    expires_at: Moment
    """A request is within the life of the key if the log stored it before this."""


class Revocation(Wire):
    """The key has ended."""

    tenant: Name
    delegation: Name
    by: Author


class DelegationGranted(Event[Delegation]):
    """The key may be used until it expires. Appended once for each proof."""

    type: Literal["qb.delegation.granted.v1"] = "qb.delegation.granted.v1"


class DelegationRevoked(Event[Revocation]):
    """The key may not be used any more."""

    type: Literal["qb.delegation.revoked.v1"] = "qb.delegation.revoked.v1"


class DelegateRequest(Wire):
    """Grant a key, in exchange for a proof. The same request again gives the same answer."""

    key: _Key
    """The public half of a new key."""
    proof: str = Field(min_length=1, max_length=16_384)
    """The JWT."""
    scope: Annotated[str, open_text(*SCOPES)] | None = None
    """Absent: the widest that the proof and the user's role give."""
    project: Name | None = None
    """The only project whose jobs it may submit; absent: as the proof says."""
    lifetime_s: int | None = Field(default=None, ge=1, le=MAX_LIFETIME_S)
    """Absent: an hour, or what the issuer's entry allows if that is less."""


class RevokeRequest(Wire):
    """End a key: users end their own keys, admins all of their tenant, and each key itself.

    Signed like a submission: over the canonical JSON of all other fields.
    """

    tenant: Name
    delegation: Name
    proof: Signature


class DelegationAnswer(Wire):
    """The delegation as it stands, or all reasons of a refusal."""

    delegation: Delegation | None = None
    errors: tuple[Reason, ...] = ()


def audience_of(tenant: str) -> str:
    """The audience of what a user of a tenant signs; the entry of an issuer may name another."""
    return _AUDIENCE + tenant


def tenant_in(audience: str) -> str | None:
    """The tenant that an audience of `audience_of` names; None for any other audience."""
    return audience.removeprefix(_AUDIENCE) if audience.startswith(_AUDIENCE) else None


def delegation_id(tenant: str, issuer: str, proof: str) -> str:
    """The id of the delegation that a proof gives: `d` and 20 digits of base 32.

    Args:
        tenant: whose key it is.
        issuer: the claim `iss` of the proof.
        proof: its claim `jti`, or what was signed of a proof without one.
    """
    image = hashlib.sha256(f"delegation\n{tenant}\n{issuer}\n{proof}".encode()).digest()
    return "d" + base64.b32encode(image[:15]).decode()[:20].lower()


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A delegated key as a bearer token: all that its bearer needs, so that no service stores it."""

    tenant: str
    delegation: str
    seed: str = field(repr=False)
    """The secret half of the key."""

    def text(self) -> str:
        """The token for `Authorization: Bearer`: a secret."""
        image = f"{self.tenant}:{self.delegation}:{self.seed}".encode()
        return PREFIX + to_base64url(image)

    @classmethod
    def read(cls, text: str) -> AccessToken:
        """Take a token apart; says nothing about whether its key is good.

        Raises:
            Malformed: it is none; the text does not quote it.
        """
        try:
            image = from_base64url(text.removeprefix(PREFIX)).decode("ascii")
            tenant, delegation, seed = image.split(":")
            require_token(tenant, "tenant"), require_token(delegation, "delegation")
        except (InvalidId, ValueError) as error:
            raise Malformed("this is not an access token of Queuebit") from error
        if not (text.startswith(PREFIX) and seed.startswith("SU") and len(seed) == 58):
            raise Malformed("this is not an access token of Queuebit")
        return cls(tenant, delegation, seed)
