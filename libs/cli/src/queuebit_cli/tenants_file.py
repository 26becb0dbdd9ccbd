"""Editing the tenants file as a person would, and telling the broker and the bus."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import MutableMapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.files import write_private
from queuebit_cli.founding import write_nats_config
from queuebit_cli.home import Home
from queuebit_cli.stack import Stack
from queuebit_contracts.tenants import BadTenants, parse_tenants

__all__ = ["Toml", "open_tenants", "project_in", "save_tenants", "tenant_in", "unknown", "user_in"]

Toml = MutableMapping[str, Any]  # tomlkit's tables, whose values are whatever TOML holds


def open_tenants(home: Home) -> Toml:
    """The file, ready to be edited without losing a comment."""
    home.require()
    try:
        return tomlkit.parse(home.tenants_file.read_text())
    except TOMLKitError as error:
        raise Stop(Exit.USAGE, f"{home.tenants_file} is not TOML: {error}") from error


def save_tenants(home: Home, document: Toml) -> None:
    """Put the file in place, and let the bus know its users.

    The broker sees the change by itself. The bus reads its configuration again, which closes connections of users
    who may no longer do what they did.

    Raises:
        Stop: the file would break its rules; nothing was changed.
    """
    text = tomlkit.dumps(document)
    try:
        parse_tenants(text)
    except BadTenants as error:
        raise Stop(Exit.USAGE, str(error)) from error
    write_private(home.tenants_file, text)
    stack = Stack.load(home)
    if stack is None:
        return
    write_nats_config(home, stack.ports)
    if (server := stack.left.get("nats-server")) is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(server.pid, signal.SIGHUP)


def tenant_in(document: Toml, tenant: str) -> Toml:
    """A tenant's table."""
    return _within(document.get("tenant", {}), "tenant", tenant)


def project_in(document: Toml, tenant: str, project: str) -> Toml:
    """A project's table."""
    return _within(tenant_in(document, tenant).get("project", {}), "project", project)


def user_in(document: Toml, tenant: str, user: str) -> Toml:
    """A user's table."""
    return _within(tenant_in(document, tenant).get("user", {}), "user", user)


def unknown(what: str, name: str) -> Stop:
    """There is no such entry."""
    return Stop(Exit.REFUSED, f"there is no {what} {name}: see `qb tenant list` and `qb tenant show TENANT`")


def _within(table: Toml, what: str, name: str) -> Toml:
    if name not in table:
        raise unknown(what, name)
    found: Toml = table[name]
    return found
