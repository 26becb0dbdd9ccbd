"""How a tenant's user logs in to the warehouse: a password made from the user's own token, good for a short time.

The token never leaves its owner, and the warehouse keeps no secret for it: it checks the signature with the public half
of the token, which the tenants file names.
"""

from __future__ import annotations

from collections.abc import Iterable

from queuebit_kernel import Json
from queuebit_runtime.keys import sign, verify

__all__ = ["LONGEST_S", "is_valid", "ticket"]

LONGEST_S = 86_400
"""A ticket for a longer time than a day is refused."""


def ticket(seed: str, tenant: str, user: str, expires: int) -> str:
    """A password for `tenant/user` until `expires`, in seconds since 1970."""
    return f"{expires}.{sign(seed, _document(tenant, user, expires))}"


def is_valid(password: str, tenant: str, user: str, keys: Iterable[str], now: float) -> bool:
    """Say whether the holder of one of the keys made this ticket, and whether it is good now."""
    expires, _, signature = password.partition(".")
    if not (expires.isascii() and expires.isdecimal() and len(expires) <= 12 and now < int(expires) <= now + LONGEST_S):
        return False
    return any(verify(key, _document(tenant, user, int(expires)), signature) for key in keys)


def _document(tenant: str, user: str, expires: int) -> Json:
    return {"audience": "queuebit-warehouse", "expires": expires, "tenant": tenant, "user": user}
