"""What can be wrong with a proof, and what it means."""

from __future__ import annotations

from queuebit_kernel import Fault, Settle

__all__ = [
    "CheckpointInvalid",
    "EnvelopeInvalid",
    "KeysUnsafe",
    "LogCorrupt",
    "ProofFault",
    "ReceiptInvalid",
    "TrustInvalid",
]


class ProofFault(Fault):
    """Something in the chain of proof does not hold; trying again cannot help.

    ProofFault
    ├── KeysUnsafe         others could read the private keys, or they are not what they should be
    ├── TrustInvalid       a trust document is not one, or demands less than both signatures
    ├── EnvelopeInvalid    a statement is not signed by both of its keys
    ├── CheckpointInvalid  a tree head is not signed by both of its keys, or belongs to another log
    ├── LogCorrupt         files of the log differ from what its checkpoint covers
    └── ReceiptInvalid     a receipt failed one named check
    """

    code = "proof"
    settle = Settle.DEAD_LETTER


class KeysUnsafe(ProofFault):
    """The key folder cannot be used as it is."""

    code = "keys_unsafe"


class TrustInvalid(ProofFault):
    """The trust document cannot be relied on."""

    code = "trust_invalid"


class EnvelopeInvalid(ProofFault):
    """The envelope is malformed, altered, or lacks a signature."""

    code = "envelope_invalid"


class CheckpointInvalid(ProofFault):
    """The checkpoint is malformed, altered, lacks a signature, or is another log's."""

    code = "checkpoint_invalid"


class LogCorrupt(ProofFault):
    """The log's folder does not hold what its checkpoint covers."""

    code = "log_corrupt"


class ReceiptInvalid(ProofFault):
    """A receipt proves nothing, because one check failed.

    Attributes:
        check: the name of the failed check, for machines; one of `verifier.CHECKS`.
    """

    code = "receipt_invalid"

    def __init__(self, check: str, text: str) -> None:
        super().__init__(text)
        self.check = check
