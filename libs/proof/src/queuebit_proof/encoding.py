"""Strict parsers for untrusted input, with only one encoding per value.

A lenient parser accepts several encodings of one value, so that a changed byte may not be detected. These parsers
accept one form of base64 and JSON, and raise `ValueError` otherwise. Errors escape quoted input, because a terminal may
show it.
"""

from __future__ import annotations

import base64
import binascii
import json

__all__ = ["b64", "exactly", "parse_json", "text", "unb64", "whole"]


def b64(content: bytes) -> str:
    """Encode in standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(content).decode()


def unb64(encoded: str) -> bytes:
    """Decode only the output of `b64`: no spaces, no unused trailing bits."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{encoded[:20]!r}… is not base64") from error
    if b64(content) != encoded:
        raise ValueError(f"{encoded[:20]!r}… is not base64 in canonical form")
    return content


def parse_json(content: bytes) -> object:
    """Parse UTF-8 JSON; refuses floats and repeated names."""
    try:
        return json.loads(
            content.decode(),
            object_pairs_hook=_without_repeats,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON (line {error.lineno}, column {error.colno})") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not text") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def exactly(document: object, names: frozenset[str], what: str) -> dict[str, object]:
    """Check that an object has exactly these names, and return it; unexpected names would be unverified."""
    if not isinstance(document, dict):
        raise ValueError(f"{what} is not a JSON object")
    found = {str(name): value for name, value in document.items()}
    if wrong := sorted(names ^ found.keys()):
        raise ValueError(f"{what} has missing or unexpected names: {', '.join(map(repr, wrong))[:200]}")
    return found


def text(value: object, what: str) -> str:
    """Check that a value is text, and return it."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is not text")
    return value


def whole(value: object, what: str) -> int:
    """Check that a value is an integer from 0 to 2^63-1, and return it."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(f"{what} is not an integer from 0 to 2^63-1")
    return value


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name appears twice in one object")
    return members


def _refuse_number(literal: str) -> object:
    raise ValueError(f"{literal[:20]} is a float: proofs contain only integers and decimal text")
