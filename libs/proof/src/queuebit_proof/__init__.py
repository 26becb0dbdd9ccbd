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
    GroupFault,
    GroupInvalid,
    KeysUnsafe,
    LogCorrupt,
    ProofFault,
    ReceiptInvalid,
    TrustInvalid,
)
from queuebit_proof.group import MAX_GROUP_JOBS, Member, VerifiedGroup, build_group, is_group, verify_group
from queuebit_proof.keys import KeyRing
from queuebit_proof.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from queuebit_proof.receipt import Receipt, issue, to_tlog_proof
from queuebit_proof.statement import (
    PREDICATE_TYPE,
    SALT_BYTES,
    ChargeLine,
    CheckLine,
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
    "MAX_GROUP_JOBS",
    "PREDICATE_TYPE",
    "SALT_BYTES",
    "ChargeLine",
    "Check",
    "CheckLine",
    "Checkpoint",
    "CheckpointInvalid",
    "EnvelopeInvalid",
    "GroupFault",
    "GroupInvalid",
    "JobRecord",
    "KeyRing",
    "KeysUnsafe",
    "LogCorrupt",
    "Member",
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
    "VerifiedGroup",
    "b64",
    "build_group",
    "build_statement",
    "entry_of",
    "is_group",
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
    "verify_group",
    "verify_inclusion",
]
