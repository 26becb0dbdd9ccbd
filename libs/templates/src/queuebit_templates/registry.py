"""Finds templates by their entry points; those of other packages are found as ours are."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from queuebit_templates.definition import Template
from queuebit_templates.errors import BrokenTemplate, UnknownTemplate

__all__ = ["GROUP", "RESERVED", "Broken", "find", "installed", "names"]

GROUP = "queuebit.templates"
"""The group of entry points: name = "module:template"."""

RESERVED = frozenset({"name", "backend", "max_cost", "project", "key", "tags", "session", "timeout"})
"""Names that no parameter may have: they say where and how a template runs."""

_OURS = "queuebit-templates"


@dataclass(frozen=True, slots=True)
class Broken:
    """A template that cannot be loaded, and why."""

    name: str
    reason: str


def names() -> tuple[str, ...]:
    """The names of all installed templates; loads none."""
    return tuple(_entries())


def find(name: str) -> Template[Any]:  # each template has parameters of its own type
    """The template of a name.

    Raises:
        UnknownTemplate: there is none; the text names similar ones.
        BrokenTemplate: its package is installed, and cannot be loaded.
    """
    entries = _entries()
    if name not in entries:
        near = get_close_matches(name, entries, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(entries)}"
        raise UnknownTemplate(f"there is no template {name[:80]!r}; {hint}")
    return _loaded(entries[name])


def installed() -> list[Template[Any] | Broken]:  # each template has parameters of its own type
    """All templates by name, with those that cannot be loaded."""
    found: list[Template[Any] | Broken] = []
    for name, entry in _entries().items():
        try:
            found.append(_loaded(entry))
        except BrokenTemplate as error:
            found.append(Broken(name, str(error)))
    return found


def _entries() -> dict[str, EntryPoint]:
    """Entry points by name; of two with one name, ours counts."""
    ordered = sorted(entry_points(group=GROUP), key=lambda it: (it.name, it.dist is not None and it.dist.name == _OURS))
    return {it.name: it for it in ordered}


def _loaded(entry: EntryPoint) -> Template[Any]:  # each template has parameters of its own type
    try:
        found = entry.load()
    except Exception as error:  # another package may raise anything; the other templates still work
        raise BrokenTemplate(f"{entry.value} cannot be loaded: {type(error).__name__}: {error!s:.300}") from error
    if not isinstance(found, Template):
        raise BrokenTemplate(f"{entry.value} is a {type(found).__name__}, not a queuebit_templates.Template")
    if found.name != entry.name:
        raise BrokenTemplate(f"{entry.value} has the name {found.name!r}, and its entry point {entry.name!r}")
    if taken := RESERVED & found.parameters.model_fields.keys():
        raise BrokenTemplate(f"{entry.value} has parameters with reserved names: {', '.join(sorted(taken))}")
    return found
