"""NKeys: one Ed25519 key pair serves as NATS login and signs its owner's requests."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import nkeys
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from queuebit_kernel import Json, canonical, from_base64url, to_base64url

__all__ = [
    "ALGORITHMS",
    "ED25519",
    "is_account_seed",
    "is_seed",
    "key_bytes",
    "new_account_seed",
    "new_seed",
    "public_key",
    "seed_of",
    "sign",
    "sign_bytes",
    "verify",
    "verify_bytes",
]


def new_seed() -> str:
    """A new user seed (`SU…`), the secret key."""
    return seed_of(os.urandom(32))


def new_account_seed() -> str:
    """A new account seed (`SA…`), with which logins are granted."""
    return bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_ACCOUNT)).decode()


def seed_of(secret: bytes) -> str:
    """The user seed of a secret of 32 bytes."""
    return bytes(nkeys.encode_seed(secret, nkeys.PREFIX_BYTE_USER)).decode()


def is_seed(text: str) -> bool:
    """Whether `text` is a well-formed user seed."""
    try:
        return text.startswith("SU") and len(text) == 58 and bool(nkeys.decode_seed(bytearray(text.encode())))
    except (nkeys.NkeysError, ValueError):
        return False


def is_account_seed(text: str) -> bool:
    """Whether `text` is a well-formed account seed."""
    try:
        return text.startswith("SA") and len(text) == 58 and bool(nkeys.decode_seed(bytearray(text.encode())))
    except (nkeys.NkeysError, ValueError):
        return False


def public_key(seed: str) -> str:
    """The public key (`U…` of a user, `A…` of an account) of a seed; servers store only this."""
    return bytes(_pair(seed).public_key).decode()


def sign(seed: str, document: Json) -> str:
    """Sign the canonical form of a document: Ed25519, base64url without padding."""
    return sign_bytes(seed, canonical(document))


def sign_bytes(seed: str, content: bytes) -> str:
    """Sign these bytes: Ed25519, base64url without padding."""
    return to_base64url(_pair(seed).sign(content))


def key_bytes(key: str) -> bytes:
    """The 32 bytes of the public key that an NKey names.

    Raises:
        ValueError: it is none.
    """
    return bytes(_verify_key(key))


def verify(key: str, document: Json, signature: str) -> bool:
    """Whether `signature` is by `key` over the canonical form of `document`."""
    try:
        return verify_bytes(key, canonical(document), signature)
    except (ValueError, TypeError):  # it has no canonical form
        return False


def verify_bytes(key: str, signed: bytes, signature: str) -> bool:
    """Whether `signature` is by `key` over these bytes."""
    try:
        _verify_key(key).verify(signed, _strictly(signature))
    except (BadSignatureError, ValueError, TypeError):
        return False
    return True


def _strictly(signature: str) -> bytes:
    """The bytes of a signature, in its one form: other texts for the same bytes would be other signatures."""
    found = from_base64url(signature)
    if to_base64url(found) != signature:
        raise ValueError("not base64url without padding")
    return found


@lru_cache(32)
def _pair(seed: str) -> nkeys.KeyPair:
    """The key pair of a seed; to derive it takes three times as long as to sign."""
    return nkeys.from_seed(bytearray(seed.encode()))


@lru_cache(1024)
def _verify_key(key: str) -> VerifyKey:
    """The key that an NKey names; raises ValueError if it is none."""
    decoded = base64.b32decode(key)
    if decoded[-2:] != nkeys.crc16_checksum(bytearray(decoded[:-2])):
        raise ValueError(f"{key!r:.80} is no NKey: its checksum is wrong")
    return VerifyKey(decoded[1:-2])


ED25519: Final = "ed25519"
"""The algorithm of a signature that names none."""

ALGORITHMS: Final[Mapping[str, Callable[[str, bytes, str], bool]]] = {ED25519: verify_bytes}
"""How to verify a signature, by its algorithm: with the key, over the canonical form of a document."""
