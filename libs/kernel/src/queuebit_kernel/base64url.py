"""Base64 for addresses and tokens (RFC 4648, section 5), without padding."""

from __future__ import annotations

import base64
from typing import Final

__all__ = ["from_base64url", "to_base64url"]

_STANDARD: Final = str.maketrans("-_+/", "+/  ")
"""To the alphabet that Python checks; its own two characters are not those of base64url."""


def to_base64url(content: bytes) -> str:
    """Write bytes as base64url."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Read base64url, padded or not.

    Raises:
        ValueError: it has another character, or a length that no bytes have.
    """
    digits = text.rstrip("=")
    return base64.b64decode(digits.translate(_STANDARD) + "=" * (-len(digits) % 4), validate=True)
