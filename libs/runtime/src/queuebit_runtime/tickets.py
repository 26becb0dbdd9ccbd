"""Tickets: passwords for the warehouse, derived from a user's token, with an expiry.

The token stays with its owner, and the warehouse stores no secret: it checks the signature with the public key of
the token, from the tenants file.
"""

from __future__ import annotations

from collections.abc import Iterable

from queuebit_kernel import Json
from queuebit_runtime.keys import sign, verify

__all__ = ["LONGEST_S", "is_valid", "ticket"]

LONGEST_S = 86_400
"""The longest validity of a ticket."""


def ticket(seed: str, tenant: str, user: str, expires: int) -> str:
    """A password for `tenant/user` until `expires`, in seconds since 1970."""
    return f"{expires}.{sign(seed, _document(tenant, user, expires))}"


def is_valid(password: str, tenant: str, user: str, keys: Iterable[str], now: float) -> bool:
    """Whether the ticket was signed by one of the keys and is valid now."""
    expires, _, signature = password.partition(".")
    if not (expires.isascii() and expires.isdecimal() and len(expires) <= 12 and now < int(expires) <= now + LONGEST_S):
        return False
    return any(verify(key, _document(tenant, user, int(expires)), signature) for key in keys)


def _document(tenant: str, user: str, expires: int) -> Json:
    return {"audience": "queuebit-warehouse", "expires": expires, "tenant": tenant, "user": user}
