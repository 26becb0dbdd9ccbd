"""The file of a log's private keys: one file, in plain text or encrypted, with the public keys of earlier generations.

Of a key that a device keeps, the file has the reference instead. The public part can be read without the passphrase.
The encryption authenticates it, so that no key can be exchanged.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from queuebit_kernel import Json, canonical, rfc3339
from queuebit_proof.algorithms import SEED_BYTES, Algorithm, SigningKey
from queuebit_proof.devices import Signers, public_key_of
from queuebit_proof.encoding import b64, exactly, parse_json, text, unb64, whole
from queuebit_proof.errors import KeysUnsafe
from queuebit_proof.note import require_key_name
from queuebit_proof.profiles import PROFILES, Profile, Purpose
from queuebit_proof.trust import TrustKey, TrustRoot

__all__ = ["KeyFile", "Seeds", "WrongPassphrase", "new_keys"]

Seeds = Mapping[tuple[Purpose, Algorithm], bytes]

_VERSION = 2
_VERSION_KEPT = 3
"""A file with references: an older program does not take it for a damaged one."""
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
    kept: Signers = field(default_factory=dict)
    """References of those keys of the newest generation that devices keep. The encryption does not authenticate them,
    so that one can be corrected when a token moves: a device with another key is recognised by its public key."""

    @classmethod
    def of(cls, trust: TrustRoot, seeds: Seeds, passphrase: bytes | None, kept: Signers) -> KeyFile:
        """Put private keys into a file; encrypted if there is a passphrase."""
        named = {f"{purpose}/{algorithm}": b64(seed) for (purpose, algorithm), seed in seeds.items()}
        if passphrase is None:
            return cls(trust, named, encrypted=False, kept=kept)
        salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(_derived(passphrase, salt, _SCRYPT))
        ciphertext = cipher.encrypt(nonce, canonical(named), canonical(_public(trust)))
        sealed = {"salt": b64(salt), "nonce": b64(nonce), "ciphertext": b64(ciphertext)}
        return cls(trust, {"kdf": "scrypt", **_SCRYPT, "cipher": "aes-256-gcm", **sealed}, True, kept)

    def to_bytes(self) -> bytes:
        """Return the file."""
        name = "encrypted" if self.encrypted else "seeds"
        kept = {f"{purpose}/{algorithm}": it for (purpose, algorithm), it in self.kept.items()}
        version = {"version": _VERSION_KEPT, "kept": kept} if kept else {"version": _VERSION}
        return json.dumps({**version, **_public(self.trust), name: self.secret}, indent=2).encode() + b"\n"

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
        has_kept = isinstance(document, dict) and document.get("version") == _VERSION_KEPT
        names = {"version", "origin", "trust_version", "keys", secret, *(("kept",) if has_kept else ())}
        fields = exactly(document, frozenset(names), "the file")
        if fields["version"] not in (_VERSION, _VERSION_KEPT):
            raise ValueError(f"this program reads files of version 1 to {_VERSION_KEPT}")
        listed, found = fields["keys"], fields[secret]
        if not isinstance(listed, list) or not isinstance(found, dict):
            raise ValueError("its keys are not in the required form")
        origin = require_key_name(text(fields["origin"], "origin"))
        keys = tuple(_read_key(origin, it) for it in listed)
        trust = TrustRoot(whole(fields["trust_version"], "trust_version"), origin, keys)
        uses = {f"{it.purpose}/{it.algorithm}": (it.purpose, it.algorithm) for it in trust.current.keys}
        kept = exactly(fields["kept"], frozenset(uses) & frozenset(_names(fields["kept"])), "kept") if has_kept else {}
        return cls(trust, found, encrypted, {uses[name]: text(it, name) for name, it in kept.items()})

    def seeds(self, passphrase: bytes | None) -> dict[tuple[Purpose, Algorithm], bytes]:
        """Return the private keys of the newest generation.

        Raises:
            WrongPassphrase: they are encrypted, and this is not the passphrase.
            ValueError: they are damaged, or do not belong to the public keys.
        """
        document = self._decrypted(passphrase) if self.encrypted else self.secret
        current = self.trust.current
        own = [it for it in current.keys if (it.purpose, it.algorithm) not in self.kept]
        wanted = {f"{it.purpose}/{it.algorithm}": it for it in own}
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


def new_keys(
    profile: Profile, origin: str, valid_from: datetime, kept: Signers
) -> tuple[tuple[TrustKey, ...], dict[tuple[Purpose, Algorithm], bytes]]:
    """Make a new generation: all that a profile requires. Return its public keys, and the private ones of the file.

    Raises:
        KeysUnsafe: a reference is wrong, or is of no key of the profile, or two name one key.
        SignerAway: a device does not answer, or does not have its key.
    """
    uses = [(purpose, it) for purpose in Purpose for it in PROFILES[profile][purpose]]
    if unknown := set(kept) - set(uses):
        raise KeysUnsafe(f"the profile {profile} has no {'/'.join(min(unknown))} key, which the signers file names")
    seeds = {it: secrets.token_bytes(SEED_BYTES) for it in uses if it not in kept}
    public = {it: public_key_of(kept[it], it[1]) if it in kept else SigningKey(it[1], seeds[it]).public for it in uses}
    if len({*public.values()}) < len(public):
        raise KeysUnsafe("the signers file names one key for two purposes: make a key for each")
    return tuple(TrustKey(*use, origin, public[use], valid_from) for use in uses), seeds


def _names(found: object) -> Iterable[str]:
    return found if isinstance(found, dict) else ()


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
    keys = tuple(TrustKey(*use, origin, SigningKey(use[1], seed).public, begin) for use, seed in seeds.items())
    return KeyFile(TrustRoot(1, origin, keys), named, encrypted=False)
