"""Digests of content, and the canonical JSON of documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import orjson

__all__ = ["Json", "canonical", "digest", "digest_of"]

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | bool | None"
"""Values that may be signed. No floats: amounts are decimal text, which is never rounded."""

_MOST = 2**53 - 1
"""The largest integer that readers with IEEE 754 doubles (RFC 7493, section 2.2) read exactly."""


def digest(content: bytes) -> str:
    """Return `sha256:<64 hex digits>` of the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def canonical(document: Json) -> bytes:
    """Return a document in canonical JSON (RFC 8785): UTF-8, no spaces, names sorted by UTF-16 code units.

    Refuses values that other implementations may write differently.

    Raises:
        ValueError: the document has a float, an integer beyond 2^53 - 1, or text that is not valid Unicode.
        TypeError: the document has a value that is not JSON.
    """
    if _is_plain(document):
        with suppress(orjson.JSONEncodeError):  # what it refuses is refused below, with the reason
            return orjson.dumps(document, option=_OPTIONS)
    return json.dumps(_ordered(document), separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(document: Json) -> str:
    """Return the digest of the canonical JSON of a document."""
    return digest(canonical(document))


_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_SCALARS: Final = frozenset({str, int, bool, type(None)})


def _is_plain(value: object) -> bool:
    """Whether orjson writes the canonical form: it would also write floats, and sorts names by their UTF-8 bytes."""
    if type(value) is dict:
        for name, item in value.items():
            if type(name) is not str or not name.isascii():
                return False
            if type(item) not in _SCALARS and not _is_plain(item):
                return False
        return True
    if type(value) is list or type(value) is tuple:
        return all(type(item) in _SCALARS or _is_plain(item) for item in value)
    return type(value) in _SCALARS


def _ordered(value: Json) -> Json:
    """Return the document with sorted names; raises for values without a canonical form."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value, key=_code_units)}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    if isinstance(value, float):
        raise ValueError(f"{value!r} is a float: write it as a decimal string")
    if isinstance(value, int) and not -_MOST <= value <= _MOST:
        raise ValueError(f"an integer of {value.bit_length()} bits loses precision elsewhere: write it as a string")
    return value


def _code_units(name: str) -> bytes:
    """Return the sort key of RFC 8785, section 3.2.3. Its order differs from code points above U+E000."""
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is the name of a member: JSON allows only text there")
    return name.encode("utf-16-be")
