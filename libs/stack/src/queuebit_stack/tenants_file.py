"""Edits the tenants file and keeps its comments; while the stack runs, what was edited comes into force."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, MutableMapping
from difflib import get_close_matches
from typing import Any

import tomlkit

from queuebit_contracts.tenants import BadTenants, parse_tenants
from queuebit_stack.bootstrap import read_tenants
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.locks import alone
from queuebit_stack.stack import Stack
from queuebit_stack.tenant_facts import apply_here, runs

__all__ = ["Toml", "editing", "project_in", "tenant_in", "unknown", "user_in"]

Toml = MutableMapping[str, Any]  # tomlkit's tables with any TOML values


@contextlib.contextmanager
def editing(home: Home, by: str) -> Iterator[Toml]:
    """The file, to be edited by one at a time without losing a comment; when the block ends well, it comes into force.

    While the stack is down the file is only written: the next start puts it in force.

    Raises:
        Stop: the file breaks its rules, or would, or may not come into force; it is as it was.
    """
    home.require()
    with alone(home.tenants_lock):
        read_tenants(home)
        before = home.tenants_file.read_text(encoding="utf-8")
        document = tomlkit.parse(before)
        yield document
        text = tomlkit.dumps(document)
        try:
            desired = parse_tenants(text)
        except BadTenants as error:
            raise Stop(Exit.USAGE, str(error)) from error
        write_private(home.tenants_file, text)
        if (stack := Stack.load(home)) is not None and runs(stack):
            try:
                apply_here(home, stack, desired, by)
            except Stop:
                write_private(home.tenants_file, before)
                raise


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
