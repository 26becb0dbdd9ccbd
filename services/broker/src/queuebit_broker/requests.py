"""Parses messages of the log into requests whose claims can be checked."""

from __future__ import annotations

import json
from typing import Final

import orjson

from queuebit_broker.snapshot import Request
from queuebit_contracts.job import Signature, Submission
from queuebit_contracts.subjects import parse
from queuebit_contracts.wire import Reason
from queuebit_kernel import InvalidId, Json, Malformed, canonical, digest, require_token
from queuebit_runtime.keys import ALGORITHMS, ED25519

__all__ = ["NOT_SIGNED", "address", "read_request", "signature_holds", "signed_bytes"]

NOT_SIGNED: Final = Reason(code="bad_proof", text="the signature does not match the request: sign it and send it again")
"""Why a request that its author did not sign is refused."""


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


def signed_bytes(body: bytes) -> bytes | None:
    """What was signed: the canonical form of the data without the proof, with fields that this version does not know.

    None if there is none, because of a number or a text without a canonical form; then nothing was signed.
    """
    content = {name: value for name, value in _document(body)["data"].items() if name != "proof"}
    try:
        return canonical(content)
    except ValueError:
        return None


def signature_holds(signed: bytes | None, proof: Signature) -> bool:
    """Whether the proof is a signature over exactly these bytes, by an algorithm that is known here."""
    verify = ALGORITHMS.get(proof.algorithm or ED25519)
    return signed is not None and verify is not None and verify(proof.key, signed, proof.signature)


def read_request(submission: Submission, body: bytes, subject: str) -> Request:
    """Check the request without tenants; a failed check becomes a reason, not an exception."""
    tenant, job = address(subject)
    signed = signed_bytes(body)
    known = (submission.proof.algorithm or ED25519) in ALGORITHMS
    named = None if signed is None else digest(signed)
    return Request(tenant, job, submission, signature_holds(signed, submission.proof), known, named)


def _document(body: bytes) -> dict[str, dict[str, Json]]:
    try:
        document: dict[str, dict[str, Json]] = orjson.loads(body)
    except orjson.JSONDecodeError:  # JSON of Python: numbers like NaN, and texts with half of a surrogate pair
        document = json.loads(body)
    return document
