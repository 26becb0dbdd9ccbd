"""Content addresses and the one byte form of a document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Json", "canonical", "digest", "digest_of"]

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | bool | None"
"""What may be signed: no floats, because two languages may write the same float differently."""


def digest(content: bytes) -> str:
    """Return `sha256:<64 hex digits>` of the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def canonical(document: Json) -> bytes:
    """Return the RFC 8785 form of a document without floats: sorted keys, no blanks, UTF-8.

    Raises:
        TypeError: the document holds a float or a type JSON does not know.
    """
    _refuse_floats(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(document: Json) -> str:
    """Return the digest of a document's canonical form."""
    return digest(canonical(document))


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float: write it as a decimal string")
    if isinstance(value, Mapping):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
