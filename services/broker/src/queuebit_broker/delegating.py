"""Grants and revokes delegated keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress

from queuebit_broker.following import follow, follow_author
from queuebit_broker.grants import KeysOf, grant, trusted_issuers
from queuebit_broker.ports import EventLog, Follower, KeySets
from queuebit_broker.proofs import Proof, read_proof
from queuebit_broker.requests import NOT_SIGNED, signature_holds
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.delegation import (
    DelegateRequest,
    Delegation,
    DelegationAnswer,
    DelegationGranted,
    DelegationRevoked,
    Revocation,
    RevokeRequest,
)
from queuebit_contracts.issuers import Issuer
from queuebit_contracts.wire import Reason
from queuebit_kernel import Clock, Stale, canonical, event_id

__all__ = ["DelegateKeys"]

_SOURCE = "qb/broker"


class DelegateKeys:
    """Grants a key for each proof, once, and ends it on request."""

    def __init__(self, *, log: EventLog, follower: Follower, world: World, key_sets: KeySets, clock: Clock) -> None:
        self._log = log
        self._follower = follower
        self._world = world
        self._key_sets = key_sets
        self._clock = clock

    async def delegate(self, tenant: str, request: DelegateRequest) -> DelegationAnswer:
        """Verify the proof and append the fact; the same request again has the same answer.

        Raises:
            Malformed: the proof is no token.
            Unavailable: the issuer's public keys cannot be read, or the log does not answer.
        """
        proof = read_proof(request.proof)
        await follow(self._log, self._follower, subjects.TENANTS)
        keys = await self.keys_for(tenant, proof)
        decision = grant(request, proof, tenant, self._world.directory, keys, self._clock.now())
        if not isinstance(decision, Delegation):
            return DelegationAnswer(errors=decision)
        event = DelegationGranted(
            id=event_id("granted", tenant, decision.delegation, decision.key), source=_SOURCE, data=decision
        )
        aggregate = subjects.delegation(tenant, decision.delegation)
        with suppress(Stale):  # the proof was used before; what it was used for decides
            await self._log.append(event, after=0, guard=aggregate.everything)
        await follow(self._log, self._follower, aggregate.everything)
        return self._recorded(decision)

    async def revoke(self, tenant: str, request: RevokeRequest) -> DelegationAnswer:
        """End a key, unless it has ended.

        Raises:
            Stale, Unavailable: the log does not accept it now; the same request can be made again.
        """
        aggregate = subjects.delegation(tenant, request.delegation)
        sequence = await follow(self._log, self._follower, aggregate.everything)
        await follow_author(self._log, self._follower, self._world, tenant, request.proof)
        if isinstance(author := self._revoker(tenant, request), Reason):
            return DelegationAnswer(errors=(author,))
        known = self._world.delegations.find(tenant, request.delegation)
        if known is None:
            return _no("unknown_delegation", f"tenant {tenant} has no key {request.delegation} that still acts")
        if known.ended is None:
            data = Revocation(tenant=tenant, delegation=request.delegation, by=author)
            event = DelegationRevoked(id=event_id("revoked", tenant, request.delegation), source=_SOURCE, data=data)
            await self._log.append(event, after=sequence, guard=aggregate.everything)
            await follow(self._log, self._follower, aggregate.everything)
        return DelegationAnswer(delegation=known.delegation)

    async def keys_for(self, tenant: str, proof: Proof) -> KeysOf:
        """The public keys of each issuer that may have signed a proof."""
        entry = self._world.directory.tenant.get(tenant)
        if entry is None or proof.signer is not None:
            return {}
        trusted: Mapping[str, Issuer] = trusted_issuers(entry, proof)
        sets = await asyncio.gather(*(self._key_set(it, proof.key_id) for it in trusted.values()))
        return dict(zip(trusted, sets, strict=True))

    async def _key_set(self, issuer: Issuer, key_id: str | None) -> list[Mapping[str, object]]:
        if issuer.jwks:
            keys: list[Mapping[str, object]] = json.loads(issuer.jwks)["keys"]
            return keys
        return [*await self._key_sets.keys(issuer.jwks_url, key_id)]

    def _recorded(self, wanted: Delegation) -> DelegationAnswer:
        """The key that the proof gave: this one, unless the proof was used for another before."""
        known = self._world.delegations.find(wanted.tenant, wanted.delegation)
        if known is None or known.delegation.key != wanted.key:
            return _no(
                "proof_used", "the proof was exchanged before: each gives one key; get a new one from its issuer"
            )
        if known.ended is not None:
            return _no("delegation_revoked", f"the key that this proof gave has ended: {known.ended}; get a new proof")
        return DelegationAnswer(delegation=known.delegation)

    def _revoker(self, tenant: str, request: RevokeRequest) -> str | Reason:
        """Who may end the key; or why the request may not."""
        signed = canonical(request.model_dump(mode="json", exclude={"proof"}))
        if request.tenant != tenant or not signature_holds(signed, request.proof):
            return NOT_SIGNED
        known = self._world.delegations.find(tenant, request.delegation)
        if known is not None and known.delegation.key == request.proof.key:
            return known.delegation.user
        author = self._world.author(tenant, request.proof, self._clock.now())
        if isinstance(author, Reason):
            return author
        own = known is not None and author is not None and author.user == known.delegation.user
        if author is None or not (author.may("manage") or (own and author.delegation is None)):
            text = "users end their own keys, and admins all of their tenant: ask an admin"
            return Reason(code="role_forbids", text=text)
        return author.user


def _no(code: str, text: str) -> DelegationAnswer:
    return DelegationAnswer(errors=(Reason(code=code, text=text),))
