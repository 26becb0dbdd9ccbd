"""Authentication of the writer, of analysts, who read all rows, and of tenants' users, who read their tenant's rows."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from queuebit_contracts.tenants import BadTenants, Tenants, parse_tenants
from queuebit_kernel import Clock
from queuebit_runtime.tickets import is_valid
from queuebit_warehouse.dialect import Credentials
from queuebit_warehouse.errors import DatabaseError

__all__ = ["Login", "Logins"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """A user who has logged in."""

    user: str
    writes: bool = False
    tenant: str | None = None
    """The tenant of the rows that the user may read; None for users who read all rows."""


class Logins:
    """Passwords, and the public keys of tenants' users from the current tenants file."""

    def __init__(self, passwords: Mapping[Login, str], tenants_file: Path | None, clock: Clock) -> None:
        self._passwords = [(login, password.encode()) for login, password in passwords.items()]
        self._tenants_file = tenants_file
        self._tenants = Tenants()
        self._read: tuple[int, int, int] | None = None
        self._clock = clock

    def admit(self, given: Credentials) -> Login:
        """Authenticate a user.

        Raises:
            DatabaseError: no such user, or the password is not the user's.
        """
        found: Login | None = None
        for login, password in self._passwords:
            known = hmac.compare_digest(given.user.encode(), login.user.encode())
            if hmac.compare_digest(given.password.encode(), password) and known:
                found = login
        found = found or self._member(given)
        if found is None:
            raise DatabaseError(
                516,
                f"{given.user}: Authentication failed: password is incorrect, or there is no user with such name.",
                "AUTHENTICATION_FAILED",
            )
        return found

    def _member(self, given: Credentials) -> Login | None:
        name, _, user_name = given.user.partition("/")
        tenant = self._current().tenant.get(name)
        user = None if tenant is None else tenant.user.get(user_name)
        if user is None or not is_valid(given.password, name, user_name, user.keys, self._clock.now().timestamp()):
            return None
        return Login(given.user, tenant=name)

    def _current(self) -> Tenants:
        """Return the current tenants file; the last valid one if it is missing or invalid."""
        if self._tenants_file is None:
            return self._tenants
        try:
            seen = self._tenants_file.stat()
            state = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
            if state != self._read:
                text = self._tenants_file.read_text(encoding="utf-8")
                self._read = state  # an invalid file is read again only after a change; an I/O error may be temporary
                self._tenants = parse_tenants(text)
        except (OSError, UnicodeDecodeError, BadTenants) as error:
            _log.warning("the tenants file %s is ignored until it is valid: %s", self._tenants_file, error)
        return self._tenants
