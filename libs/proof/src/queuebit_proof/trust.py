"""The trust document: the public keys that a verifier needs. It must come from a trusted source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from queuebit_kernel import Json, digest_of, rfc3339
from queuebit_proof.algorithms import Algorithm, require_public
from queuebit_proof.encoding import b64, exactly, parse_json, text, unb64, whole
from queuebit_proof.errors import TrustInvalid
from queuebit_proof.note import note_key, note_key_id, require_key_name, vkey
from queuebit_proof.profiles import PROFILES, Profile, Purpose, algorithms_for

__all__ = ["Generation", "TrustKey", "TrustRoot", "require_in_time"]

_TYPE = "https://queuebit.dev/trust/v1"
_RULE = "every listed algorithm must have signed"


@dataclass(frozen=True, slots=True)
class TrustKey:
    """A public key, with its purpose and validity."""

    purpose: Purpose
    algorithm: Algorithm
    name: str
    public: bytes
    valid_from: datetime
    valid_until: datetime | None = None
    """When it was replaced; no later signature counts."""

    @property
    def key_id(self) -> str:
        """The id of this key in signatures.

        Statements: the algorithm, a colon, 32 hex digits of SHA-256 over name, newline, algorithm, newline and key.
        Checkpoints: the eight hex digits that C2SP signed-note defines.
        """
        if self.purpose is Purpose.CHECKPOINT:
            return note_key_id(self.name, *note_key(self.algorithm, self.public)).hex()
        image = hashlib.sha256(f"{self.name}\n{self.algorithm}\n".encode() + self.public)
        return f"{self.algorithm}:{image.hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Generation:
    """The keys that are valid from the same time on: one for each algorithm that its profile requires."""

    keys: tuple[TrustKey, ...]

    @property
    def profile(self) -> Profile:
        """What is required of its signatures."""
        strong = any(key.algorithm is Algorithm.ML_DSA_87 for key in self.keys)
        return Profile.CNSA2 if strong else Profile.DEFAULT

    @property
    def valid_from(self) -> datetime:
        """When its keys came into use."""
        return self.keys[0].valid_from

    @property
    def valid_until(self) -> datetime | None:
        """When they were replaced; None if they are in use."""
        return self.keys[0].valid_until

    def required(self, purpose: Purpose) -> tuple[Algorithm, ...]:
        """The algorithms that must all have signed."""
        return PROFILES[self.profile][purpose]

    def is_complete(self, purpose: Purpose, has_signed: Callable[[TrustKey], bool]) -> bool:
        """Whether there is every required signature."""
        return all(any(map(has_signed, self.keys_for(purpose, each))) for each in self.required(purpose))

    def keys_for(self, purpose: Purpose, algorithm: Algorithm) -> tuple[TrustKey, ...]:
        """The keys that may give this one of the required signatures."""
        return tuple(key for key in self.keys if (key.purpose, key.algorithm) == (purpose, algorithm))


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
        generations = self.generations
        for generation in generations or (Generation(()),):
            _require_complete(generation)
        for earlier, later in pairwise(generations):
            if [*Profile].index(later.profile) < [*Profile].index(earlier.profile):
                raise TrustInvalid(
                    f"the trust document goes back from {earlier.profile} to {later.profile}: keys never get weaker"
                )

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The keys by the time from which they are valid, oldest first."""
        times = sorted({key.valid_from for key in self.keys})
        return tuple(Generation(tuple(key for key in self.keys if key.valid_from == time)) for time in times)

    @property
    def current(self) -> Generation:
        """The newest keys."""
        return self.generations[-1]

    def generation_of(self, purpose: Purpose, has_signed: Callable[[TrustKey], bool]) -> Generation:
        """The keys whose signatures count: all of one generation must have signed, so that two cannot be mixed.

        If none is complete, the newest of which a key has signed, so that the missing signature can be named.
        """
        signed = [it for it in self.generations if any(key.purpose is purpose and has_signed(key) for key in it.keys)]
        complete = [it for it in signed if it.is_complete(purpose, has_signed)]
        return (complete or signed or [self.current])[-1]

    def succeeds(self, older: TrustRoot) -> bool:
        """Whether this is a later version that has all keys of an older one, some of them ended."""
        own = {(it.purpose, it.algorithm, it.public, it.valid_from) for it in self.keys}
        theirs = {(it.purpose, it.algorithm, it.public, it.valid_from) for it in older.keys}
        return self.origin == older.origin and self.version > older.version and theirs <= own

    def vkeys(self) -> tuple[str, ...]:
        """The log's keys as C2SP verifier keys, for other programs that read checkpoints."""
        return tuple(
            vkey(key.name, *note_key(key.algorithm, key.public))
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
            if fields["policy"] not in [_policy(it) for it in Profile]:
                raise ValueError("its policy is not 'all signatures of each kind required'")
            listed = fields["keys"]
            if not isinstance(listed, list):
                raise ValueError("keys is not a list")
            root = cls(
                version=whole(fields["version"], "version"),
                origin=require_key_name(text(fields["origin"], "origin")),
                keys=tuple(_read_key(item) for item in listed),
            )
            if fields["policy"] != _policy(root.current.profile):
                raise ValueError("its policy is not that of its newest keys")
        except ValueError as error:
            raise TrustInvalid(
                f"this is not a trust document: {error}; get it again from the operator of the log"
            ) from error
        return root

    def _document(self) -> dict[str, Json]:
        return {
            "type": _TYPE,
            "version": self.version,
            "origin": self.origin,
            "policy": _policy(self.current.profile),
            "keys": [
                {
                    "purpose": str(key.purpose),
                    "algorithm": str(key.algorithm),
                    "name": key.name,
                    "key_id": key.key_id,
                    "public_key": b64(key.public),
                    "valid_from": rfc3339(key.valid_from),
                    **({"valid_until": rfc3339(key.valid_until)} if key.valid_until else {}),
                }
                for key in self.keys
            ],
        }


_ROOT_FIELDS = frozenset({"type", "version", "origin", "policy", "keys"})
_KEY_FIELDS = frozenset({"purpose", "algorithm", "name", "key_id", "public_key", "valid_from"})


def require_in_time(keys: Iterable[TrustKey], at: datetime) -> None:
    """Check that keys were valid when they signed; keys that were replaced sign nothing later.

    Args:
        keys: that signed.
        at: when, in whole seconds, as the times of keys are.

    Raises:
        ValueError: one was not.
    """
    for key in keys:
        if at < key.valid_from:
            raise ValueError(
                f"it was signed at {rfc3339(at)}, but key {key.key_id} is only valid from {rfc3339(key.valid_from)}"
            )
        if key.valid_until is not None and at > key.valid_until:
            raise ValueError(
                f"it was signed at {rfc3339(at)}, but key {key.key_id} was replaced at {rfc3339(key.valid_until)}"
            )


def _require_complete(generation: Generation) -> None:
    for purpose in Purpose:
        required = generation.required(purpose)
        for algorithm in required:
            if not generation.keys_for(purpose, algorithm):
                raise TrustInvalid(f"the trust document has no {algorithm} key for a {purpose}: both are required")
        for key in generation.keys:
            if key.purpose is purpose and key.algorithm not in required:
                raise TrustInvalid(f"a {purpose} in the profile {generation.profile} has no {key.algorithm}")


def _policy(profile: Profile) -> dict[str, Json]:
    required = PROFILES[profile]
    return {"rule": _RULE} | {str(purpose): [str(item) for item in required[purpose]] for purpose in Purpose}


def _read_key(item: object) -> TrustKey:
    retired = isinstance(item, dict) and "valid_until" in item
    fields = exactly(item, _KEY_FIELDS | {"valid_until"} if retired else _KEY_FIELDS, "a key")
    key = TrustKey(
        purpose=Purpose(text(fields["purpose"], "purpose")),
        algorithm=Algorithm(text(fields["algorithm"], "algorithm")),
        name=require_key_name(text(fields["name"], "name")),
        public=unb64(text(fields["public_key"], "public_key")),
        valid_from=_moment(text(fields["valid_from"], "valid_from")),
        valid_until=_moment(text(fields["valid_until"], "valid_until")) if retired else None,
    )
    if key.algorithm not in algorithms_for(key.purpose):
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
