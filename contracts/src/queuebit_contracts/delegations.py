"""The delegated keys, folded from the facts `qb.delegation.*` and `qb.tenant.*`, and what each may do.

Pure: the broker, which admits what such keys sign, and the gateway, which reads for their bearers, decide alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from queuebit_contracts.delegation import Delegation, DelegationGranted, DelegationRevoked
from queuebit_contracts.directory import Directory
from queuebit_contracts.roles import ROLE_OF, Role, Verb, common_role, may
from queuebit_contracts.tenant import IssuerRemoved, TenantRemoved, UserDefined, UserRemoved
from queuebit_contracts.wire import Event, Reason
from queuebit_kernel import rfc3339

__all__ = ["KEPT", "Authority", "Delegations", "Grant", "authority_of"]

KEPT: Final = timedelta(days=1)
"""How long an expired key is remembered, so that a submission in time that waits is still decided; its facts stay."""

_SWEPT_EACH: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Authority:
    """The user that a key acts for, and what it may do."""

    user: str
    role: Role
    delegation: str | None = None
    """None if the key is the user's own."""
    project: str | None = None
    """The only project whose jobs it may submit and cancel; None for any."""

    def may(self, verb: Verb) -> bool:
        """Whether it may do this."""
        return may(self.role, verb)


@dataclass(frozen=True, slots=True)
class Grant:
    """A delegation, and why it ended before it expired."""

    delegation: Delegation
    ended: str | None = None


class Delegations:
    """The delegated keys of all tenants. Expired ones are forgotten after a day, so that memory stays bounded.

    A key ends for good with its revocation, and with the removal of its tenant or user, or of the issuer or token that
    proved it: also if another of that name is added later.
    """

    def __init__(self, known: Iterable[Grant] = ()) -> None:
        """Begin with nothing, or with what another fold knew."""
        self._known = {(it.delegation.tenant, it.delegation.delegation): it for it in known}
        self._swept: datetime | None = None

    def take(self, event: Event[Any]) -> None:  # facts of other nouns change nothing
        """Fold one fact."""
        match event:
            case DelegationGranted(data=data):
                self._known.setdefault((data.tenant, data.delegation), Grant(data))
                self._sweep(data.granted_at)
            case DelegationRevoked(data=revoked):
                self._end(revoked.tenant, f"{revoked.by} revoked it", delegation=revoked.delegation)
            case TenantRemoved(data=tenant):
                self._end(tenant.tenant, "its tenant was removed")
            case UserRemoved(data=user):
                self._end(user.tenant, f"user {user.user} was removed", user=user.user)
            case UserDefined(data=user):
                why = f"the token of {user.user} that proved it was revoked"
                self._end(user.tenant, why, user=user.user, except_tokens=(None, *user.keys))
            case IssuerRemoved(data=issuer):
                self._end(issuer.tenant, f"issuer {issuer.issuer} was removed", issuer=issuer.issuer)

    def find(self, tenant: str, delegation: str) -> Grant | None:
        """A delegation; None if it is unknown or was forgotten."""
        return self._known.get((tenant, delegation))

    def all(self) -> Iterator[Grant]:
        """Each that is known, oldest first."""
        return iter(self._known.values())

    def _end(self, tenant: str, why: str, *, except_tokens: Collection[str | None] = (), **those: str) -> None:
        """End what has these fields, unless one of these tokens proved it."""
        for place, it in self._known.items():
            if place[0] != tenant or it.ended is not None or it.delegation.token in except_tokens:
                continue
            if all(getattr(it.delegation, field) == value for field, value in those.items()):
                self._known[place] = Grant(it.delegation, why)

    def _sweep(self, now: datetime) -> None:
        if self._swept is not None and now - self._swept < _SWEPT_EACH:
            return
        self._swept = now
        self._known = {place: it for place, it in self._known.items() if it.delegation.expires_at + KEPT > now}


def authority_of(grant: Grant | None, directory: Directory, key: str, at: datetime) -> Authority | Reason:
    """What a delegated key may do; or why it may do nothing.

    Args:
        grant: the delegation that a request names.
        directory: the tenants now.
        key: the public half of the key that signed the request, or that its bearer has.
        at: when the log stored the request, or the time now for a request that is not stored.
    """
    if grant is None or grant.delegation.key != key:
        return _no("unknown_delegation", "no delegation of this id has this key")
    it = grant.delegation
    if grant.ended is not None:
        return _no("delegation_revoked", f"delegation {it.delegation} has ended: {grant.ended}")
    if at >= it.expires_at:
        return _no("delegation_expired", f"delegation {it.delegation} expired at {rfc3339(it.expires_at)}")
    tenant = directory.tenant.get(it.tenant)
    if tenant is None or (user := tenant.user.get(it.user)) is None:
        return _no("delegation_revoked", f"user {it.user} of tenant {it.tenant} does not exist")
    worth = next((role for scope, role in ROLE_OF.items() if scope == it.scope), "viewer")
    if (role := common_role(user.role, worth)) is None:
        return _no("scope_forbids", f"{it.user} is {user.role}, of which the scope {it.scope} permits nothing")
    return Authority(it.user, role, it.delegation, it.project)


def _no(code: str, text: str) -> Reason:
    return Reason(code=code, text=f"{text}: ask for a new key with `qb token` or at /oauth/token")
