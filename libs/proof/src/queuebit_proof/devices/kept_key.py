"""A key that a device keeps, as a `Signer`."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Protocol

from queuebit_proof.algorithms import Algorithm, is_signed
from queuebit_proof.errors import KeysUnsafe, SignerAway

__all__ = ["Device", "KeptKey", "public_key_of", "require_own"]


class Device(Protocol):
    """What keeps an Ed25519 key: a token with PKCS#11, or a service such as Vault's transit engine."""

    def public(self) -> bytes:
        """The raw public key; of several versions, that of the newest.

        Raises:
            SignerAway: the device does not answer, or does not have this key.
        """
        ...

    def sign(self, public: bytes, message: bytes) -> bytes:
        """Sign with the key, or with that version of it, that has this public key; `require_own` checks it.

        Raises:
            SignerAway: as `public`, or the device signed with another key.
        """
        ...


@dataclass
class KeptKey:
    """A key in use. The device is asked for the first time when there is something to sign, so that a service starts
    without it, and reports what is wrong."""

    algorithm: Algorithm
    public: bytes
    reference: str
    _device: Device | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def sign(self, message: bytes) -> bytes:
        """Sign the message.

        Raises:
            SignerAway: the device did not sign, or with another key, or the reference cannot be used here; a later
                attempt may succeed.
        """
        with self._lock:
            if self._device is None:
                try:
                    self._device = _opened(self.reference, self.algorithm)
                except KeysUnsafe as error:  # jobs wait until the operator corrects it
                    raise SignerAway(str(error)) from error
            return self._device.sign(self.public, message)


def public_key_of(reference: str, algorithm: Algorithm) -> bytes:
    """Ask a device for the public key of a new key.

    Raises:
        KeysUnsafe: the reference is wrong, or no device signs with this algorithm.
        SignerAway: the device does not answer, or does not have this key.
    """
    return _opened(reference, algorithm).public()


def require_own(signature: bytes, public: bytes, message: bytes, reference: str) -> bytes:
    """Return a signature of a device after verifying it.

    Raises:
        SignerAway: it is not by the key in use.
    """
    if not is_signed(Algorithm.ED25519, public, signature, message):
        raise SignerAway(f"{reference} signs with another key than the one in use")
    return signature


def _opened(reference: str, algorithm: Algorithm) -> Device:
    if algorithm is not Algorithm.ED25519:
        raise KeysUnsafe(
            f"{reference} cannot keep the {algorithm} key: devices keep ed25519 keys, others are in the file"
        )
    scheme, _, rest = reference.partition(":")
    match scheme:
        case "pkcs11":
            from queuebit_proof.devices.pkcs11_token import TokenKey

            return TokenKey.of(reference)
        case "vault":
            try:
                from queuebit_proof.devices.vault_transit import TransitKey
            except ImportError as error:
                raise KeysUnsafe("Vault needs its client: pip install 'queuebit-proof[vault]'") from error
            return TransitKey.of(rest)
        case _:
            raise KeysUnsafe(f"{reference!r} names no key: it must begin with pkcs11: (RFC 7512) or vault:")
