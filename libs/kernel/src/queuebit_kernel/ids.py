"""Names of jobs and events."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import uuid

__all__ = ["InvalidId", "event_id", "job_id", "new_key", "require_token"]

_TOKEN = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")


class InvalidId(ValueError):
    """A name that cannot be one token of a subject."""


def require_token(value: str, what: str = "id") -> str:
    """Return `value` if it can be one token of a subject.

    Raises:
        InvalidId: it is not 1 to 64 lower-case letters, digits, `-` or `_`, starting and ending with a letter or digit.
    """
    if not _TOKEN.fullmatch(value):
        raise InvalidId(
            f"{what} {value[:80]!r} is not a plain name: use 1 to 64 lower-case letters, digits, '-' or '_', "
            "starting and ending with a letter or digit"
        )
    return value


def job_id(tenant: str, key: str) -> str:
    """Derive a job's id from its tenant and idempotency key: the same pair always names the same job.

    100 bits of SHA-256 in base 32, behind a `j`.
    """
    image = hashlib.sha256(f"{tenant}\n{key}".encode()).digest()
    return "j" + base64.b32encode(image).decode().lower()[:20]


def new_key() -> str:
    """Return a fresh idempotency key for a submission that was given none."""
    return secrets.token_hex(16)


def event_id(*parts: str) -> str:
    """Return an event's id: derived from `parts` where a repeat must be recognised, random where there are none."""
    if not parts:
        return str(uuid.uuid4())
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "queuebit:" + "\n".join(parts)))
