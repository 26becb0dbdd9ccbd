"""The trust document: the public keys that a verifier needs. It must come from a trusted source."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from queuebit_kernel import Json, digest_of, rfc3339
from queuebit_proof.algorithms import Algorithm, require_public
from queuebit_proof.encoding import b64, exactly, parse_json, text, unb64, whole
from queuebit_proof.errors import TrustInvalid
from queuebit_proof.note import NOTE_TYPES, note_key_id, require_key_name, vkey

__all__ = ["REQUIRED", "Purpose", "TrustKey", "TrustRoot"]

_TYPE = "https://queuebit.dev/trust/v1"
_RULE = "every listed algorithm must have signed"


class Purpose(StrEnum):
    """What a key may sign; a key has only one purpose."""

    STATEMENT = "statement"
    CHECKPOINT = "checkpoint"


REQUIRED: dict[Purpose, tuple[Algorithm, Algorithm]] = {
    Purpose.STATEMENT: (Algorithm.ED25519, Algorithm.ML_DSA_65),
    Purpose.CHECKPOINT: (Algorithm.ED25519, Algorithm.ML_DSA_44),
}
"""The two required signatures per purpose, so that breaking one algorithm or removing one signature is not enough.

They are constants here, not values of the trust document, so that no document can require less.
"""


@dataclass(frozen=True, slots=True)
class TrustKey:
    """A public key, with its purpose and validity."""

    purpose: Purpose
    algorithm: Algorithm
    name: str
    public: bytes
    valid_from: datetime

    @property
    def key_id(self) -> str:
        """The id of this key in signatures.

        Statements: the algorithm, a colon, 32 hex digits of SHA-256 over name, newline, algorithm, newline and key.
        Checkpoints: the eight hex digits that C2SP signed-note defines.
        """
        if self.purpose is Purpose.CHECKPOINT:
            return note_key_id(self.name, NOTE_TYPES[self.algorithm], self.public).hex()
        image = hashlib.sha256(f"{self.name}\n{self.algorithm}\n".encode() + self.public)
        return f"{self.algorithm}:{image.hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """The trusted log and its public keys.

    After a change of keys, the document lists old and new keys with a higher `version`; old receipts stay valid. A key
    that leaked is removed.
    """

    version: int
    origin: str
    keys: tuple[TrustKey, ...]

    def __post_init__(self) -> None:
        for purpose, algorithms in REQUIRED.items():
            for algorithm in algorithms:
                if not self.keys_for(purpose, algorithm):
                    raise TrustInvalid(f"the trust document has no {algorithm} key for a {purpose}: both are required")

    def keys_for(self, purpose: Purpose, algorithm: Algorithm) -> tuple[TrustKey, ...]:
        """The keys that may give this one of the required signatures."""
        return tuple(key for key in self.keys if (key.purpose, key.algorithm) == (purpose, algorithm))

    def vkeys(self) -> tuple[str, ...]:
        """The log's keys as C2SP verifier keys, for other programs that read checkpoints."""
        return tuple(
            vkey(key.name, NOTE_TYPES[key.algorithm], key.public)
            for key in self.keys
            if key.purpose is Purpose.CHECKPOINT
        )

    def fingerprint(self) -> str:
        """A short digest, for comparison by phone or on paper."""
        return digest_of(self._document())

    def to_bytes(self) -> bytes:
        """Return the document for publication, formatted for people."""
        return json.dumps(self._document(), indent=2).encode() + b"\n"

    @classmethod
    def parse(cls, content: bytes) -> TrustRoot:
        """Parse a published document.

        Raises:
            TrustInvalid: the content is not a trust document, has another policy, or a key id does not match its key.
        """
        try:
            fields = exactly(parse_json(content), _ROOT_FIELDS, "the document")
            if fields["type"] != _TYPE:
                raise ValueError(f"its type is not {_TYPE}")
            if fields["policy"] != _policy():
                raise ValueError("its policy is not 'both signatures of each kind required'")
            listed = fields["keys"]
            if not isinstance(listed, list):
                raise ValueError("keys is not a list")
            return cls(
                version=whole(fields["version"], "version"),
                origin=require_key_name(text(fields["origin"], "origin")),
                keys=tuple(_read_key(item) for item in listed),
            )
        except ValueError as error:
            raise TrustInvalid(
                f"this is not a trust document: {error}; get it again from the operator of the log"
            ) from error

    def _document(self) -> dict[str, Json]:
        return {
            "type": _TYPE,
            "version": self.version,
            "origin": self.origin,
            "policy": _policy(),
            "keys": [
                {
                    "purpose": str(key.purpose),
                    "algorithm": str(key.algorithm),
                    "name": key.name,
                    "key_id": key.key_id,
                    "public_key": b64(key.public),
                    "valid_from": rfc3339(key.valid_from),
                }
                for key in self.keys
            ],
        }


_ROOT_FIELDS = frozenset({"type", "version", "origin", "policy", "keys"})
_KEY_FIELDS = frozenset({"purpose", "algorithm", "name", "key_id", "public_key", "valid_from"})


def _policy() -> dict[str, Json]:
    return {"rule": _RULE} | {str(purpose): [str(item) for item in REQUIRED[purpose]] for purpose in Purpose}


def _read_key(item: object) -> TrustKey:
    fields = exactly(item, _KEY_FIELDS, "a key")
    key = TrustKey(
        purpose=Purpose(text(fields["purpose"], "purpose")),
        algorithm=Algorithm(text(fields["algorithm"], "algorithm")),
        name=require_key_name(text(fields["name"], "name")),
        public=unb64(text(fields["public_key"], "public_key")),
        valid_from=_moment(text(fields["valid_from"], "valid_from")),
    )
    if key.algorithm not in REQUIRED[key.purpose]:
        raise ValueError(f"a {key.purpose} is not signed with {key.algorithm}")
    require_public(key.algorithm, key.public)
    if key.key_id != fields["key_id"]:
        raise ValueError(f"key id {fields['key_id']!r} does not belong to its key")
    return key


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{value!r} is out of range") from error
