"""Receipts: the complete proof of the outcome of one job, in one JSON document that can be verified offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from queuebit_kernel import canonical
from queuebit_proof.checkpoint import read_checkpoint
from queuebit_proof.encoding import b64, exactly, parse_json, text, unb64, whole
from queuebit_proof.envelope import entry_of, payload_of
from queuebit_proof.errors import ReceiptInvalid
from queuebit_proof.merkle import leaf_hash, verify_inclusion
from queuebit_proof.statement import job_of, read_statement
from queuebit_proof.tlog_proof import write_tlog_proof

__all__ = ["MAX_RECEIPT_BYTES", "VERSION", "Receipt", "issue", "to_tlog_proof"]

MAX_RECEIPT_BYTES = 256 * 1024
"""The largest document that is parsed; receipts are much smaller."""

VERSION = 2
"""Of receipts that are issued now: the entry in the log is the digest of the statement. In version 1 it was that of the
envelope, signatures included."""
_FIELDS = frozenset(
    {"version", "tenant", "job", "envelope", "leaf_index", "tree_size", "inclusion", "checkpoint"},
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A parsed receipt, not verified.

    The document has the envelope as text instead of base64: ASCII JSON keeps its exact bytes and is a quarter smaller.
    """

    tenant: str
    job: str
    envelope: bytes
    leaf_index: int
    tree_size: int
    inclusion: tuple[bytes, ...]
    checkpoint: str
    version: int = VERSION

    @property
    def logged(self) -> bytes:
        """The content whose digest is the entry in the log.

        Raises:
            EnvelopeInvalid: the envelope has no statement.
        """
        return self.envelope if self.version == 1 else payload_of(self.envelope)

    def to_bytes(self) -> bytes:
        """Return the document."""
        return canonical(
            {
                "version": self.version,
                "tenant": self.tenant,
                "job": self.job,
                "envelope": self.envelope.decode("ascii"),
                "leaf_index": self.leaf_index,
                "tree_size": self.tree_size,
                "inclusion": [b64(item) for item in self.inclusion],
                "checkpoint": self.checkpoint,
            }
        )

    @classmethod
    def parse(cls, content: bytes) -> Receipt:
        """Parse a document; verifies nothing.

        Raises:
            ReceiptInvalid: it is not a receipt, or not in the form of `to_bytes` (check `form`).
        """
        try:
            if len(content) > MAX_RECEIPT_BYTES:
                raise ValueError(f"it has more than {MAX_RECEIPT_BYTES} bytes")
            fields = exactly(parse_json(content), _FIELDS, "the document")
            if not 1 <= (version := whole(fields["version"], "version")) <= VERSION:
                raise ValueError(f"this program reads receipts of version 1 to {VERSION}, not {version}")
            path = fields["inclusion"]
            if not isinstance(path, list):
                raise ValueError("inclusion is not a list")
            receipt = cls(
                tenant=text(fields["tenant"], "tenant"),
                job=text(fields["job"], "job"),
                envelope=text(fields["envelope"], "envelope").encode("ascii"),
                leaf_index=whole(fields["leaf_index"], "leaf_index"),
                tree_size=whole(fields["tree_size"], "tree_size"),
                inclusion=tuple(unb64(text(item, "inclusion")) for item in path),
                checkpoint=text(fields["checkpoint"], "checkpoint"),
                version=version,
            )
            if receipt.to_bytes() != content:
                raise ValueError("it is not canonical JSON, or has additional bytes")
        except ValueError as error:
            raise ReceiptInvalid("form", f"this is not a receipt: {error}") from error
        return receipt


def issue(
    envelope: bytes, *, leaf_index: int, inclusion: Sequence[bytes], checkpoint: str, version: int = VERSION
) -> bytes:
    """Create the receipt of a sealed statement.

    Args:
        envelope: the exact bytes of the envelope.
        leaf_index: the index of the statement in the log.
        inclusion: the inclusion proof, for the size of `checkpoint`.
        checkpoint: the signed checkpoint.
        version: 1 if the log has the digest of the envelope.

    Raises:
        ValueError: the proof does not connect this envelope with this checkpoint.
    """
    head = read_checkpoint(checkpoint)
    job = job_of(read_statement(payload_of(envelope)))
    receipt = Receipt(
        tenant=text(job.get("tenant"), "tenant"),
        job=text(job.get("id"), "job"),
        envelope=envelope,
        leaf_index=leaf_index,
        tree_size=head.size,
        inclusion=tuple(inclusion),
        checkpoint=checkpoint,
        version=version,
    )
    if not verify_inclusion(leaf_hash(entry_of(receipt.logged)), leaf_index, head.size, inclusion, head.root):
        raise ValueError(f"the proof does not show the statement as entry {leaf_index} of {head.size}")
    return receipt.to_bytes()


def to_tlog_proof(content: bytes) -> str:
    """Convert a receipt to C2SP's text form of a proof, for other programs.

    The extra data are the content whose digest is the entry: the statement, or in version 1 its envelope.

    Raises:
        ReceiptInvalid: it is not a receipt.
        EnvelopeInvalid: it has no statement.
    """
    receipt = Receipt.parse(content)
    return write_tlog_proof(receipt.leaf_index, receipt.inclusion, receipt.checkpoint, receipt.logged)
