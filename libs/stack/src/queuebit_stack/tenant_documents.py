"""Puts whole tenants documents in force: from a file of this home or another one; and compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from functools import partial
from pathlib import Path

from queuebit_contracts.query import TenantsRequest
from queuebit_contracts.tenants import BadTenants, Tenants, check_tenants, parse_tenants, tenants_toml
from queuebit_stack.bootstrap import read_tenants
from queuebit_stack.connection import operator_of
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.files import write_private
from queuebit_stack.home import Home
from queuebit_stack.locks import alone
from queuebit_stack.stack import Stack
from queuebit_stack.tenant_facts import apply_here, ask, runs

__all__ = ["Applied", "apply_document", "difference", "document_of", "in_force"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a tenants document that was to be put in force."""

    waits_for_start: bool
    """Whether the stack is down; its next start puts the document in force."""
    changes: Sequence[str] | None
    """What changed; None if no broker answers: then only what the document revokes is closed."""


def apply_document(home: Home, file: Path | None, by: str) -> Applied:
    """Put this home's tenants file in force, or another file, which then becomes this home's.

    Args:
        home: whose tenants.
        file: the other file.
        by: who wants it, as the facts name it.

    Raises:
        Stop: the document breaks a rule or may not come into force; the home's file is as it was.
    """
    with alone(home.tenants_lock):
        text = None if file is None else _text(file)
        desired = read_tenants(home) if file is None or text is None else _parsed(file, text)
        stack = Stack.load(home)
        before = home.tenants_file.read_text(encoding="utf-8") if home.tenants_file.exists() else ""
        if text is not None:
            write_private(home.tenants_file, text)
        if stack is None or not runs(stack):
            return Applied(True, ())
        try:
            return Applied(False, apply_here(home, stack, desired, by, overwrite=True))
        except Stop:
            write_private(home.tenants_file, before)
            raise


def document_of(home: Home, file: Path | None = None) -> Tenants:
    """The document in a file, or without one in the home's.

    Raises:
        Stop: it cannot be read, or breaks a rule.
    """
    return read_tenants(home) if file is None else _parsed(file, _text(file))


def in_force(home: Home) -> Tenants:
    """What is in force; while the stack is down, what its next start puts in force."""
    stack = Stack.load(home)
    if stack is None or not runs(stack):
        return read_tenants(home)
    return check_tenants(ask(partial(operator_of, home), TenantsRequest()).document)


def difference(now: Mapping[str, object], desired: Tenants) -> list[str]:
    """How a document differs from what is in force, line by line as `diff -u` writes it."""
    before, after = (tenants_toml(it).splitlines() for it in (check_tenants(now), desired))
    return [*unified_diff(before, after, "in force", "wanted", lineterm="", n=2)]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(Exit.USAGE, f"{file} cannot be read: {error}") from error


def _parsed(file: Path, text: str) -> Tenants:
    try:
        return parse_tenants(text)
    except BadTenants as error:
        raise Stop(Exit.USAGE, f"{file}: {error}") from error
