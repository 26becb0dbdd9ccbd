"""Reads TOML, and finds the lines of its keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from queuebit_documents.errors import BadDocuments, Path, Problem
from queuebit_documents.parsed import Parsed

__all__ = ["parse_toml"]

_NAME = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*""")
_HEAD = re.compile(r"^\s*(\[\[?)([^\]]+)\]")
_KEY = re.compile(r"""^((?:\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*\.?)+)=""")
_AT = re.compile(r" ?\(at line (\d+), column \d+\)$")


def parse_toml(text: str, file: str) -> Parsed:
    """Read a document.

    Raises:
        BadDocuments: it is not TOML.
    """
    try:
        return Parsed(file, tomllib.loads(text), _lines(text))
    except RecursionError:
        raise BadDocuments([Problem(file, "nests too deeply: write flat tables")]) from None
    except ValueError as error:  # also a number of thousands of digits
        at = _AT.search(str(error))
        what = f"is not TOML: {_AT.sub('', str(error))}; correct the syntax there"
        raise BadDocuments([Problem(file, what, int(at[1]) if at else None)]) from error


def _lines(text: str) -> Mapping[Path, int]:
    """The line of each table and key that begins a line; others are inside a value that is found."""
    found: dict[Path, int] = {}
    rows: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.match(line):
            table = _table(_names(head[2]), rows, is_row=head[1] == "[[")
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_names(key[1])), number)
    return found


def _table(names: list[str], rows: dict[Path, int], *, is_row: bool) -> Path:
    """The path of a table's head; of an array of tables, with the position of the row."""
    path: Path = ()
    for name in names[:-1]:
        path = (*path, name)
        if path in rows:
            path = (*path, rows[path])
    path = (*path, *names[-1:])
    if not is_row:
        return path
    rows[path] = rows.get(path, -1) + 1
    return (*path, rows[path])


def _names(text: str) -> list[str]:
    return ["".join(parts) for parts in _NAME.findall(text)]
