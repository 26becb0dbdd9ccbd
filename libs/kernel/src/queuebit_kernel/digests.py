"""Content addresses and the one byte form of a document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Json", "canonical", "digest", "digest_of"]

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | bool | None"
"""Values that may be signed. No floats: amounts are decimal texts, which are never rounded."""

_MOST = 2**53 - 1
"""Beyond it, a reader that keeps numbers as IEEE 754 doubles (RFC 7493, section 2.2) sees another number."""


def digest(content: bytes) -> str:
    """Return `sha256:<64 hex digits>` of the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def canonical(document: Json) -> bytes:
    """Return the RFC 8785 form of a document: UTF-8, no blanks, names sorted by their UTF-16 code units.

    A document whose RFC 8785 form others may write differently is refused, never guessed at.

    Raises:
        ValueError: it holds a float, a whole number beyond 2^53 - 1, or a text that is not Unicode.
        TypeError: it holds what JSON does not know.
    """
    return json.dumps(_ordered(document), separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(document: Json) -> str:
    """Return the digest of a document's canonical form."""
    return digest(canonical(document))


def _ordered(value: Json) -> Json:
    """The same document with its names in order; what has no agreed form is refused on the way."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value, key=_code_units)}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    if isinstance(value, float):
        raise ValueError(f"{value!r} is a float: write it as a decimal string")
    if isinstance(value, int) and not -_MOST <= value <= _MOST:
        raise ValueError(f"a number of {value.bit_length()} bits is read differently elsewhere: write it as a string")
    return value


def _code_units(name: str) -> bytes:
    """What RFC 8785, section 3.2.3, sorts by: it differs from code points where U+10000 and above meet U+E000."""
    if not isinstance(name, str):
        raise TypeError(f"{name!r} names a member: JSON knows only texts there")
    return name.encode("utf-16-be")
