"""Reads the files that a receipt is verified with: the receipt, the trust document, and the result."""

from __future__ import annotations

import json
from pathlib import Path

from queuebit.errors import InvalidInput
from queuebit_kernel import digest_of

__all__ = ["read_receipt", "read_result_digest", "read_trust"]


def read_receipt(path: Path) -> bytes:
    """A receipt from an untrusted file: no more of it is read than the verifier needs to refuse it.

    Raises:
        InvalidInput: the file cannot be read.
    """
    from queuebit_proof.receipt import MAX_RECEIPT_BYTES  # cryptography is only needed here

    try:
        with path.open("rb") as file:
            return file.read(MAX_RECEIPT_BYTES + 2).removesuffix(b"\n")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def read_trust(path: Path) -> bytes:
    """A trust document.

    Raises:
        InvalidInput: there is none, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no trust document {path}: name one with --trust") from error
    except OSError as error:
        raise InvalidInput(f"{path} is not a trust document: {error.strerror}") from error


def read_result_digest(path: Path) -> str:
    """The digest of a result, from its counts as `qb job result --output` writes them.

    Raises:
        InvalidInput: the file cannot be read, or is no result.
    """
    try:
        counts = json.loads(path.read_bytes())
        if not isinstance(counts, dict):
            raise ValueError("it is not a JSON object")
        return digest_of(counts)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidInput(f"{path} is not a result from `qb job result --output FILE`: {error}") from error
