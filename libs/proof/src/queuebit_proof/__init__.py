"""Statements, signatures, the transparency log and receipts."""

from queuebit_proof.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    read_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
    verify_head,
)
from queuebit_proof.continuity import (
    HeadRequest,
    read_request,
    request_for,
    require_continuation,
    require_entries,
)
from queuebit_proof.devices import Signers, read_signers
from queuebit_proof.encoding import b64, unb64
from queuebit_proof.envelope import Opened, entry_of, open_envelope, seal
from queuebit_proof.errors import (
    CheckpointInvalid,
    EnvelopeInvalid,
    GroupFault,
    GroupInvalid,
    KeysUnsafe,
    LeafInvalid,
    LogCorrupt,
    LogInconsistent,
    ProofFault,
    ReceiptInvalid,
    SignerAway,
    TrustInvalid,
)
from queuebit_proof.group import MAX_GROUP_JOBS, Member, VerifiedGroup, build_group, is_group, verify_group
from queuebit_proof.keys import KeyRing, read_public
from queuebit_proof.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from queuebit_proof.profiles import Profile
from queuebit_proof.receipt import Receipt, issue, to_tlog_proof
from queuebit_proof.record import AttemptLine, ChargeLine, CheckLine, InputLine, JobRecord, Reason, UsageLine
from queuebit_proof.rotation import accept_rotation, rotate_keys, rotations
from queuebit_proof.statement import (
    PREDICATE_TYPE,
    RECORD,
    SALT_BYTES,
    build_statement,
    job_of,
    read_statement,
    supersession_of,
)
from queuebit_proof.tiles import TileLog
from queuebit_proof.tlog_proof import ProvenLeaf, verify_leaf, write_tlog_proof
from queuebit_proof.trust import TrustKey, TrustRoot, require_in_time
from queuebit_proof.verifier import CHECKS, Check, Verified, verify
from queuebit_proof.witness import (
    Cosignature,
    Witness,
    add_cosignatures,
    cosign,
    cosignatures,
    read_witness_addresses,
    read_witnesses,
    require_witnesses,
)
from queuebit_proof.witness_folder import WitnessFolder

__all__ = [
    "CHECKS",
    "MAX_GROUP_JOBS",
    "PREDICATE_TYPE",
    "RECORD",
    "SALT_BYTES",
    "AttemptLine",
    "ChargeLine",
    "Check",
    "CheckLine",
    "Checkpoint",
    "CheckpointInvalid",
    "Cosignature",
    "EnvelopeInvalid",
    "GroupFault",
    "GroupInvalid",
    "HeadRequest",
    "InputLine",
    "JobRecord",
    "KeyRing",
    "KeysUnsafe",
    "LeafInvalid",
    "LogCorrupt",
    "LogInconsistent",
    "Member",
    "Opened",
    "Profile",
    "ProofFault",
    "ProvenLeaf",
    "Reason",
    "Receipt",
    "ReceiptInvalid",
    "SignedCheckpoint",
    "SignerAway",
    "Signers",
    "TileLog",
    "Tree",
    "TrustInvalid",
    "TrustKey",
    "TrustRoot",
    "UsageLine",
    "Verified",
    "VerifiedGroup",
    "Witness",
    "WitnessFolder",
    "accept_rotation",
    "add_cosignatures",
    "b64",
    "build_group",
    "build_statement",
    "cosign",
    "cosignatures",
    "entry_of",
    "is_group",
    "issue",
    "job_of",
    "leaf_hash",
    "open_envelope",
    "read_checkpoint",
    "read_public",
    "read_request",
    "read_signers",
    "read_statement",
    "read_witness_addresses",
    "read_witnesses",
    "request_for",
    "require_continuation",
    "require_entries",
    "require_in_time",
    "require_witnesses",
    "rotate_keys",
    "rotations",
    "seal",
    "sign_checkpoint",
    "supersession_of",
    "to_tlog_proof",
    "unb64",
    "verify",
    "verify_checkpoint",
    "verify_consistency",
    "verify_group",
    "verify_head",
    "verify_inclusion",
    "verify_leaf",
    "write_tlog_proof",
]
