"""Authentication of the writer, of analysts, who read all rows, and of users who read the rows of some tenants."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from queuebit_contracts.finance import PREFIX, BadFinanceFile, FinanceLogins, parse_finance
from queuebit_contracts.tenants import BadTenants, Tenants, parse_tenants
from queuebit_kernel import Clock
from queuebit_runtime.tickets import is_valid
from queuebit_warehouse.dialect import Credentials
from queuebit_warehouse.errors import DatabaseError

__all__ = ["Login", "Logins"]

_log = logging.getLogger(__name__)
_Content = TypeVar("_Content")


@dataclass(frozen=True, slots=True)
class Login:
    """A user who has logged in."""

    user: str
    writes: bool = False
    tenant: str | None = None
    """Of a tenant's user: the tenant, whose users share their part of the workers."""
    finance: tuple[str, ...] | None = None
    """Of a finance login: its tenants, at least one."""

    @property
    def tenants(self) -> tuple[str, ...] | None:
        """The tenants of the rows that the user may read; None for users who read all rows."""
        return self.finance if self.tenant is None else (self.tenant,)


class Logins:
    """Passwords, the public keys of tenants' users, and finance logins, each from the current file."""

    def __init__(
        self, passwords: Mapping[Login, str], tenants_file: Path | None, clock: Clock, finance_file: Path | None = None
    ) -> None:
        self._passwords = [(login, password.encode()) for login, password in passwords.items()]
        self._tenants = _Watched(tenants_file, parse_tenants, Tenants())
        self._finance = _Watched(finance_file, parse_finance, FinanceLogins(), may_be_missing=True)
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
        found = found or self._member(given) or self._accountant(given)
        if found is None:
            raise DatabaseError(
                516,
                f"{given.user}: Authentication failed: password is incorrect, or there is no user with such name.",
                "AUTHENTICATION_FAILED",
            )
        return found

    def _member(self, given: Credentials) -> Login | None:
        name, _, user_name = given.user.partition("/")
        tenant = self._tenants.current().tenant.get(name)
        user = None if tenant is None else tenant.user.get(user_name)
        if user is None or not is_valid(given.password, name, user_name, user.keys, self._clock.now().timestamp()):
            return None
        return Login(given.user, tenant=name)

    def _accountant(self, given: Credentials) -> Login | None:
        if not given.user.startswith(PREFIX):
            return None
        known = self._finance.current().login.get(given.user.removeprefix(PREFIX))
        if known is None or not known.admits(given.password):
            return None
        return Login(given.user, finance=known.tenants)


class _Watched(Generic[_Content]):
    """A file that is read again after each change."""

    def __init__(
        self,
        file: Path | None,
        parse: Callable[[str], _Content],
        empty: _Content,
        *,
        may_be_missing: bool = False,
    ) -> None:
        self._file = file
        self._parse = parse
        self._empty = self._content = empty
        self._may_be_missing = may_be_missing
        self._read: tuple[int, int, int] | None = None

    def current(self) -> _Content:
        """Return the content of the file; the last valid one if it is missing or invalid."""
        if self._file is None:
            return self._content
        if self._may_be_missing and not self._file.exists():
            self._read, self._content = None, self._empty
            return self._content
        try:
            seen = self._file.stat()
            state = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
            if state != self._read:
                text = self._file.read_text(encoding="utf-8")
                self._read = state  # an invalid file is read again only after a change; an I/O error may be temporary
                self._content = self._parse(text)
        except (OSError, UnicodeDecodeError, BadTenants, BadFinanceFile) as error:
            _log.warning("the file %s is ignored until it is valid: %s", self._file, error)
        return self._content
