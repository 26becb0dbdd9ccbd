"""Parses messages of the log into requests whose claims can be checked."""

from __future__ import annotations

import json

from queuebit_broker.snapshot import Request
from queuebit_contracts.job import Signature, Submission
from queuebit_contracts.subjects import parse
from queuebit_kernel import InvalidId, Json, Malformed, digest_of, require_token
from queuebit_runtime.keys import ALGORITHMS, ED25519

__all__ = ["address", "read_request", "signature_holds", "signed_content"]


def address(subject: str) -> tuple[str, str]:
    """The tenant and the job of a subject; the server has checked that the sender may use it.

    Raises:
        Malformed: they are not plain names.
    """
    try:
        it = parse(subject)
        return require_token(it.tenant, "tenant"), require_token(it.id, "job")
    except InvalidId as error:
        raise Malformed(f"subject {subject} names no job: {error}") from error


def signed_content(body: bytes) -> dict[str, Json]:
    """The raw data without the proof: what was signed, with fields that this version does not know."""
    return {name: value for name, value in json.loads(body)["data"].items() if name != "proof"}


def signature_holds(content: Json, proof: Signature) -> bool:
    """Whether the proof is a signature over exactly this content, by an algorithm that is known here."""
    verify = ALGORITHMS.get(proof.algorithm or ED25519)
    return verify is not None and verify(proof.key, content, proof.signature)


def read_request(submission: Submission, body: bytes, subject: str) -> Request:
    """Check the request without tenants; a failed check becomes a reason, not an exception."""
    tenant, job = address(subject)
    content = signed_content(body)
    known = (submission.proof.algorithm or ED25519) in ALGORITHMS
    return Request(tenant, job, submission, signature_holds(content, submission.proof), known, _named(content))


def _named(content: Json) -> str | None:
    try:
        return digest_of(content)
    except ValueError:  # a number or a text without a canonical form
        return None
