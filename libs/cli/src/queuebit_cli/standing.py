"""Whether the files that people edit are good, and whether the stack goes by them."""

from __future__ import annotations

from shlex import quote

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.founding import default_price_book, read_tenants
from queuebit_cli.home import Home
from queuebit_cli.stack import Stack
from queuebit_pricing import BadPriceBook, load

__all__ = ["require_good", "troubles"]

_NOT_APPLIED = "\nbudgets and limits are in force; who may log in is, once you run `qb tenant apply`"
_MEANWHILE = "\nuntil then the stack goes on by what was in force before"
_AS_STARTED = "\nuntil then services go on with the prices that they started with, and could not start again"


def require_good(home: Home) -> None:
    """Check what services read when they start.

    Raises:
        Stop: a file cannot be used; the text says why.
    """
    read_tenants(home)
    _require_prices(home)


def troubles(home: Home, stack: Stack | None) -> list[str]:
    """What is wrong with the files of a stack, and what that means for it."""
    runs = stack is not None and (stack.in_containers or bool(stack.left))
    found = []
    try:
        read_tenants(home)
        good = home.good_tenants_file
        if runs and good.exists() and good.read_bytes() != home.tenants_file.read_bytes():
            found.append(f"{home.tenants_file} was edited by hand{_NOT_APPLIED}")
    except Stop as stop:
        found.append(f"{stop}{_MEANWHILE if runs else ''}")
    try:
        _require_prices(home)
    except Stop as stop:
        found.append(f"{stop}{_AS_STARTED if runs else ''}")
    return found


def _require_prices(home: Home) -> None:
    if not home.price_book.exists():
        default = f"cp {quote(str(default_price_book()))} {quote(str(home.price_book))}"
        raise Stop(Exit.USAGE, f"{home.price_book} is gone: put it back, or begin with default prices: {default}")
    try:
        load(home.price_book)
    except BadPriceBook as error:
        raise Stop(Exit.USAGE, str(error)) from error
