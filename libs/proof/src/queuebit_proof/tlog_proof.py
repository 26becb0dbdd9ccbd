"""Inclusion proofs as text (C2SP tlog-proof): for statements that are a leaf and no receipt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from queuebit_proof.checkpoint import verify_checkpoint
from queuebit_proof.encoding import b64, unb64
from queuebit_proof.errors import CheckpointInvalid, LeafInvalid
from queuebit_proof.merkle import leaf_hash, verify_inclusion
from queuebit_proof.trust import TrustRoot
from queuebit_proof.witness import Witness, require_witnesses

__all__ = ["MAX_PROOF_BYTES", "ProvenLeaf", "verify_leaf", "write_tlog_proof"]

MAX_PROOF_BYTES = 64 * 1024
"""The largest text that is parsed; proofs have about 5 KB."""

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class ProvenLeaf:
    """A leaf of a log."""

    origin: str
    index: int
    size: int
    """Leaves of the log when its head was signed."""
    signed_at: datetime
    """When the head was signed: the statement existed then."""


def write_tlog_proof(index: int, inclusion: Sequence[bytes], checkpoint: str, extra: bytes = b"") -> str:
    """Return the proof that an entry is in the log of a checkpoint; `extra` is for the reader, and proves nothing."""
    lines = (
        _HEADER,
        *((f"extra {b64(extra)}",) if extra else ()),
        f"index {index}",
        *(b64(item) for item in inclusion),
        "",
        checkpoint,
    )
    return "\n".join(lines)


def verify_leaf(proof: str, entry: bytes, trust: TrustRoot, witnesses: Sequence[Witness] = ()) -> ProvenLeaf:
    """Verify that an entry is a leaf of a log, offline.

    Args:
        proof: as `write_tlog_proof` writes it.
        entry: the entry of the statement, of `entry_of`.
        trust: the keys of the log.
        witnesses: keys that must have cosigned the head, too.

    Raises:
        LeafInvalid: the text is no proof, the log or a witness did not sign its head, or the entry is not in it.
    """
    try:
        index, inclusion, checkpoint = _parse(proof)
    except ValueError as error:
        raise LeafInvalid(f"this is not a proof of a leaf: {error}") from error
    try:
        signed = verify_checkpoint(checkpoint, trust)
    except CheckpointInvalid as error:
        raise LeafInvalid(f"the log did not sign the head of this proof: {error}") from error
    try:
        require_witnesses(checkpoint, witnesses)
    except CheckpointInvalid as error:
        raise LeafInvalid(f"a witness is missing: {error}") from error
    head = signed.head
    if not verify_inclusion(leaf_hash(entry), index, head.size, inclusion, head.root):
        raise LeafInvalid(
            f"the statement is not leaf {index} of {head.size} of {head.origin}: the proof is of another one"
        )
    return ProvenLeaf(head.origin, index, head.size, signed.signed_at)


def _parse(proof: str) -> tuple[int, list[bytes], str]:
    if len(proof.encode()) > MAX_PROOF_BYTES:
        raise ValueError(f"it has more than {MAX_PROOF_BYTES} bytes")
    above, blank, checkpoint = proof.partition("\n\n")
    header, *lines = above.split("\n")
    if header != _HEADER or not blank:
        raise ValueError(f"it does not begin with {_HEADER}")
    if lines and lines[0].startswith("extra "):
        unb64(lines.pop(0).removeprefix("extra "))
    if not lines or (found := _INDEX.fullmatch(lines[0])) is None:
        raise ValueError("it has no index")
    return int(found[1]), [unb64(line) for line in lines[1:]], checkpoint
