"""Reads the documents of a folder: one file of each kind, or several that are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from queuebit_documents.errors import BadDocuments, Problem
from queuebit_documents.merging import problem_at, together
from queuebit_documents.parsed import MAX_BYTES, Document, Parsed
from queuebit_documents.toml_text import parse_toml
from queuebit_documents.yaml_text import parse_yaml
from queuebit_gitops.kinds import KINDS, Kind

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
    """As it was written, with comments, if it is one file in the form that is kept."""


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
    if (read_text := KINDS[source.kind].read) is None:
        return (parse_toml if source.is_toml else parse_yaml)(source.text, source.name)
    if source.is_toml:
        what = f"is TOML, and {source.kind} are OpenSLO documents in YAML: docs/service-levels.md shows them"
        raise BadDocuments([Problem(source.name, what)])
    return read_text(source.text, source.name)


def normal(kind: Kind, parts: Sequence[Parsed]) -> Document:
    """The document of a kind that these files are, with each default written out.

    Raises:
        BadDocuments: it breaks the rules of its kind.
    """
    document, places = together(parts)
    try:
        found = kind.normal(document)
    except ValidationError as error:
        raise BadDocuments([problem_at(places, path, what) for path, what in kind.explain(error, document)]) from error
    if wrong := kind.check(found):
        raise BadDocuments([problem_at(places, path, what) for path, what in wrong])
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
    kept = len(sources) == 1 and (sources[0].is_toml or kind.read is not None)
    text = sources[0].text if kept else None
    return Wanted(normal(kind, parts), text)
