"""Bearer tokens: a delegated key that the request carries, checked against the facts about it."""

from __future__ import annotations

from queuebit_contracts.delegation import AccessToken, Delegation, DelegationGranted
from queuebit_contracts.delegations import Authority, Delegations, authority_of
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import Signature
from queuebit_contracts.wire import Reason
from queuebit_gateway.callers import Caller, Signer
from queuebit_gateway.problems import Problem
from queuebit_kernel import Clock, Json, Malformed
from queuebit_runtime.keys import ED25519, is_seed, public_key, sign

__all__ = ["Tokens", "signer_with"]

_NEXT = "get a new one with `qb token`, or from /oauth/token"


class Tokens:
    """Finds the callers of bearer tokens. No token is kept: each request brings the key that signs for it."""

    def __init__(self, directory: Directory, delegations: Delegations, clock: Clock) -> None:
        self._directory = directory
        self._delegations = delegations
        self._clock = clock

    def __call__(self, text: str) -> Caller:
        """The caller with this token.

        Raises:
            Problem: it is none, or its key has ended; the text does not quote it.
        """
        try:
            token = AccessToken.read(text)
        except Malformed as error:
            raise _unknown("bad_token", str(error)) from error
        if not is_seed(token.seed):
            raise _unknown("bad_token", "this access token is damaged")
        key, grant = public_key(token.seed), self._delegations.find(token.tenant, token.delegation)
        authority = self._authority(token, key)
        if isinstance(authority, Reason):
            raise _unknown(authority.code, authority.text)
        return Caller(
            token.tenant,
            authority.user,
            authority.role,
            signer_with(token),
            authority.project,
            grant.delegation.expires_at if grant else None,
            authority.delegation,
            lasts=lambda: self._authority(token, key) == authority,
        )

    def _authority(self, token: AccessToken, key: str) -> Authority | Reason:
        grant = self._delegations.find(token.tenant, token.delegation)
        return authority_of(grant, self._directory, key, self._clock.now())

    def granted(self, delegation: Delegation) -> None:
        """Know a key that the broker has just granted, before its fact is read from the log."""
        self._delegations.take(DelegationGranted(source="qb/broker", data=delegation))


def signer_with(token: AccessToken) -> Signer:
    """What signs with the key of a token."""

    def signed(content: Json) -> Signature:
        return Signature(
            key=public_key(token.seed),
            signature=sign(token.seed, content),
            algorithm=ED25519,
            delegation=token.delegation,
        )

    return signed


def _unknown(code: str, text: str) -> Problem:
    return Problem(401, code, text, _NEXT)
