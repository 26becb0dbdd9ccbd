"""Reads the documents of a folder: one file of each kind, or several that are put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from queuebit_gitops.errors import BadDocuments, Path, Problem
from queuebit_gitops.kinds import KINDS, Kind
from queuebit_gitops.parsed import MAX_BYTES, Document, Parsed
from queuebit_gitops.toml_text import parse_toml
from queuebit_gitops.yaml_text import parse_yaml

__all__ = ["Source", "Wanted", "normal", "parse", "read"]


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read."""

    kind: str
    name: str
    """For people, such as `config/tenants.toml`."""
    text: str

    @property
    def is_toml(self) -> bool:
        """Whether it is TOML; all others are YAML."""
        return self.name.endswith(".toml")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document that is to be in force."""

    document: Document
    """With each default written out."""
    text: str | None = None
    """As it was written, with comments, if it is one TOML file."""


def read(sources: Iterable[Source]) -> dict[str, Wanted]:
    """The documents of these files, by kind.

    Raises:
        BadDocuments: files break their rules; all problems of all files.
    """
    by_kind: dict[str, list[Source]] = {}
    for source in sources:
        by_kind.setdefault(source.kind, []).append(source)
    found: dict[str, Wanted] = {}
    problems: list[Problem] = []
    for name, kind in KINDS.items():
        if name in by_kind:
            try:
                found[name] = _wanted(kind, by_kind[name])
            except BadDocuments as error:
                problems += error.problems
    if problems:
        raise BadDocuments(problems)
    return found


def parse(source: Source) -> Parsed:
    """Read one file.

    Raises:
        BadDocuments: it is too large, or is not what its name says.
    """
    if (size := len(source.text.encode())) > MAX_BYTES:
        what = f"has {size:,} bytes, and a file at most {MAX_BYTES:,}: divide it into files of a folder {source.kind}/"
        raise BadDocuments([Problem(source.name, what)])
    if not source.text.strip():  # what an editor or a full disk cut off
        raise BadDocuments([Problem(source.name, "is empty: delete it, or write what is to be in force")])
    return (parse_toml if source.is_toml else parse_yaml)(source.text, source.name)


def normal(kind: Kind, parts: Sequence[Parsed]) -> Document:
    """The document of a kind that these files are, with each default written out.

    Raises:
        BadDocuments: it breaks the rules of its kind.
    """
    document, places = _together(parts)
    try:
        found = kind.normal(document)
    except ValidationError as error:
        raise BadDocuments([_problem(places, path, what) for path, what in kind.explain(error, document)]) from error
    if wrong := kind.check(found):
        raise BadDocuments([_problem(places, path, what) for path, what in wrong])
    return found


def _wanted(kind: Kind, sources: Sequence[Source]) -> Wanted:
    parts: list[Parsed] = []
    problems: list[Problem] = []
    for source in sources:
        try:
            parts.append(parse(source))
        except BadDocuments as error:
            problems += error.problems
    if problems:
        raise BadDocuments(problems)
    text = sources[0].text if len(sources) == 1 and sources[0].is_toml else None
    return Wanted(normal(kind, parts), text)


_Places = Mapping[Path, tuple[Parsed, Path]]
"""Of entries at the top of a document: the file that they are in, and their path there."""


def _together(parts: Sequence[Parsed]) -> tuple[Document, _Places]:
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


def _problem(places: _Places, path: Path, what: str) -> Problem:
    for end in (2, 1):
        if path[:end] in places:
            part, at = places[path[:end]]
            return Problem(part.file, what, part.line((*at, *path[end:])))
    part = next(iter(places.values()))[0]
    return Problem(part.file, what)
