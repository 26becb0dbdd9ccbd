"""Reads OpenSLO documents: which objectives they are, or everything that is wrong with them, with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cache

import yaml
from pydantic import ValidationError

from queuebit_contracts.openslo import Objectives, shipped_files
from queuebit_documents.advice import advice
from queuebit_documents.errors import BadDocuments, Path, Problem
from queuebit_documents.merging import Places, problem_at, together
from queuebit_documents.parsed import MAX_BYTES, Document, Parsed
from queuebit_documents.yaml_text import parse_yaml_all
from queuebit_kernel import digest_of
from queuebit_slo.compiling import compiled
from queuebit_slo.model import Objective

__all__ = [
    "KINDS",
    "by_kind",
    "digest",
    "faults",
    "objectives_of",
    "parse",
    "parse_all",
    "shipped",
    "shipped_document",
    "to_yaml",
]

KINDS = tuple(str(it.alias) for it in Objectives.model_fields.values())
"""The kinds of OpenSLO v1."""


def parse(text: str, file: str) -> tuple[Objective, ...]:
    """The objectives of one file, in its order.

    Raises:
        BadDocuments: the file breaks a rule; lists all problems with file, line and what was expected.
    """
    return parse_all([(file, text)])


def parse_all(files: Iterable[tuple[str, str]]) -> tuple[Objective, ...]:
    """The objectives of several files, given as name and text, in their order.

    Raises:
        BadDocuments: a file breaks a rule; lists all problems of all files.
    """
    parts: list[Parsed] = []
    problems: list[Problem] = []
    for name, text in files:
        try:
            parts.append(by_kind(text, name))
        except BadDocuments as error:
            problems += error.problems
    if problems:
        raise BadDocuments(problems)
    document, places = together(parts)
    return _objectives(document, places)


def shipped_document() -> Document:
    """The documents of the objectives of this version, as tables by kind and name."""
    return together([by_kind(text, name) for name, text in shipped_files()])[0]


@cache
def shipped() -> tuple[Objective, ...]:
    """The objectives of this version, which a stack without objectives of its own has."""
    return parse_all(shipped_files())


def by_kind(text: str, file: str) -> Parsed:
    """The documents of a file as tables by kind and name, with the lines of their values.

    Raises:
        BadDocuments: it is too large or not YAML, or a document has no kind and name, or is there twice.
    """
    if len(text.encode()) > MAX_BYTES:
        raise BadDocuments([Problem(file, f"has more than {MAX_BYTES:,} bytes: divide it into several files")])
    whole: Document = {}
    lines: dict[Path, int] = {}
    problems: list[Problem] = []
    for part in parse_yaml_all(text, file):
        start = part.lines[()]
        found = _address(part.document)
        if isinstance(found, str):
            problems.append(Problem(file, found, part.line(("kind",)) or start))
            continue
        table = whole.setdefault(found[0], {})
        if found[1] in table:
            what = f"{found[0]} {found[1]} is in {file}:{lines[found]} too: keep one of the two"
            problems.append(Problem(file, what, start))
            continue
        table[found[1]] = part.document
        lines |= {(found[0],): start, **{(*found, *path): line for path, line in part.lines.items()}}
    if problems:
        raise BadDocuments(problems)
    return Parsed(file, whole, lines)


def _address(document: Document) -> tuple[str, str] | str:
    """Kind and name of a document, or what is wrong with them."""
    kind, metadata = document.get("kind"), document.get("metadata")
    if not isinstance(kind, str) or kind not in KINDS:
        near = get_close_matches(str(kind), KINDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(KINDS)}"
        return f"kind {kind} is none of OpenSLO: {hint}"
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str):
        return f"a document of kind {kind} has no metadata.name: add it"
    return kind, name


def faults(document: Document) -> Sequence[tuple[Path, str]]:
    """What is wrong with valid documents taken together: the place in them, and what to do."""
    return compiled(Objectives.model_validate(document)).faults


def objectives_of(document: Document) -> tuple[Objective, ...]:
    """The objectives of documents that were checked before.

    Raises:
        BadDocuments: they break a rule after all.
    """
    return _objectives(document, {})


def _objectives(document: Document, places: Places) -> tuple[Objective, ...]:
    try:
        found = compiled(Objectives.model_validate(document))
    except ValidationError as error:
        wrong: Sequence[tuple[Path, str]] = advice(Objectives, error)
    else:
        if not found.faults:
            return found.objectives
        wrong = found.faults
    raise BadDocuments(
        [problem_at(places, path, what) if places else Problem("objectives", what) for path, what in wrong]
    )


def to_yaml(document: Document) -> str:
    """The documents of tables by kind and name as one file, which `by_kind` reads as the same tables."""
    found = [it for kind in KINDS for it in document.get(kind, {}).values()]
    return yaml.safe_dump_all(found, sort_keys=False, allow_unicode=True, width=120) if found else "# nothing\n"


def digest(objectives: Iterable[Objective]) -> str:
    """The digest of objectives, to see whether two parts of a stack have the same."""
    return digest_of(sorted(map(repr, objectives)))
