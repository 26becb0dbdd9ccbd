"""The warehouse's tables, as the contracts publish them."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

__all__ = ["VERSION", "generation_of", "statements"]

VERSION = 1
"""Version of the tables; `events` carries it in its comment, beside its generation."""

_COMMENT = re.compile(r"queuebit schema (\d+), generation (\w+)")


@cache
def _files() -> tuple[str, ...]:
    folder = files("queuebit_contracts").joinpath("warehouse")
    found = sorted((it for it in folder.iterdir() if it.name.endswith(".sql")), key=lambda it: it.name)
    return tuple(it.read_text() for it in found)


def statements(generation: str) -> list[str]:
    """The statements that make what is missing, in order; a table that exists keeps its generation."""
    return [text.replace("{generation}", generation) for text in _files()]


def generation_of(comment: str) -> tuple[int, str]:
    """Version and generation in the comment of `events`; version 0 where it has none."""
    found = _COMMENT.fullmatch(comment)
    return (int(found[1]), found[2]) if found else (0, "")
