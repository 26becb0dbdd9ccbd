"""Who may log in: the writer, analysts who read everything, and tenants' users who read their tenant's rows."""

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
    """The tenant whose rows the user reads; None for users who read everything."""


class Logins:
    """Knows passwords, and the public keys of tenants' users as the tenants file has them now."""

    def __init__(self, passwords: Mapping[Login, str], tenants_file: Path | None, clock: Clock) -> None:
        self._passwords = [(login, password.encode()) for login, password in passwords.items()]
        self._tenants_file = tenants_file
        self._tenants = Tenants()
        self._read: tuple[int, int, int] | None = None
        self._clock = clock

    def admit(self, given: Credentials) -> Login:
        """Return the user.

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
        """The tenants file as it is now; while it is away or broken, as it last was good."""
        if self._tenants_file is None:
            return self._tenants
        try:
            seen = self._tenants_file.stat()
            state = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
            if state != self._read:
                text = self._tenants_file.read_text(encoding="utf-8")
                self._read = state  # a mistake in the text stays until it changes; a failure to read it may pass
                self._tenants = parse_tenants(text)
        except (OSError, UnicodeDecodeError, BadTenants) as error:
            _log.warning("the tenants file %s is not followed: %s", self._tenants_file, error)
        return self._tenants
