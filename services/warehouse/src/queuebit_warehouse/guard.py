"""What a statement may name, so that it stays inside the store. Pure.

The engine's grants refuse most access outside the store; this refuses the rest, for which the library checks no grant,
with uniform errors. Names are checked against allow-lists: additions of a later engine are refused until reviewed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from queuebit_warehouse.errors import DatabaseError
from queuebit_warehouse.sql import Token, tokens

__all__ = ["Guard"]

_FUNCTIONS: Final = frozenset(
    {"generate_series", "generateseries", "merge", "numbers", "numbers_mt", "primes", "view", "zeros", "zeros_mt"}
)
"""Table functions that make rows from nothing or from tables. None takes columns as text, which would be SQL unseen."""

_ENGINES: Final = frozenset(
    {
        *(f"{kind}mergetree" for kind in ("", "replacing", "summing", "aggregating", "coalescing")),
        *("collapsingmergetree", "versionedcollapsingmergetree"),
        *("memory", "null", "log", "tinylog", "stripelog", "set", "join", "buffer", "merge", "atomic"),
    }
)
"""Engines of tables and databases that keep their rows in the store, or keep none."""

_DEFINING: Final = frozenset({"CREATE", "ATTACH", "REPLACE"})


class Guard:
    """Knows the engine's table functions; refuses those that are not known to be harmless."""

    def __init__(self, table_functions: Iterable[str]) -> None:
        self._outside = {it.lower() for it in table_functions} - _FUNCTIONS | {"disk"}

    def check(self, statement: bytes) -> None:
        """Let a statement pass.

        Raises:
            DatabaseError: it reaches outside the store, or is written so that one cannot see whether it does.
        """
        found = [*tokens(statement)]
        defines = any(token.word in _DEFINING for token in found)
        for token in found:
            _check_name(token)
        for before, token in pairwise(found):
            if before.word == "INTO" and token.word == "OUTFILE":
                raise DatabaseError(358, "INTO OUTFILE is not allowed", "INTO_OUTFILE_NOT_ALLOWED")
            if before.word == "FROM" and token.word == "INFILE":
                raise DatabaseError(78, "Query has infile and was send directly to server", "UNKNOWN_TYPE_OF_QUERY")
            if token.text == b"(" and before.name.lower() in self._outside:
                raise _denied(f"{before.name}(…) is not one of the functions that stay inside the warehouse")
            if defines and before.word == "FROM" and token.text.startswith(b"'"):
                raise _denied("a folder of this machine cannot become a table")
        for engine in _engines(found) if defines else ():
            if engine.name.lower() not in _ENGINES:
                raise _denied(f"{engine.name} is not one of the engines that keep their rows in the warehouse")


def _check_name(token: Token) -> None:
    if token.is_quoted_name and "\\" in token.name:
        raise _denied(f"{token.name}: write names without backslashes")
    if token.name.lower() == "file":  # a scalar function as well, called without brackets too: `arrayMap(file, …)`
        raise _denied("files of this machine cannot be read here, and nothing else can be called `file`")


def _engines(found: list[Token]) -> Iterator[Token]:
    """What follows ENGINE outside brackets; a column of that name can be written in quotes."""
    for at, token in enumerate(found):
        if token.word == "ENGINE" and token.depth == 0:
            yield from [it for it in found[at + 1 : at + 3] if it.text != b"="][:1]


def _denied(text: str) -> DatabaseError:
    return DatabaseError(291, text, "DATABASE_ACCESS_DENIED")
