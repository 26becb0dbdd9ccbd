"""Editing the tenants file as a person would, and telling the broker and the bus."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import MutableMapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.files import write_private
from queuebit_cli.founding import write_nats_config
from queuebit_cli.home import Home
from queuebit_cli.probe import get_json
from queuebit_cli.stack import Stack
from queuebit_contracts.tenants import BadTenants, parse_tenants
from queuebit_kernel import digest_of

__all__ = ["Toml", "open_tenants", "project_in", "save_tenants", "tenant_in", "unknown", "user_in"]

_TAKEN_OVER_S = 5.0

Toml = MutableMapping[str, Any]  # tomlkit's tables, whose values are whatever TOML holds


def open_tenants(home: Home) -> Toml:
    """The file, ready to be edited without losing a comment."""
    home.require()
    try:
        return tomlkit.parse(home.tenants_file.read_text())
    except TOMLKitError as error:
        raise Stop(Exit.USAGE, f"{home.tenants_file} is not TOML: {error}") from error


def save_tenants(home: Home, document: Toml) -> None:
    """Put the file in place, let the bus know its users, and wait until the broker decides by it.

    The bus reads its configuration again, which closes connections of users who may no longer do what they did. A
    broker that is down, or takes longer than a moment, will find the file when it looks.

    Raises:
        Stop: the file would break its rules; nothing was changed.
    """
    text = tomlkit.dumps(document)
    try:
        declared = digest_of(parse_tenants(text).model_dump(mode="json"))
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
        _await_broker(stack, declared)


def _await_broker(stack: Stack, declared: str) -> None:
    deadline = time.monotonic() + _TAKEN_OVER_S
    while time.monotonic() < deadline:
        try:
            told: Any = get_json(stack.ports["broker"], "/healthz")  # the broker's own document
            if told["detail"].get("tenants") == declared:
                return
        except (OSError, ValueError, KeyError):
            return
        time.sleep(0.05)


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
