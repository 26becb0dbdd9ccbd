"""The file of a log's private keys: one file, in plain text or encrypted, with the public keys of earlier generations.

The public part can be read without the passphrase. The encryption authenticates it, so that no key can be exchanged.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from queuebit_kernel import Json, canonical, rfc3339
from queuebit_proof.algorithms import SEED_BYTES, Algorithm, SigningKey
from queuebit_proof.encoding import b64, exactly, parse_json, text, unb64, whole
from queuebit_proof.note import require_key_name
from queuebit_proof.profiles import PROFILES, Profile, Purpose
from queuebit_proof.trust import TrustKey, TrustRoot

__all__ = ["KeyFile", "Seeds", "WrongPassphrase", "new_seeds", "public_keys"]

Seeds = Mapping[tuple[Purpose, Algorithm], bytes]

_VERSION = 2
_SCRYPT = {"n": 2**15, "r": 8, "p": 3}
"""32 MiB and about a quarter of a second: what OWASP lists as equal to n = 2^17, p = 1."""
_MOST_WORK = 2**21
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 16, 12, 32
_KEY_FIELDS = frozenset({"purpose", "algorithm", "public_key", "valid_from"})
_SEALED = frozenset({"kdf", "n", "r", "p", "salt", "cipher", "nonce", "ciphertext"})


class WrongPassphrase(ValueError):
    """The keys are encrypted, and the passphrase is missing or wrong."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What the file has: public keys, and the private keys of the newest generation, encrypted or not."""

    trust: TrustRoot
    secret: Mapping[str, object]
    encrypted: bool

    @classmethod
    def of(cls, trust: TrustRoot, seeds: Seeds, passphrase: bytes | None) -> KeyFile:
        """Put private keys into a file; encrypted if there is a passphrase."""
        named = {f"{purpose}/{algorithm}": b64(seed) for (purpose, algorithm), seed in seeds.items()}
        if passphrase is None:
            return cls(trust, named, encrypted=False)
        salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(_derived(passphrase, salt, _SCRYPT))
        ciphertext = cipher.encrypt(nonce, canonical(named), canonical(_public(trust)))
        sealed = {"salt": b64(salt), "nonce": b64(nonce), "ciphertext": b64(ciphertext)}
        return cls(trust, {"kdf": "scrypt", **_SCRYPT, "cipher": "aes-256-gcm", **sealed}, encrypted=True)

    def to_bytes(self) -> bytes:
        """Return the file."""
        name = "encrypted" if self.encrypted else "seeds"
        return json.dumps({"version": _VERSION, **_public(self.trust), name: self.secret}, indent=2).encode() + b"\n"

    @classmethod
    def parse(cls, content: bytes) -> KeyFile:
        """Read a file; the private keys are not decrypted.

        Raises:
            ValueError: it is damaged.
        """
        document = parse_json(content)
        if isinstance(document, dict) and "version" not in document:
            return _version_1(document)
        encrypted = isinstance(document, dict) and "encrypted" in document
        secret = "encrypted" if encrypted else "seeds"
        fields = exactly(document, frozenset({"version", "origin", "trust_version", "keys", secret}), "the file")
        if fields["version"] != _VERSION:
            raise ValueError(f"this program reads files of version 1 and {_VERSION}")
        listed, found = fields["keys"], fields[secret]
        if not isinstance(listed, list) or not isinstance(found, dict):
            raise ValueError("its keys are not in the required form")
        origin = require_key_name(text(fields["origin"], "origin"))
        keys = tuple(_read_key(origin, it) for it in listed)
        return cls(TrustRoot(whole(fields["trust_version"], "trust_version"), origin, keys), found, encrypted)

    def seeds(self, passphrase: bytes | None) -> dict[tuple[Purpose, Algorithm], bytes]:
        """Return the private keys of the newest generation.

        Raises:
            WrongPassphrase: they are encrypted, and this is not the passphrase.
            ValueError: they are damaged, or do not belong to the public keys.
        """
        document = self._decrypted(passphrase) if self.encrypted else self.secret
        current = self.trust.current
        wanted = {f"{it.purpose}/{it.algorithm}": it for it in current.keys}
        named = exactly(document, frozenset(wanted), "seeds")
        found = {}
        for name, key in wanted.items():
            seed = unb64(text(named[name], name))
            if SigningKey(key.algorithm, seed).public != key.public:
                raise ValueError(f"the private key {name} does not belong to its public key")
            found[key.purpose, key.algorithm] = seed
        return found

    def _decrypted(self, passphrase: bytes | None) -> object:
        if passphrase is None:
            raise WrongPassphrase("the keys are encrypted, and no passphrase is given")
        fields = exactly(self.secret, _SEALED, "encrypted")
        if (fields["kdf"], fields["cipher"]) != ("scrypt", "aes-256-gcm"):
            raise ValueError("its encryption is not scrypt with AES-256-GCM")
        work = {it: whole(fields[it], it) for it in ("n", "r", "p")}
        if work["n"] * work["r"] * work["p"] > _MOST_WORK:
            raise ValueError("its scrypt parameters are too large")
        salt, nonce, ciphertext = (unb64(text(fields[it], it)) for it in ("salt", "nonce", "ciphertext"))
        try:
            cipher = AESGCM(_derived(passphrase, salt, work))
            return parse_json(cipher.decrypt(nonce, ciphertext, canonical(_public(self.trust))))
        except InvalidTag as error:
            raise WrongPassphrase("the passphrase is wrong, or the file was altered") from error


def new_seeds(profile: Profile) -> dict[tuple[Purpose, Algorithm], bytes]:
    """Return new private keys for all that a profile requires."""
    required = PROFILES[profile]
    return {(purpose, it): secrets.token_bytes(SEED_BYTES) for purpose in Purpose for it in required[purpose]}


def public_keys(origin: str, seeds: Seeds, valid_from: datetime) -> tuple[TrustKey, ...]:
    """Return the public keys of a new generation."""
    return tuple(
        TrustKey(purpose, algorithm, origin, SigningKey(algorithm, seed).public, valid_from)
        for (purpose, algorithm), seed in seeds.items()
    )


def _derived(passphrase: bytes, salt: bytes, work: Mapping[str, int]) -> bytes:
    return Scrypt(salt=salt, length=_KEY_BYTES, n=work["n"], r=work["r"], p=work["p"]).derive(passphrase)


def _public(trust: TrustRoot) -> dict[str, Json]:
    return {"origin": trust.origin, "trust_version": trust.version, "keys": [_written(it) for it in trust.keys]}


def _written(key: TrustKey) -> dict[str, Json]:
    return {
        "purpose": str(key.purpose),
        "algorithm": str(key.algorithm),
        "public_key": b64(key.public),
        "valid_from": rfc3339(key.valid_from),
        **({"valid_until": rfc3339(key.valid_until)} if key.valid_until else {}),
    }


def _read_key(origin: str, item: object) -> TrustKey:
    replaced = isinstance(item, dict) and "valid_until" in item
    fields = exactly(item, _KEY_FIELDS | {"valid_until"} if replaced else _KEY_FIELDS, "a key")
    return TrustKey(
        Purpose(text(fields["purpose"], "purpose")),
        Algorithm(text(fields["algorithm"], "algorithm")),
        origin,
        unb64(text(fields["public_key"], "public_key")),
        datetime.fromisoformat(text(fields["valid_from"], "valid_from")),
        datetime.fromisoformat(text(fields["valid_until"], "valid_until")) if replaced else None,
    )


def _version_1(document: dict[str, object]) -> KeyFile:
    """A file of before keys could be replaced: one generation, in plain text."""
    fields = exactly(document, frozenset({"origin", "valid_from", "seeds"}), "the file")
    wanted = {f"{purpose}/{it}": (purpose, it) for purpose in Purpose for it in PROFILES[Profile.DEFAULT][purpose]}
    named = exactly(fields["seeds"], frozenset(wanted), "seeds")
    seeds = {use: unb64(text(named[name], name)) for name, use in wanted.items()}
    origin = require_key_name(text(fields["origin"], "origin"))
    begin = datetime.fromisoformat(text(fields["valid_from"], "valid_from"))
    return KeyFile(TrustRoot(1, origin, public_keys(origin, seeds, begin)), named, encrypted=False)
