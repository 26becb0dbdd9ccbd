"""DSSE envelopes of statements, signed with both Ed25519 and ML-DSA-65 (ML-DSA-87 in the profile `cnsa2`).

ML-DSA signs `tuf`, a version byte 1 and the SHA-512 of the pre-authentication encoding (TUF TAP 21, schemes
`ml-dsa-65/1` and `ml-dsa-87/1`); Ed25519 signs the encoding itself. securesystemslib does the same, and can verify our
envelopes independently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from queuebit_kernel import canonical
from queuebit_proof.algorithms import Algorithm, is_signed
from queuebit_proof.encoding import b64, exactly, parse_json, text, unb64
from queuebit_proof.errors import EnvelopeInvalid
from queuebit_proof.keys import KeyRing
from queuebit_proof.profiles import Purpose
from queuebit_proof.trust import TrustKey, TrustRoot

__all__ = ["PAYLOAD_TYPE", "Opened", "entry_of", "open_envelope", "payload_of", "seal"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"

_ENVELOPE = frozenset({"payload", "payloadType", "signatures"})
_SIGNATURE = frozenset({"keyid", "sig"})


@dataclass(frozen=True, slots=True)
class Opened:
    """A payload with two verified signatures, and the keys."""

    payload: bytes
    keys: tuple[TrustKey, ...]


def seal(payload: bytes, ring: KeyRing) -> bytes:
    """Sign a statement. Signing it again gives another envelope, because signatures with ML-DSA are random."""
    message = _pae(payload)
    signers = ring.signers(Purpose.STATEMENT)
    return _written(payload, {it.key_id: key.sign(_framed(key.algorithm, message)) for it, key in signers})


def open_envelope(envelope: bytes, trust: TrustRoot) -> Opened:
    """Verify both signatures with trusted keys and return the payload.

    Raises:
        EnvelopeInvalid: the envelope is malformed or altered, or lacks a signature.
    """
    payload, signatures = _split(envelope)
    message = _pae(payload)
    generation = trust.generation_of(Purpose.STATEMENT, lambda key: key.key_id in signatures)
    trusted = any(key.key_id in signatures for key in generation.keys)
    signers = []
    for algorithm in generation.required(Purpose.STATEMENT):
        keys = generation.keys_for(Purpose.STATEMENT, algorithm)
        signers.append(_signed_by(algorithm, signatures, message, trust.origin, keys, trusted=trusted))
    return Opened(payload, tuple(signers))


def payload_of(envelope: bytes) -> bytes:
    """Return the payload of one of our own envelopes, without verification."""
    return _split(envelope)[0]


def entry_of(content: bytes) -> bytes:
    """Return the log entry of a statement, or of the envelope in a receipt of version 1: its SHA-256 (32 bytes)."""
    return hashlib.sha256(content).digest()


def _signed_by(
    algorithm: Algorithm,
    signatures: dict[str, bytes],
    message: bytes,
    origin: str,
    known: Sequence[TrustKey],
    *,
    trusted: bool,
) -> TrustKey:
    keys = [key for key in known if key.key_id in signatures]
    if not keys:
        unknown = "its keys may be newer than your trust document, or of another operator"
        why = "one signature alone is not enough" if trusted else unknown
        raise EnvelopeInvalid(f"the statement has no {algorithm} signature by a key of {origin}; {why}")
    for key in keys:
        if not is_signed(algorithm, key.public, signatures[key.key_id], _framed(algorithm, message)):
            raise EnvelopeInvalid(f"the {algorithm} signature does not match: the statement was altered after signing")
    return keys[0]


def _split(envelope: bytes) -> tuple[bytes, dict[str, bytes]]:
    try:
        fields = exactly(parse_json(envelope), _ENVELOPE, "the envelope")
        if fields["payloadType"] != PAYLOAD_TYPE:
            raise ValueError(f"the payload type is not {PAYLOAD_TYPE}")
        listed = fields["signatures"]
        if not isinstance(listed, list):
            raise ValueError("signatures is not a list")
        signatures: dict[str, bytes] = {}
        for item in listed:
            signature = exactly(item, _SIGNATURE, "a signature")
            key_id = text(signature["keyid"], "keyid")
            if key_id in signatures:
                raise ValueError(f"key {key_id[:80]!r} signed twice")
            signatures[key_id] = unb64(text(signature["sig"], "sig"))
        payload = unb64(text(fields["payload"], "payload"))
        if _written(payload, signatures) != envelope:
            raise ValueError("it is not canonical JSON")
    except ValueError as error:
        raise EnvelopeInvalid(f"this is not a signed statement: {error}") from error
    return payload, signatures


def _written(payload: bytes, signatures: dict[str, bytes]) -> bytes:
    """The only form of an envelope that is read; the log need not have the digest of its bytes."""
    listed = [{"keyid": key_id, "sig": b64(signature)} for key_id, signature in signatures.items()]
    return canonical({"payload": b64(payload), "payloadType": PAYLOAD_TYPE, "signatures": listed})


def _pae(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding, in which lengths separate type and content."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _framed(algorithm: Algorithm, message: bytes) -> bytes:
    if algorithm is Algorithm.ED25519:
        return message
    return b"tuf\x01" + hashlib.sha512(message).digest()
