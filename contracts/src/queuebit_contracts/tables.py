"""The warehouse's tables and views, as `warehouse/*.sql` publishes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["VERSION", "Derived", "derived_columns", "generation_of", "statements", "view_query", "views"]

VERSION = 9
"""Version of the tables; `events` carries it in its comment, beside its generation."""

_COMMENT = re.compile(r"queuebit schema (\d+), generation (\w+)")
_COLUMN = re.compile(
    r"""^[ ]{4}(?P<name>\w+)[ ](?P<type>[^\n]+?)[ ]MATERIALIZED\s+(?P<expression>.*?)
    (?:[ ]COMMENT[ ]'[^']*')?,\n(?=\n|[ ]{4}\w)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)

_VIEW = re.compile(r"^CREATE OR REPLACE VIEW (\w+) AS$", re.MULTILINE)


class Derived(NamedTuple):
    """A column of `events` that the engine computes from the others when a row is inserted."""

    type: str
    expression: str


@cache
def _files() -> tuple[str, ...]:
    folder = files("queuebit_contracts").joinpath("warehouse")
    found = sorted((it for it in folder.iterdir() if it.name.endswith(".sql")), key=lambda it: it.name)
    return tuple(it.read_text() for it in found)


def statements(generation: str) -> list[str]:
    """The statements that make what is missing, in order; a table that exists keeps its generation."""
    filled = {"{version}": str(VERSION), "{generation}": generation}
    return [re.sub(r"\{version\}|\{generation\}", lambda it: filled[it[0]], text) for text in _files()]


def generation_of(comment: str) -> tuple[int, str]:
    """Version and generation in the comment of `events`; version 0 where it has none."""
    found = _COMMENT.fullmatch(comment)
    return (int(found[1]), found[2]) if found else (0, "")


@cache
def derived_columns() -> Mapping[str, Derived]:
    """The derived columns of `events` by name, so that a stored value can be compared with what it should be."""
    (events,) = (text for text in _files() if "TABLE IF NOT EXISTS events\n" in text)
    return MappingProxyType({it["name"]: Derived(it["type"], it["expression"]) for it in _COLUMN.finditer(events)})


@cache
def view_query(name: str) -> str:
    """The query of a view."""
    head = f"CREATE OR REPLACE VIEW {name} AS\n"
    (query,) = (text.split(head, 1)[1] for text in _files() if head in text)
    return query


@cache
def views() -> tuple[str, ...]:
    """The names of all views, in the order of their making; each has a column `tenant`, which row policies need."""
    return tuple(it[1] for text in _files() if (it := _VIEW.search(text)))
