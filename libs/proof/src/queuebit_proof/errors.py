"""Errors of proofs."""

from __future__ import annotations

from dataclasses import dataclass

from queuebit_kernel import Fault, Settle

__all__ = [
    "CheckpointInvalid",
    "EnvelopeInvalid",
    "GroupFault",
    "GroupInvalid",
    "KeysUnsafe",
    "LeafInvalid",
    "LogCorrupt",
    "LogInconsistent",
    "ProofFault",
    "ReceiptInvalid",
    "SignerAway",
    "TrustInvalid",
]


class ProofFault(Fault):
    """A part of a proof is invalid; a retry cannot succeed, except after `SignerAway`.

    ProofFault
    ├── SignerAway         the device that keeps a key does not sign now          → retry, delayed
    ├── KeysUnsafe         other users can read the private keys, or the keys are damaged or of another log
    ├── TrustInvalid       a trust document is invalid, or requires less than both signatures
    ├── EnvelopeInvalid    a statement does not have both valid signatures
    ├── CheckpointInvalid  a tree head does not have both valid signatures, or belongs to another log
    ├── LogCorrupt         files of the log differ from its checkpoint
    ├── LogInconsistent    the log does not continue the log that it was
    ├── ReceiptInvalid     a receipt failed a check
    ├── LeafInvalid        a statement is not the leaf that a proof says
    └── GroupInvalid       the receipts of a group are not whole and unaltered
    """

    code = "proof"
    settle = Settle.DEAD_LETTER


class KeysUnsafe(ProofFault):
    """The key folder cannot be used safely."""

    code = "keys_unsafe"


class SignerAway(ProofFault):
    """The device or service that keeps a key does not sign; the text says why. Nothing was signed, nothing is lost."""

    code = "signer_away"
    settle = Settle.RETRY_LATER


class TrustInvalid(ProofFault):
    """The trust document cannot be used."""

    code = "trust_invalid"


class EnvelopeInvalid(ProofFault):
    """The envelope is malformed, altered, or lacks a signature."""

    code = "envelope_invalid"


class CheckpointInvalid(ProofFault):
    """The checkpoint is malformed or altered, lacks a signature, or belongs to another log."""

    code = "checkpoint_invalid"


class LogCorrupt(ProofFault):
    """The files of the log differ from its checkpoint."""

    code = "log_corrupt"


class LogInconsistent(ProofFault):
    """A head of the log does not continue an older one, which its operator signed too: keep both as evidence.

    Attributes:
        kind: `rolled_back` if the log has fewer entries than it had, `forked` if it has other ones, or `foreign` if the
            heads are of two logs.
    """

    code = "log_inconsistent"

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class ReceiptInvalid(ProofFault):
    """A receipt is invalid, because a check failed.

    Attributes:
        check: the name of the failed check, for programs; one of `verifier.CHECKS`.
    """

    code = "receipt_invalid"

    def __init__(self, check: str, text: str) -> None:
        super().__init__(text)
        self.check = check


class LeafInvalid(ProofFault):
    """A proof of a leaf is malformed, of another statement, or of a head that the log did not sign."""

    code = "leaf_invalid"


@dataclass(frozen=True, slots=True)
class GroupFault:
    """A fault in the document of a group."""

    kind: str
    """`missing`, `altered`, `foreign`, `doubled`, `totals`, or `form` if the document cannot be read."""
    job: str
    """Empty if the fault is of the whole document."""
    text: str


class GroupInvalid(ProofFault):
    """The document of a group is not whole and unaltered.

    Attributes:
        faults: all faults that were found.
    """

    code = "group_invalid"

    def __init__(self, faults: tuple[GroupFault, ...]) -> None:
        super().__init__("; ".join(f"{it.kind}: {it.job or 'the document'}: {it.text}" for it in faults[:3]))
        self.faults = faults
