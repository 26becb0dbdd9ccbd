"""Statements, signatures, the transparency log and receipts."""

from queuebit_proof.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    read_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
)
from queuebit_proof.encoding import b64, unb64
from queuebit_proof.envelope import Opened, entry_of, open_envelope, seal
from queuebit_proof.errors import (
    CheckpointInvalid,
    EnvelopeInvalid,
    KeysUnsafe,
    LogCorrupt,
    ProofFault,
    ReceiptInvalid,
    TrustInvalid,
)
from queuebit_proof.keys import KeyRing
from queuebit_proof.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from queuebit_proof.receipt import Receipt, issue, to_tlog_proof
from queuebit_proof.statement import (
    PREDICATE_TYPE,
    SALT_BYTES,
    ChargeLine,
    JobRecord,
    Reason,
    UsageLine,
    build_statement,
    job_of,
    read_statement,
    supersession_of,
)
from queuebit_proof.tiles import TileLog
from queuebit_proof.trust import TrustKey, TrustRoot
from queuebit_proof.verifier import CHECKS, Check, Verified, verify

__all__ = [
    "CHECKS",
    "PREDICATE_TYPE",
    "SALT_BYTES",
    "ChargeLine",
    "Check",
    "Checkpoint",
    "CheckpointInvalid",
    "EnvelopeInvalid",
    "JobRecord",
    "KeyRing",
    "KeysUnsafe",
    "LogCorrupt",
    "Opened",
    "ProofFault",
    "Reason",
    "Receipt",
    "ReceiptInvalid",
    "SignedCheckpoint",
    "TileLog",
    "Tree",
    "TrustInvalid",
    "TrustKey",
    "TrustRoot",
    "UsageLine",
    "Verified",
    "b64",
    "build_statement",
    "entry_of",
    "issue",
    "job_of",
    "leaf_hash",
    "open_envelope",
    "read_checkpoint",
    "read_statement",
    "seal",
    "sign_checkpoint",
    "supersession_of",
    "to_tlog_proof",
    "unb64",
    "verify",
    "verify_checkpoint",
    "verify_consistency",
    "verify_inclusion",
]
