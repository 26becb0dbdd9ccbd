"""Whether a log continues the log that it was: a client compares older receipts, and a witness the head that it knows.

A signature shows who made a head, not that there is only one history. Two heads of one log show it: the later one must
have all entries of the earlier one, in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from queuebit_proof.checkpoint import Checkpoint, read_checkpoint
from queuebit_proof.encoding import b64, unb64
from queuebit_proof.errors import CheckpointInvalid, LogInconsistent
from queuebit_proof.merkle import HASH_BYTES, verify_consistency
from queuebit_proof.tiles import TileLog

__all__ = ["HeadRequest", "read_request", "request_for", "require_continuation", "require_entries"]

_MOST_HASHES = 63


@dataclass(frozen=True, slots=True)
class HeadRequest:
    """A head with the proof that it continues an older one: the body of `add-checkpoint` of C2SP tlog-witness."""

    old: int
    """The number of entries of the older head; 0 if there is none."""
    proof: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        return f"old {self.old}\n" + "".join(f"{b64(it)}\n" for it in self.proof) + f"\n{self.checkpoint}"


def request_for(log: TileLog, old: int, checkpoint: str) -> HeadRequest:
    """Return the request for the cosignature of a head of this log, by a witness that knows `old` entries.

    Raises:
        ValueError: the log never had so many entries.
        CheckpointInvalid: the text is not a checkpoint.
    """
    return HeadRequest(old, tuple(log.consistency(old, read_checkpoint(checkpoint).size)), checkpoint)


def read_request(text: str) -> HeadRequest:
    """Read a request; verifies nothing.

    Raises:
        CheckpointInvalid: it is not one.
    """
    lines, blank, checkpoint = text.partition("\n\n")
    first, *rest = lines.split("\n")
    size = first.removeprefix("old ")
    try:
        if not (blank and first.startswith("old ") and size.isascii() and size.isdigit() and str(int(size)) == size):
            raise ValueError("it begins with the number of entries of the older head, such as old 20")
        proof = tuple(unb64(it) for it in rest)
        if len(proof) > _MOST_HASHES or any(len(it) != HASH_BYTES for it in proof):
            raise ValueError(f"its proof is not of at most {_MOST_HASHES} hashes")
    except ValueError as error:
        raise CheckpointInvalid(f"this is not a request for a cosignature: {error}") from error
    return HeadRequest(int(size), proof, checkpoint)


def require_continuation(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Check that a head continues an older one, by a consistency proof.

    Raises:
        LogInconsistent: it is of another log, has fewer entries, or other ones.
    """
    if old.origin != new.origin:
        raise LogInconsistent("foreign", f"the heads are of two logs: {old.origin} and {new.origin}")
    if new.size < old.size:
        raise LogInconsistent("rolled_back", f"the log had {old.size} entries, and now it has {new.size}")
    if not verify_consistency(old.size, new.size, old.root, new.root, proof):
        raise LogInconsistent(
            "forked", f"the log of {new.size} entries is not shown to begin with the {old.size} entries that it had"
        )


def require_entries(log: TileLog, old: Checkpoint, origin: str) -> None:
    """Check that a whole log continues an older head; its entries are the proof.

    Raises:
        LogInconsistent: it is of another log, has fewer entries, or other ones.
    """
    proof = log.consistency(old.size) if old.size <= log.size else []
    require_continuation(old, log.head(origin), proof)
