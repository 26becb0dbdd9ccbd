"""Finance logins: users of the warehouse who read the rows of some tenants. The file has digests, never secrets."""

from __future__ import annotations

import hashlib
import hmac
import json
import tomllib
from typing import Annotated, Final

from pydantic import Field, ValidationError

from queuebit_contracts.wire import Name, Wire

__all__ = ["PREFIX", "BadFinanceFile", "FinanceLogin", "FinanceLogins", "digest_of", "finance_text", "parse_finance"]

PREFIX: Final = "finance."
"""What the warehouse's name of such a user begins with; names of other users have no dot."""

_HEAD: Final = "# Who reads charges of which tenants. `qb tenant finance …` edits this file; it has no secret.\n"


class BadFinanceFile(ValueError):
    """The text is not a file of finance logins."""


class FinanceLogin(Wire):
    """One login."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the secret, which is random and has 256 bits."""
    tenants: tuple[Name, ...] = Field(min_length=1, max_length=1_000)
    """The tenants whose rows it reads."""

    def admits(self, secret: str) -> bool:
        """Whether this is the secret; takes the same time for each wrong one."""
        return hmac.compare_digest(digest_of(secret), self.sha256)


class FinanceLogins(Wire):
    """All logins by name."""

    login: dict[Name, FinanceLogin] = Field(default_factory=dict)


def digest_of(secret: str) -> str:
    """SHA-256 of a secret, in hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def parse_finance(text: str) -> FinanceLogins:
    """Read the file.

    Raises:
        BadFinanceFile: it is not valid.
    """
    try:
        return FinanceLogins.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadFinanceFile(str(error)) from error


def finance_text(logins: FinanceLogins) -> str:
    """The text of the file."""
    parts = [
        f"\n[login.{name}]\nsha256 = {json.dumps(it.sha256)}\ntenants = {json.dumps([*it.tenants])}\n"
        for name, it in sorted(logins.login.items())
    ]
    return _HEAD + "".join(parts)
