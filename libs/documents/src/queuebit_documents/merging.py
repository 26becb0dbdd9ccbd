"""Puts the documents of several files together, and finds the file and line of a value again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from queuebit_documents.errors import BadDocuments, Path, Problem
from queuebit_documents.parsed import Document, Parsed

__all__ = ["Places", "problem_at", "together"]

Places = Mapping[Path, tuple[Parsed, Path]]
"""Of entries at the top of a document: the file that they are in, and their path there."""


def together(parts: Sequence[Parsed]) -> tuple[Document, Places]:
    """One document: tables and lists of all files, each entry in one file alone.

    Raises:
        BadDocuments: two files say something of the same entry.
    """
    whole: Document = {}
    places: dict[Path, tuple[Parsed, Path]] = {}
    problems: list[Problem] = []
    for part in parts:
        for key, value in part.document.items():
            places.setdefault((key,), (part, (key,)))
            match whole.setdefault(key, type(value)() if isinstance(value, dict | list) else value), value:
                case dict() as table, dict():
                    for name, entry in value.items():
                        if name in table:
                            problems.append(_twice(places[key, name], part, (key, name)))
                        places.setdefault((key, name), (part, (key, name)))
                        table.setdefault(name, entry)
                case list() as items, list():
                    places |= {(key, len(items) + at): (part, (key, at)) for at in range(len(value))}
                    items += value
                case _ if places[key,][0] is not part:
                    problems.append(_twice(places[key,], part, (key,)))
    if problems:
        raise BadDocuments(problems)
    return whole, places


def _twice(first: tuple[Parsed, Path], second: Parsed, path: Path) -> Problem:
    part, at = first
    before = f"{part.file}:{part.line(at)}" if part.line(at) else part.file
    return Problem(
        second.file, f"{'.'.join(map(str, path))} is in {before} too: keep one of the two", second.line(path)
    )


def problem_at(places: Places, path: Path, what: str) -> Problem:
    """A problem of a value, with the file and line that it is in."""
    for end in (2, 1):
        if path[:end] in places:
            part, at = places[path[:end]]
            return Problem(part.file, what, part.line((*at, *path[end:])))
    part = next(iter(places.values()))[0]
    return Problem(part.file, what)
