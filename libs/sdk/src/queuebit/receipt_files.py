"""Reads the files that a receipt is verified with: the receipt, the trust document, and the result."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

from queuebit.errors import InvalidInput
from queuebit_kernel import digest_of

__all__ = ["packed", "read_receipt", "read_result_digest", "read_trust"]


_GZIP, _WITH_HEADER = b"\x1f\x8b", 31


def packed(content: bytes) -> bytes:
    """A receipt compressed by gzip: signatures in base64 shrink by a quarter, statements to less than half."""
    return gzip.compress(content, mtime=0)


def read_receipt(path: Path) -> bytes:
    """A receipt from an untrusted file, as it is or compressed by gzip: no more is read than the verifier needs.

    Raises:
        InvalidInput: the file cannot be read.
    """
    from queuebit_proof.receipt import MAX_RECEIPT_BYTES  # cryptography is only needed here

    try:
        with path.open("rb") as file:
            content = file.read(MAX_RECEIPT_BYTES + 2)
        if content.startswith(_GZIP):
            content = zlib.decompressobj(wbits=_WITH_HEADER).decompress(content, MAX_RECEIPT_BYTES + 2)
        return content.removesuffix(b"\n")
    except zlib.error as error:
        raise InvalidInput(f"{path} is no whole gzip file: {error}") from error
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
