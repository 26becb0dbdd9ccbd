"""Checkpoints: the signed tree heads of a log (C2SP tlog-checkpoint, tlog-cosignature).

They are signed with Ed25519, as witnesses require, and with ML-DSA-44 as a timestamped cosignature of the whole tree.
The profile `cnsa2` adds ML-DSA-87, which signs what ML-DSA-44 signs. These signatures do not cover extension lines;
therefore checkpoints have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from queuebit_proof.algorithms import Algorithm, is_signed
from queuebit_proof.encoding import b64, unb64
from queuebit_proof.errors import CheckpointInvalid
from queuebit_proof.keys import KeyRing
from queuebit_proof.merkle import HASH_BYTES
from queuebit_proof.note import Note, NoteSignature, note_key, note_key_id, require_key_name
from queuebit_proof.profiles import Purpose
from queuebit_proof.trust import TrustKey, TrustRoot, require_in_time

__all__ = [
    "Checkpoint",
    "SignedCheckpoint",
    "cosigned_message",
    "moment_of",
    "read_checkpoint",
    "sign_checkpoint",
    "verify_checkpoint",
    "verify_head",
]

_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log, the number of leaves, and their root."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A tree head with all required signatures verified, the time of signing, and the keys."""

    head: Checkpoint
    signed_at: datetime
    keys: tuple[TrustKey, ...]


def sign_checkpoint(head: Checkpoint, ring: KeyRing, at: datetime) -> str:
    """Sign a tree head.

    The caller must ensure the rule of a log: a new head continues every head that was signed before.

    Raises:
        ValueError: the head belongs to another log.
    """
    if head.origin != ring.origin:
        raise ValueError(f"the keys of {ring.origin} do not sign for {head.origin}")
    seconds = int(at.timestamp())
    signatures = []
    for public, private in ring.signers(Purpose.CHECKPOINT):
        signature = private.sign(_message(public.algorithm, public.name, head, seconds))
        if _has_time(public.algorithm):
            signature = seconds.to_bytes(8) + signature
        signatures.append(NoteSignature(public.name, _key_id(public), signature))
    return str(Note(str(head), tuple(signatures)))


def verify_checkpoint(text: str, trust: TrustRoot) -> SignedCheckpoint:
    """Verify all required signatures with trusted keys and return the tree head; ignores other signatures.

    Raises:
        CheckpointInvalid: the checkpoint is malformed or altered, belongs to another log, or lacks a signature.
    """
    note, head = _parse(text)
    if head.origin != trust.origin:
        raise CheckpointInvalid(
            f"the checkpoint is of the log {head.origin!r}, but the trusted log is {trust.origin!r}"
        )
    generation = trust.generation_of(Purpose.CHECKPOINT, lambda key: bool(note.by(key.name, _key_id(key))))
    found = tuple(
        _signed_by(algorithm, note, head, trust.origin, generation.keys_for(Purpose.CHECKPOINT, algorithm))
        for algorithm in generation.required(Purpose.CHECKPOINT)
    )
    moments = {moment for _, moment in found if moment is not None}
    if len(moments) != 1:
        raise CheckpointInvalid("its signatures have different times: they are not of one checkpoint")
    return SignedCheckpoint(head, moments.pop(), tuple(key for key, _ in found))


def verify_head(text: str, trust: TrustRoot) -> SignedCheckpoint:
    """As `verify_checkpoint`, and check that its keys were in use when they signed: a key that leaked is replaced.

    Raises:
        CheckpointInvalid: as `verify_checkpoint`; or a key signed before its time, or after it was replaced.
    """
    signed = verify_checkpoint(text, trust)
    try:
        require_in_time(signed.keys, signed.signed_at)
    except ValueError as error:
        raise CheckpointInvalid(f"a key was used when it was not valid: {error}") from error
    return signed


def read_checkpoint(text: str) -> Checkpoint:
    """Return the tree head of one of our own checkpoints, without verifying signatures.

    Raises:
        CheckpointInvalid: the text is not a checkpoint.
    """
    return _parse(text)[1]


def _parse(text: str) -> tuple[Note, Checkpoint]:
    try:
        note = Note.parse(text)
        origin, size, root, *extensions = note.text[:-1].split("\n")
        if extensions:
            raise ValueError("it has extension lines, which the signatures do not cover")
        head = Checkpoint(require_key_name(origin), int(size) if size.isascii() and size.isdigit() else -1, unb64(root))
        if not 0 <= head.size < 2**63 or len(head.root) != HASH_BYTES or str(head) != note.text:
            raise ValueError("its size or root is not in the required form")
    except ValueError as error:
        raise CheckpointInvalid(f"this is not a checkpoint: {error}") from error
    return note, head


def _signed_by(
    algorithm: Algorithm, note: Note, head: Checkpoint, origin: str, keys: Sequence[TrustKey]
) -> tuple[TrustKey, datetime | None]:
    signers: list[tuple[TrustKey, datetime | None]] = []
    for key in keys:
        for signature in note.by(key.name, _key_id(key)):
            content, seconds = signature, 0
            if _has_time(algorithm):
                content, seconds = signature[8:], int.from_bytes(signature[:8])
            if not is_signed(algorithm, key.public, content, _message(algorithm, key.name, head, seconds)):
                raise CheckpointInvalid(f"the {algorithm} signature does not match: the checkpoint was altered")
            signers.append((key, moment_of(seconds) if _has_time(algorithm) else None))
    if not signers:
        raise CheckpointInvalid(
            f"the checkpoint has no {algorithm} signature by a key of {origin}; one signature alone is not enough"
        )
    return signers[0]


def cosigned_message(name: str, head: Checkpoint, seconds: int) -> bytes:
    """Return the `cosigned_message` of tlog-cosignature for all leaves: log and witnesses sign it with ML-DSA."""
    return b"".join(
        (
            b"subtree/v1\n\x00",
            _prefixed(name),
            seconds.to_bytes(8),
            _prefixed(head.origin),
            (0).to_bytes(8),
            head.size.to_bytes(8),
            head.root,
        )
    )


def _message(algorithm: Algorithm, name: str, head: Checkpoint, seconds: int) -> bytes:
    return str(head).encode() if algorithm is Algorithm.ED25519 else cosigned_message(name, head, seconds)


def _prefixed(name: str) -> bytes:
    return len(name.encode()).to_bytes(1) + name.encode()


def _key_id(key: TrustKey) -> bytes:
    return note_key_id(key.name, *note_key(key.algorithm, key.public))


def _has_time(algorithm: Algorithm) -> bool:
    """Whether a signature begins with its time, as in tlog-cosignature: all but Ed25519, which signs the text alone."""
    return algorithm is not Algorithm.ED25519


def moment_of(seconds: int) -> datetime:
    """Return the time of a signature.

    Raises:
        CheckpointInvalid: it is out of range.
    """
    if seconds > _LATEST.timestamp():
        raise CheckpointInvalid("the checkpoint claims to be signed after the year 9999")
    return datetime.fromtimestamp(seconds, UTC)
