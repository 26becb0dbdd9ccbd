"""Checks the files that operators edit, and whether the stack uses their current content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote
from typing import Any

from queuebit_pricing import BadPriceBook, load
from queuebit_slo import digest
from queuebit_stack.bootstrap import default_price_book, is_in_force, read_tenants
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.home_documents import read_alerts, read_objectives, read_services
from queuebit_stack.probe import get_json
from queuebit_stack.secret_files import require_passwords, require_signing_keys
from queuebit_stack.stack import Stack
from queuebit_stack.stacks import known, read_config

__all__ = ["require_good", "troubles", "unpriced"]

_NOT_APPLIED = "\nit is in force once you run `qb tenant apply`; `qb tenant apply --dry-run` shows what that changes"
_MEANWHILE = "\nuntil then the stack uses the last valid version"
_RESTART = "\nrestart both together: `qb down`, then `qb up`; running jobs are billed as they were accepted"
_AGAIN = "\nrestart it: `qb down`, then `qb up`"
_PRICED = ("broker", "metering")
"""Services that read the price book when they start."""
_JUDGES = ("telemetry", "alerting")
"""Services that read the objectives when they start."""
_AS_STARTED = "\nuntil then services keep the version that they started with, and could not restart"


def require_good(home: Home) -> None:
    """Check what services read when they start.

    Raises:
        Stop: a file cannot be used; the text says why.
    """
    read_tenants(home)
    _require_prices(home)
    read_objectives(home)
    read_services(home)
    read_alerts(home)
    require_passwords(home)
    require_signing_keys(home)


def unpriced(home: Home, backends: Iterable[str]) -> list[str]:
    """Backends that the price book has no price for: misspelled, or not installed yet."""
    try:
        prices = load(home.price_book).prices
    except BadPriceBook:  # `qb status` reports it
        return []
    return [name for name in backends if not any(not price.spot and price.covers(name) for price in prices)]


def troubles(home: Home, stack: Stack | None) -> list[str]:
    """Problems in the files of a stack, and what each means for the stack."""
    runs = stack is not None and (stack.in_containers or bool(stack.left))
    found = []
    try:
        read_tenants(home)
        if runs and home.good_tenants_file.exists() and not is_in_force(home):
            found.append(f"{home.tenants_file} was edited{_NOT_APPLIED}")
    except Stop as stop:
        found.append(f"{stop}{_MEANWHILE if runs else ''}")
    try:
        declared = _require_prices(home)
        if stack is not None and (
            old := [name for name in _PRICED if _detail_of(stack, name, "prices") not in (None, declared)]
        ):
            found.append(f"{home.price_book} was edited, and {' and '.join(old)} use the earlier prices{_RESTART}")
    except Stop as stop:
        found.append(f"{stop}{_AS_STARTED if runs else ''}")
    try:
        promised = digest(read_objectives(home))
        if stack is not None and (
            old := [name for name in _JUDGES if _detail_of(stack, name, "objectives") not in (None, promised)]
        ):
            who = f"{' and '.join(old)} {'use' if len(old) > 1 else 'uses'}"
            found.append(f"{home.objectives_folder} was edited, and {who} the earlier objectives{_AGAIN}")
    except Stop as stop:
        found.append(f"{stop}{_AS_STARTED if runs else ''}")
    try:
        routed = read_alerts(home).digest
        if stack is not None and _detail_of(stack, "alerting", "documents") not in (None, routed):
            found.append(f"{home.alerts_file} was edited, and alerting uses the earlier receivers and routes{_AGAIN}")
    except Stop as stop:
        found.append(f"{stop}{_AS_STARTED if runs else ''}")
    for require in (require_passwords, require_signing_keys, read_config, read_services):
        try:
            require(home)
        except Stop as stop:
            found.append(f"{stop}{_AS_STARTED if runs else ''}")
    return [*found, *known(home).troubles, *_of_alerting(stack)]


def _of_alerting(stack: Stack | None) -> Iterator[str]:
    """Why people may not be notified of what is wrong: else no person would notice."""
    if stack is None:
        return
    if receivers := _detail_of(stack, "alerting", "unreached"):
        waiting = _detail_of(stack, "alerting", "undelivered")
        yield (
            f"alerting does not reach {receivers}; {waiting} notifications wait: `qb logs alerting` says why, "
            "and `qb alerts test RECEIVER` tries again"
        )
    if why := _detail_of(stack, "alerting", "unmeasured"):
        yield f"alerts are not measured, and stay as they are: {why}"


def _detail_of(stack: Stack, service: str, word: str) -> str | None:
    """What a service reports of itself, such as the digest of its prices; None if it does not."""
    if service not in stack.left:
        return None
    try:
        health: Any = get_json(stack.ports[service], "/healthz")  # the form differs by service
        return str(health["detail"][word])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _require_prices(home: Home) -> str:
    """The digest of the price book."""
    if not home.price_book.exists():
        default = f"cp {quote(str(default_price_book()))} {quote(str(home.price_book))}"
        raise Stop(Exit.USAGE, f"{home.price_book} is missing: restore it, or use the default prices: {default}")
    try:
        return load(home.price_book).digest
    except BadPriceBook as error:
        raise Stop(Exit.USAGE, str(error)) from error
