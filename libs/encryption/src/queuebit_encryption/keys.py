"""Pairs of keys of tenants. A private key is stored only when it is encrypted by another key (wrapped)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
    MLKEM1024PrivateKey,
    MLKEM1024PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from queuebit_encryption.algorithms import Algorithm, algorithm_of
from queuebit_encryption.errors import BadCiphertext
from queuebit_kernel import digest

__all__ = ["KEY_ID_BYTES", "PrivateKey", "PublicKey", "unwrap", "wrap"]

KEY_ID_BYTES: Final = 8

_SEED: Final = 64
"""Bytes of the seed of a private ML-KEM key, `d || z` of FIPS 203."""

_ML_KEM_768: Final = 1184
"""Bytes of a public key of ML-KEM-768."""

_NONCE: Final = 12


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Encrypts for a tenant.

    Args:
        algorithm: what encrypts with it.
        raw: the public key of ML-KEM, followed by that of X25519 where the algorithm has one.

    Raises:
        ValueError: `raw` is no public key of this algorithm.
    """

    algorithm: Algorithm
    raw: bytes
    key_id: bytes = field(init=False)
    """Names the key: the beginning of the SHA-256 of its algorithm and its bytes."""
    native: MLKEM768X25519PublicKey | MLKEM1024PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = digest(bytes([self.algorithm]) + self.raw).removeprefix("sha256:")
        object.__setattr__(self, "key_id", bytes.fromhex(named)[:KEY_ID_BYTES])
        object.__setattr__(self, "native", self._native())

    def _native(self) -> MLKEM768X25519PublicKey | MLKEM1024PublicKey:
        if self.algorithm is Algorithm.ML_KEM_1024:
            return MLKEM1024PublicKey.from_public_bytes(self.raw)
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(self.raw[:_ML_KEM_768]),
            X25519PublicKey.from_public_bytes(self.raw[_ML_KEM_768:]),
        )


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Decrypts what was encrypted with its public key.

    Args:
        algorithm: what decrypts with it.
        raw: the seed of ML-KEM, followed by the private key of X25519 where the algorithm has one.

    Raises:
        ValueError: `raw` is no private key of this algorithm.
    """

    algorithm: Algorithm
    raw: bytes = field(repr=False)
    public: PublicKey = field(init=False)
    native: MLKEM768X25519PrivateKey | MLKEM1024PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        seed, rest = self.raw[:_SEED], self.raw[_SEED:]
        native: MLKEM768X25519PrivateKey | MLKEM1024PrivateKey
        if self.algorithm is Algorithm.ML_KEM_1024:
            native = MLKEM1024PrivateKey.from_seed_bytes(self.raw)
            public = native.public_key().public_bytes_raw()
        else:
            kem, curve = MLKEM768PrivateKey.from_seed_bytes(seed), X25519PrivateKey.from_private_bytes(rest)
            native = MLKEM768X25519PrivateKey(kem, curve)
            public = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
        object.__setattr__(self, "public", PublicKey(self.algorithm, public))
        object.__setattr__(self, "native", native)

    @classmethod
    def generate(cls, algorithm: Algorithm) -> Self:
        """A new key, from the random numbers of the system."""
        hybrid = algorithm is Algorithm.ML_KEM_768_X25519
        return cls(algorithm, os.urandom(_SEED + 32 if hybrid else _SEED))


def wrap(private: PrivateKey, tenant: str, key: bytes) -> bytes:
    """Encrypt the private key of a tenant by AES-256-GCM; `key` has 32 bytes and is used for nothing else."""
    head = bytes([private.algorithm]) + private.public.key_id
    nonce = os.urandom(_NONCE)
    return head + nonce + AESGCM(key).encrypt(nonce, private.raw, head + tenant.encode())


def unwrap(wrapped: bytes, tenant: str, key: bytes) -> PrivateKey:
    """The private key of a tenant that `wrap` encrypted.

    Raises:
        BadCiphertext: it was encrypted by another key or for another tenant, or was changed.
    """
    head, rest = wrapped[: 1 + KEY_ID_BYTES], wrapped[1 + KEY_ID_BYTES :]
    if len(rest) <= _NONCE:
        raise BadCiphertext("the key is too short to be a key of a tenant")
    algorithm = algorithm_of(head[0])
    try:
        raw = AESGCM(key).decrypt(rest[:_NONCE], rest[_NONCE:], head + tenant.encode())
    except InvalidTag as error:
        raise BadCiphertext(f"the key of tenant {tenant} does not decrypt: is it the right master key?") from error
    return PrivateKey(algorithm, raw)
