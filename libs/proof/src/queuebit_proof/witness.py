"""Cosignatures of witnesses under a checkpoint (C2SP tlog-cosignature, Ed25519 and ML-DSA-44).

A witness is another party. It signs only heads that continue the last one that it signed. A client that requires its
line need not compare receipts with others: the log cannot show two histories without the witness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from queuebit_proof.algorithms import Algorithm, SigningKey, is_signed, require_public
from queuebit_proof.checkpoint import Checkpoint, cosigned_message, moment_of, read_checkpoint
from queuebit_proof.continuity import HeadRequest, require_continuation
from queuebit_proof.errors import CheckpointInvalid, TrustInvalid
from queuebit_proof.note import Note, NoteSignature, note_key_id, parse_vkey, require_key_name, vkey
from queuebit_proof.trust import TrustRoot

__all__ = [
    "Cosignature",
    "Witness",
    "add_cosignatures",
    "cosign",
    "cosignatures",
    "read_witness_addresses",
    "read_witnesses",
    "require_witnesses",
]

_TYPES: dict[Algorithm, int] = {Algorithm.ED25519: 0x04, Algorithm.ML_DSA_44: 0x06}
"""Signature types of C2SP for cosignatures."""

_ALGORITHMS = {number: algorithm for algorithm, number in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class Witness:
    """The public key of a witness."""

    name: str
    algorithm: Algorithm
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that name the key in signature lines."""
        return note_key_id(self.name, _TYPES[self.algorithm], self.public)

    def __str__(self) -> str:
        return vkey(self.name, _TYPES[self.algorithm], self.public)

    @classmethod
    def parse(cls, line: str) -> Witness:
        """Read a verifier key of C2SP.

        Raises:
            TrustInvalid: it is not one, or its type is not that of a cosignature.
        """
        try:
            name, kind, public = parse_vkey(line)
            if kind not in _ALGORITHMS:
                raise ValueError(f"its type is {kind:#04x}, and cosignatures have 0x04 (Ed25519) or 0x06 (ML-DSA-44)")
            require_public(_ALGORITHMS[kind], public)
        except ValueError as error:
            raise TrustInvalid(f"this is not the key of a witness: {error}") from error
        return cls(name, _ALGORITHMS[kind], public)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified line of a witness."""

    witness: Witness
    at: datetime


def read_witnesses(text: str) -> tuple[Witness, ...]:
    """Read a file of verifier keys, one a line; lines that begin with # are comments.

    An address may follow the key, as in the file for the log.

    Raises:
        TrustInvalid: a line is not the key of a witness.
    """
    return tuple(Witness.parse(it[0]) for it in _lines(text))


def read_witness_addresses(text: str) -> Mapping[str, tuple[Witness, ...]]:
    """Read a file of verifier keys, each with the address of its witness: the submission prefix of C2SP tlog-witness.

    Returns:
        the keys of each witness, by its address.

    Raises:
        TrustInvalid: a line is not the key of a witness, or has no address.
    """
    found: dict[str, tuple[Witness, ...]] = {}
    for key, *address in _lines(text):
        if len(address) != 1 or not address[0].startswith(("https://", "http://")):
            raise TrustInvalid(f"after the key of a witness stands its address, such as https://...: {key[:80]}")
        place = address[0].rstrip("/")
        found[place] = (*found.get(place, ()), Witness.parse(key))
    return found


def require_witnesses(checkpoint: str, witnesses: Sequence[Witness]) -> tuple[Cosignature, ...]:
    """Verify that each of these keys has signed a head.

    Raises:
        CheckpointInvalid: a line does not match, or a key has not signed.
    """
    found = cosignatures(checkpoint, witnesses)
    signed = {it.witness for it in found}
    if missing := [f"{it.name} ({it.algorithm})" for it in witnesses if it not in signed]:
        raise CheckpointInvalid(f"{', '.join(missing)} did not cosign this head")
    return found


def _lines(text: str) -> Iterable[list[str]]:
    lines = (it.strip() for it in text.splitlines())
    return (it.split() for it in lines if it and not it.startswith("#"))


def cosign(request: HeadRequest, last: Checkpoint | None, name: str, key: SigningKey, at: datetime) -> str:
    """Return the line of a witness under a head.

    The caller has verified the signatures of the log (`verify_checkpoint`), and stores the head as the last one before
    it gives the line away.

    Args:
        request: the head, with its proof.
        last: the head that the witness cosigned last; None before the first.
        name: of the witness.
        key: with Ed25519 or ML-DSA-44; its other lines have the same name.
        at: now.

    Raises:
        LogInconsistent: the head does not continue the last one.
        CheckpointInvalid: the proof is from another size than that of the last head, or the text is not a checkpoint.
    """
    head = read_checkpoint(request.checkpoint)
    if request.old != (size := last.size if last else 0):
        raise CheckpointInvalid(f"the request is from {request.old} entries on; this witness knows the log of {size}")
    if last is not None:
        require_continuation(last, head, request.proof)
    witness = Witness(require_key_name(name), key.algorithm, key.public)
    seconds = int(at.timestamp())
    signature = key.sign(_message(witness, head, seconds))
    return str(NoteSignature(name, witness.key_id, seconds.to_bytes(8) + signature))


def cosignatures(checkpoint: str, witnesses: Iterable[Witness]) -> tuple[Cosignature, ...]:
    """Verify the lines of known witnesses; lines of others are ignored.

    Raises:
        CheckpointInvalid: the text is not a checkpoint, or a line of a known witness does not match.
    """
    note, head = _parse(checkpoint)
    found = []
    for witness in witnesses:
        for line in note.by(witness.name, witness.key_id):
            seconds = int.from_bytes(line[:8])
            if seconds == 0 or not is_signed(
                witness.algorithm, witness.public, line[8:], _message(witness, head, seconds)
            ):
                raise CheckpointInvalid(f"the cosignature of {witness.name} does not match this checkpoint")
            found.append(Cosignature(witness, moment_of(seconds)))
    return tuple(found)


def add_cosignatures(checkpoint: str, lines: str, witnesses: Sequence[Witness], trust: TrustRoot) -> str:
    """Add the lines in an answer of witnesses, without those of unknown witnesses and those that are there already.

    Raises:
        CheckpointInvalid: a line of a known witness does not match, no line is of one, or there are too many.
        TrustInvalid: a witness has a key of the log.
    """
    if own := {key.public for key in trust.keys} & {it.public for it in witnesses}:
        raise TrustInvalid(f"{len(own)} keys of witnesses are keys of the log itself: a witness is another party")
    note, _ = _parse(checkpoint)
    known = {(it.name, it.key_id) for it in witnesses}
    offered, _ = _parse(f"{note.text}\n{lines}")
    fresh = [it for it in offered.signatures if (it.name, it.key_id) in known and it not in note.signatures]
    cosigned = str(Note(note.text, (*note.signatures, *fresh)))
    if not cosignatures(cosigned, witnesses):
        raise CheckpointInvalid("none of the lines is of a known witness")
    return str(_parse(cosigned)[0])


def _parse(checkpoint: str) -> tuple[Note, Checkpoint]:
    head = read_checkpoint(checkpoint)
    return Note.parse(checkpoint), head


def _message(witness: Witness, head: Checkpoint, seconds: int) -> bytes:
    if witness.algorithm is Algorithm.ED25519:
        return f"cosignature/v1\ntime {seconds}\n{head}".encode()
    return cosigned_message(witness.name, head, seconds)
