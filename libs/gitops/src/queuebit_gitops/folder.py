"""Finds and reads the files of a folder of documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from queuebit_documents.errors import BadDocuments, Problem
from queuebit_documents.parsed import MAX_BYTES
from queuebit_gitops.documents import Source
from queuebit_gitops.kinds import KINDS

__all__ = ["SUFFIXES", "sources_in", "sources_of"]

SUFFIXES = (".toml", ".yaml", ".yml")
_MOST_FILES = 1000


def sources_in(place: Path) -> list[Source]:
    """The files of a folder, or a single file: of each kind `NAME.toml`, `NAME.yaml`, `NAME.yml` or all of `NAME/`.

    Other files, such as a README, are no documents. Names that begin with a dot are ignored.

    Raises:
        BadDocuments: a file cannot be read or has the name of no kind, or there is none.
    """
    return _read(place, _files)


def sources_of(kind: str, place: Path) -> list[Source]:
    """The files of a folder, or a single file, that are all documents of one kind, whatever their names.

    Raises:
        BadDocuments: a file cannot be read, or there is none.
    """
    return _read(place, lambda it: ((kind, path) for path in ([it] if it.is_file() else _inside(it))))


def _read(place: Path, files: Callable[[Path], Iterable[tuple[str, Path]]]) -> list[Source]:
    if not place.exists():
        raise BadDocuments([Problem(str(place), "does not exist: give the folder of your documents")])
    found: list[Source] = []
    problems: list[Problem] = []
    for kind, path in files(place):
        if kind not in KINDS:
            near = get_close_matches(kind, list(KINDS), 1)
            hint = f"did you mean {near[0]}{path.suffix}?" if near else f"there are {', '.join(KINDS)}"
            problems.append(Problem(str(path), f"is no kind of document: {hint}"))
            continue
        if not path.is_file():  # a pipe or a device may never end
            problems.append(Problem(str(path), "is no regular file: put the document there"))
            continue
        try:
            found.append(Source(kind, str(path), _text(path)))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(str(path), f"cannot be read: {error}"))
    if len(found) > _MOST_FILES:
        problems.append(Problem(str(place), f"has {len(found):,} files, and at most {_MOST_FILES:,} are read"))
    if not found and not problems:
        names = ", ".join(f"{name}.yaml" if kind.write else f"{name}.toml" for name, kind in KINDS.items())
        problems.append(Problem(str(place), f"has no documents: write one of {names}, or start with `qb export`"))
    if problems:
        raise BadDocuments(problems)
    return found


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    if place.is_file():
        yield place.stem, place
        return
    for path in sorted(place.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from ((path.name, it) for it in _inside(path))
        elif path.suffix in SUFFIXES:
            yield path.stem, path


def _inside(folder: Path) -> list[Path]:
    return sorted(it for it in folder.iterdir() if it.suffix in SUFFIXES and not it.name.startswith("."))


def _text(path: Path) -> str:
    with path.open(encoding="utf-8") as file:  # a little more than is allowed, so that the size is reported
        return file.read(MAX_BYTES + 1)
