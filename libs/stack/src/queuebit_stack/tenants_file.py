"""Edits the tenants file and keeps its comments, then notifies the broker and the bus."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, MutableMapping
from difflib import get_close_matches
from typing import Any

import tomlkit

from queuebit_contracts.tenants import BadTenants, parse_tenants
from queuebit_kernel import digest_of
from queuebit_stack import nats_server
from queuebit_stack.bootstrap import read_tenants, write_nats_config
from queuebit_stack.containers import configure
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.locks import alone
from queuebit_stack.probe import get_json
from queuebit_stack.stack import Stack

__all__ = ["Toml", "editing", "project_in", "tenant_in", "unknown", "user_in"]

_TAKEN_OVER_S = 5.0

Toml = MutableMapping[str, Any]  # tomlkit's tables with any TOML values


@contextlib.contextmanager
def editing(home: Home) -> Iterator[Toml]:
    """The file, to be edited by one at a time without losing a comment; when the block ends well, it comes into force.

    The bus reads its configuration again, which closes connections of users who may no longer do what they did. A
    broker that is down, or takes longer than a moment, will find the file when it looks.

    Raises:
        Stop: the file breaks its rules, or would; nothing was changed.
    """
    home.require()
    with alone(home.tenants_lock):
        read_tenants(home)
        document = tomlkit.parse(home.tenants_file.read_text(encoding="utf-8"))
        yield document
        _save(home, document)


def _save(home: Home, document: Toml) -> None:
    text = tomlkit.dumps(document)
    try:
        declared = digest_of(parse_tenants(text).model_dump(mode="json"))
    except BadTenants as error:
        raise Stop(Exit.USAGE, str(error)) from error
    write_private(home.tenants_file, text)
    stack = Stack.load(home)
    if stack is None:
        return
    if stack.in_containers:  # the servers read it when they restart
        configure(home)
        return
    write_nats_config(home, stack.ports)
    if "nats-server" in stack.left:
        for _ in range(2):  # what a new account imports works from the reload after the one that made it
            _reload(home, stack)
        _await_broker(stack, declared)


def _reload(home: Home, stack: Stack) -> None:
    with contextlib.suppress(OSError):  # a server that is down reads the file when it starts
        if refused := nats_server.reload(home.seed_file("system"), stack.ports["nats-server"]):
            raise Stop(
                Exit.REFUSED, f"nats-server keeps its configuration, because it refuses {home.nats_config}: {refused}"
            )


def _await_broker(stack: Stack, declared: str) -> None:
    deadline = time.monotonic() + _TAKEN_OVER_S
    while _in_force(stack) not in (None, declared) and time.monotonic() < deadline:
        time.sleep(0.02)


def _in_force(stack: Stack) -> str | None:
    """The digest of the tenants file that the broker uses; None while it is down."""
    try:
        health: Any = get_json(stack.ports.get("broker", 0), "/healthz")  # the form differs by service
        return str(health["detail"]["tenants"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def tenant_in(document: Toml, tenant: str) -> Toml:
    """A tenant's table."""
    return _within(document.get("tenant", {}), "tenant", tenant)


def project_in(document: Toml, tenant: str, project: str) -> Toml:
    """A project's table."""
    return _within(tenant_in(document, tenant).get("project", {}), "project", project, tenant)


def user_in(document: Toml, tenant: str, user: str) -> Toml:
    """A user's table."""
    return _within(tenant_in(document, tenant).get("user", {}), "user", user, tenant)


def unknown(what: str, name: str, known: Iterable[str], tenant: str | None = None) -> Stop:
    """There is no such entry; the nearest that is there, and the command that lists them."""
    near = get_close_matches(name, list(known), 1)
    meant = f"did you mean {near[0]}? " if near else ""
    listed = f"qb tenant show {tenant}" if tenant else "qb tenant list"
    return Stop(Exit.REFUSED, f"there is no {what} {name}: {meant}`{listed}` shows what there is")


def _within(table: Toml, what: str, name: str, tenant: str | None = None) -> Toml:
    if name not in table:
        raise unknown(what, name, table, tenant)
    found: Toml = table[name]
    return found
