"""The key of each hybrid job: it follows from the service's own secret, so that it is stored nowhere."""

from __future__ import annotations

import hashlib
import hmac

from queuebit_contracts.delegation import RevokeRequest
from queuebit_contracts.job import Signature
from queuebit_contracts.session import CloseSession
from queuebit_kernel import Json
from queuebit_runtime.keys import ED25519, public_key, seed_of, sign

__all__ = ["JobKeys"]


class JobKeys:
    """Keys of hybrid jobs. All processes of the service derive the same."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def seed(self, tenant: str, hybrid: str) -> str:
        """The secret half."""
        image = f"queuebit hybrid key\n{tenant}\n{hybrid}".encode()
        return seed_of(hmac.digest(self._secret, image, hashlib.sha256))

    def public(self, tenant: str, hybrid: str) -> str:
        """The half that its owner grants."""
        return public_key(self.seed(tenant, hybrid))

    def closing(self, tenant: str, hybrid: str, delegation: str, session: str) -> CloseSession:
        """The request that closes its session."""
        content = {"tenant": tenant, "session": session}
        return CloseSession(**content, proof=self._proof(tenant, hybrid, delegation, content))

    def revocation(self, tenant: str, hybrid: str, delegation: str) -> RevokeRequest:
        """The request that ends the key, which each key may make for itself."""
        content = {"tenant": tenant, "delegation": delegation}
        return RevokeRequest(**content, proof=self._proof(tenant, hybrid, delegation, content))

    def _proof(self, tenant: str, hybrid: str, delegation: str, content: Json) -> Signature:
        seed = self.seed(tenant, hybrid)
        signature = sign(seed, content)
        return Signature(key=public_key(seed), signature=signature, algorithm=ED25519, delegation=delegation)
