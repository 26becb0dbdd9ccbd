"""Finance logins of a home: who reads the warehouse's rows of which tenants. The warehouse follows the file."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from queuebit_contracts.finance import (
    PREFIX,
    BadFinanceFile,
    FinanceLogin,
    FinanceLogins,
    digest_of,
    finance_text,
    parse_finance,
)
from queuebit_contracts.wire import NAME
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.locks import alone
from queuebit_stack.tenant_documents import in_force
from queuebit_stack.tenants_file import unknown
from queuebit_stack.warehouse import Login

__all__ = ["add_login", "finance_logins", "remove_login"]

_SECRET_BYTES = 32


def finance_logins(home: Home) -> FinanceLogins:
    """All finance logins.

    Raises:
        Stop: the file is damaged.
    """
    try:
        return parse_finance(home.finance_logins.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return FinanceLogins()
    except (OSError, UnicodeDecodeError, BadFinanceFile) as error:
        text = f"{home.finance_logins} cannot be read ({error}): delete it, then add each login again"
        raise Stop(Exit.USAGE, text) from error


def add_login(home: Home, name: str, tenants: Sequence[str]) -> Login:
    """Add a login, or give one a new secret and other tenants; the secret is stored nowhere.

    Raises:
        Stop: the name is not valid, or there is no such tenant.
    """
    if not re.fullmatch(NAME, name):
        text = f"{name!r} is not a name: use 1 to 64 lower-case letters, digits, `-` and `_`, such as `anna`"
        raise Stop(Exit.USAGE, text)
    known = in_force(home).tenant
    for tenant in tenants:
        if tenant not in known:
            raise unknown("tenant", tenant, known)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with _edited(home) as logins:
        logins[name] = FinanceLogin(sha256=digest_of(secret), tenants=tuple(dict.fromkeys(tenants)))
    return Login(PREFIX + name, secret)


def remove_login(home: Home, name: str) -> None:
    """Remove a login; its next request is refused.

    Raises:
        Stop: there is none of this name.
    """
    with _edited(home) as logins:
        if name not in logins:
            raise Stop(Exit.REFUSED, f"there is no finance login {name}: `qb tenant finance list` shows what there is")
        del logins[name]


@contextmanager
def _edited(home: Home) -> Iterator[dict[str, FinanceLogin]]:
    """Lend the logins for a change, and write them; changes of several commands wait for each other."""
    with alone(home.tenants_lock):
        logins = dict(finance_logins(home).login)
        yield logins
        write_private(home.finance_logins, finance_text(FinanceLogins(login=logins)))
