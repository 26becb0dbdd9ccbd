"""Verifies a receipt with six checks, each with a name for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from queuebit_proof.checkpoint import SignedCheckpoint, verify_checkpoint
from queuebit_proof.envelope import Opened, entry_of, open_envelope
from queuebit_proof.errors import CheckpointInvalid, EnvelopeInvalid, ReceiptInvalid
from queuebit_proof.merkle import leaf_hash, verify_inclusion
from queuebit_proof.receipt import Receipt
from queuebit_proof.statement import job_of, read_statement, supersession_of
from queuebit_proof.trust import TrustRoot, require_in_time
from queuebit_proof.witness import Witness, require_witnesses

__all__ = ["CHECKS", "Check", "Verified", "verify"]

CHECKS = ("form", "statement", "subject", "checkpoint", "inclusion", "keys")
"""The checks, in order; `witnesses` follows them, if witnesses are required."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check that passed: its name, of `CHECKS` or `witnesses`, and a sentence for people."""

    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A valid receipt; its `statement` can be trusted."""

    receipt: Receipt
    statement: dict[str, object]
    signed_at: datetime
    checks: tuple[Check, ...]
    supersedes: str | None = None
    """The digest of the statement that this one replaces; None in the first receipt of a job. A newer one may exist."""


def verify(
    content: bytes,
    trust: TrustRoot,
    *,
    tenant: str | None = None,
    job: str | None = None,
    result_digest: str | None = None,
    witnesses: Sequence[Witness] = (),
) -> Verified:
    """Verify a receipt with only the trust document.

    Args:
        content: the receipt.
        trust: the trust document, from another source than the receipt.
        tenant: the expected tenant of the job, if given.
        job: the expected job, if given.
        result_digest: the digest of your copy of the result; without it, only the receipt is verified.
        witnesses: keys that must have cosigned the head of the log, too.

    Raises:
        ReceiptInvalid: a check failed; `check` is its name, and the text explains the failure.
    """
    receipt = Receipt.parse(content)
    with _as_check("statement"):
        opened = open_envelope(receipt.envelope, trust)
    with _as_check("subject", "the statement is not about this job"):
        statement = read_statement(opened.payload)
        about = _require_subject(receipt, statement, tenant=tenant, job=job, result_digest=result_digest)
        follows = supersession_of(statement)
    with _as_check("checkpoint"):
        signed = verify_checkpoint(receipt.checkpoint, trust)
    with _as_check("inclusion", "the statement is not at the position in the log that the receipt gives"):
        _require_inclusion(receipt, signed)
    with _as_check("keys", "a key was used when it was not valid"):
        require_in_time((*opened.keys, *signed.keys), signed.signed_at)
    with _as_check("witnesses"):
        cosigned = require_witnesses(receipt.checkpoint, witnesses)
    if follows is not None:
        about += f" It is revision {follows[0]} of the receipt and supersedes statement {follows[1]}."
    sentences = _sentences(receipt, opened, about, signed, trust)
    checks = tuple(Check(name, sentence) for name, sentence in zip(CHECKS, sentences, strict=True))
    if cosigned:
        names = ", ".join(sorted({it.witness.name for it in cosigned}))
        checks += (
            Check("witnesses", f"The log with this root was seen by {names}: it cannot have shown another one."),
        )
    return Verified(receipt, statement, signed.signed_at, checks, follows[1] if follows else None)


def _sentences(
    receipt: Receipt, opened: Opened, about: str, signed: SignedCheckpoint, trust: TrustRoot
) -> tuple[str, ...]:
    """Return a sentence for each of `CHECKS`."""
    size = "1 entry" if receipt.tree_size == 1 else f"{receipt.tree_size} entries"
    at = f"{signed.signed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return (
        "The receipt is complete and well formed.",
        f"The statement is unaltered and signed by both keys ({_names(opened)}) of {trust.origin}.",
        about,
        f"The log with {size} was signed with all keys ({_names(signed)}) at {at}.",
        f"The statement is entry {receipt.leaf_index} of that log: any change or removal can be detected.",
        "All keys were valid when the log was signed.",
    )


def _require_subject(
    receipt: Receipt, statement: dict[str, object], *, tenant: str | None, job: str | None, result_digest: str | None
) -> str:
    named = job_of(statement)
    for what, stated, shown, wanted in (
        ("tenant", named.get("tenant"), receipt.tenant, tenant),
        ("job", named.get("id"), receipt.job, job),
    ):
        if stated != shown:
            raise ValueError(f"the receipt names {what} {shown!r}, the signed statement {stated!r}")
        if wanted not in (None, stated):
            raise ValueError(f"it is the receipt of {what} {stated!r}, not of {wanted!r}")
    about = f"The statement is about job {receipt.job} of tenant {receipt.tenant}"
    if result_digest is None:
        return f"{about}; the result itself was not compared."
    digest = {"sha256": result_digest.removeprefix("sha256:")}
    if statement["subject"] != [{"name": "result", "digest": digest}]:
        raise ValueError("your result differs from the signed result")
    return f"{about}, and your result is the signed result."


def _require_inclusion(receipt: Receipt, signed: SignedCheckpoint) -> None:
    if receipt.tree_size != signed.head.size:
        raise ValueError(f"the proof is for size {receipt.tree_size}, the checkpoint for size {signed.head.size}")
    leaf = leaf_hash(entry_of(receipt.logged))
    if not verify_inclusion(leaf, receipt.leaf_index, signed.head.size, receipt.inclusion, signed.head.root):
        raise ValueError(f"the proof for entry {receipt.leaf_index} does not lead to the signed root")


def _names(signed: Opened | SignedCheckpoint) -> str:
    return " and ".join(str(key.algorithm) for key in signed.keys)


@contextmanager
def _as_check(name: str, meaning: str | None = None) -> Iterator[None]:
    """Turn errors in the block into the failure of one named check."""
    try:
        yield
    except (ValueError, EnvelopeInvalid, CheckpointInvalid) as error:
        raise ReceiptInvalid(name, f"{meaning}: {error}" if meaning else str(error)) from error
