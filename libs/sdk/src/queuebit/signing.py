"""Proofs of who makes a request."""

from __future__ import annotations

from typing import Final

from queuebit_contracts.job import Signature
from queuebit_kernel import Json
from queuebit_runtime.keys import ED25519, public_key, sign

__all__ = ["UNSIGNED", "proof_of"]

UNSIGNED: Final = Signature(key="", signature="")
"""The proof of a request that is not signed yet: a proof is no part of what it signs."""


def proof_of(content: Json, seed: str, delegation: str | None = None) -> Signature:
    """Sign the content of a request with a token's seed; the proof names its algorithm, and its key is its own id.

    With the seed of a delegated key, it names the delegation. Without a seed it stays unsigned: the gateway signs it,
    with the delegated key that the request carries.
    """
    if not seed:
        return UNSIGNED
    return Signature(key=public_key(seed), signature=sign(seed, content), algorithm=ED25519, delegation=delegation)
