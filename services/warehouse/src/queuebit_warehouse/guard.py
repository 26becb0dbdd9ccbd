"""Refuses statements that access data outside the store. Pure functions.

The engine's grants refuse most of this access; the guard refuses access for which the library checks no grant. Names
are checked against allow-lists: new names of a later engine are refused until they are reviewed.
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
"""Table functions that generate rows or read tables. None takes columns as text, which would be unchecked SQL."""

_ENGINES: Final = frozenset(
    {
        *(f"{kind}mergetree" for kind in ("", "replacing", "summing", "aggregating", "coalescing")),
        *("collapsingmergetree", "versionedcollapsingmergetree"),
        *("memory", "null", "log", "tinylog", "stripelog", "set", "join", "buffer", "merge", "atomic"),
    }
)
"""Engines of tables and databases that store rows only in the store, or not at all."""

_DEFINING: Final = frozenset({"CREATE", "ATTACH", "REPLACE"})


class Guard:
    """Refuses the engine's table functions that are not on the allow-list."""

    def __init__(self, table_functions: Iterable[str]) -> None:
        self._outside = {it.lower() for it in table_functions} - _FUNCTIONS | {"disk"}

    def check(self, statement: bytes) -> None:
        """Check a statement.

        Raises:
            DatabaseError: it accesses data outside the store, or its text does not show whether it does.
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
    if token.name.lower() == "file":  # also a scalar function, which can be used without brackets: `arrayMap(file, …)`
        raise _denied("files of this machine cannot be read here, and nothing else can be called `file`")


def _engines(found: list[Token]) -> Iterator[Token]:
    """Yield the tokens after ENGINE outside brackets; a column of that name can be written in quotes."""
    for at, token in enumerate(found):
        if token.word == "ENGINE" and token.depth == 0:
            yield from [it for it in found[at + 1 : at + 3] if it.text != b"="][:1]


def _denied(text: str) -> DatabaseError:
    return DatabaseError(291, text, "DATABASE_ACCESS_DENIED")
