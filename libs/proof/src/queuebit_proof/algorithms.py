"""Signature algorithms by id. Every signed record names its algorithm."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
    MLDSA87PrivateKey,
    MLDSA87PublicKey,
)

__all__ = ["SEED_BYTES", "Algorithm", "Signer", "SigningKey", "is_signed", "require_public"]

SEED_BYTES = 32
"""Length of every private key, in bytes: an RFC 8032 secret or a FIPS 204 seed."""


class Algorithm(StrEnum):
    """Algorithms of RFC 8032 and FIPS 204."""

    ED25519 = "ed25519"
    ML_DSA_44 = "ml-dsa-44"
    ML_DSA_65 = "ml-dsa-65"
    ML_DSA_87 = "ml-dsa-87"


class Signer(Protocol):
    """What signs with one private key: a key in memory (`SigningKey`), or a device or service that keeps it."""

    @property
    def algorithm(self) -> Algorithm:
        """Of the key."""
        ...

    @property
    def public(self) -> bytes:
        """The raw public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign the message, without a digest of it first and without a context (FIPS 204, section 5.2)."""
        ...


class SigningKey:
    """A private key. `repr` does not show the secret."""

    def __init__(self, algorithm: Algorithm, seed: bytes) -> None:
        """Derive the key pair.

        Raises:
            ValueError: the seed is not `SEED_BYTES` long.
        """
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a private {algorithm} key is {SEED_BYTES} bytes, not {len(seed)}")
        self.algorithm = algorithm
        self.seed = seed
        self._private, self.public = _pair(algorithm, seed)

    def sign(self, message: bytes) -> bytes:
        """Sign the message; the caller adds the framing of its format first."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm})"


def is_signed(algorithm: Algorithm, public: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether the signature of the message is valid for this key."""
    try:
        _public(algorithm, public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def require_public(algorithm: Algorithm, public: bytes) -> None:
    """Raise `ValueError` if the bytes are not a public key of this algorithm."""
    _public(algorithm, public)


class _Private(Protocol):
    def sign(self, data: bytes, /) -> bytes: ...


class _Public(Protocol):
    def verify(self, signature: bytes, data: bytes, /) -> None: ...


def _pair(algorithm: Algorithm, seed: bytes) -> tuple[_Private, bytes]:
    key: Ed25519PrivateKey | MLDSA44PrivateKey | MLDSA65PrivateKey | MLDSA87PrivateKey
    match algorithm:
        case Algorithm.ED25519:
            key = Ed25519PrivateKey.from_private_bytes(seed)
        case Algorithm.ML_DSA_44:
            key = MLDSA44PrivateKey.from_seed_bytes(seed)
        case Algorithm.ML_DSA_65:
            key = MLDSA65PrivateKey.from_seed_bytes(seed)
        case Algorithm.ML_DSA_87:
            key = MLDSA87PrivateKey.from_seed_bytes(seed)
    return key, key.public_key().public_bytes_raw()


@lru_cache(maxsize=64)
def _public(algorithm: Algorithm, public: bytes) -> _Public:
    match algorithm:
        case Algorithm.ED25519:
            return Ed25519PublicKey.from_public_bytes(public)
        case Algorithm.ML_DSA_44:
            return MLDSA44PublicKey.from_public_bytes(public)
        case Algorithm.ML_DSA_65:
            return MLDSA65PublicKey.from_public_bytes(public)
        case Algorithm.ML_DSA_87:
            return MLDSA87PublicKey.from_public_bytes(public)
