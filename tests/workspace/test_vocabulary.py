"""Names and texts use the words of the glossary; replaced words do not return."""

from __future__ import annotations

import ast
import re
import subprocess
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

RIDDLES = (
    "whoever whomever whichever wherever nobody somebody nought dear dearer dearest told hear hears heard hearing deaf "
    "wonders patience anew lest seldom unhappy"
)
"""Words that a reader must guess or look up. Name the client, the service or the number; write "again" for "anew"."""

METAPHORS = (
    "bury buried confinement crew dress duties duty founded founding gathering happened mistrust nursery offering "
    "presenting purse roster standing story telling wish worn census survey"
)
"""Parts of names that a word of the glossary replaces."""

MODULES = (
    "asking facts figures findings fitting journal leaves lines lives places placing questions recent stand tally "
    "template turns work"
)
"""Names of modules that were replaced."""

ALLOWED = {
    "contracts/CHANGELOG.md": "its entries are a record",
    "CHANGELOG.md": "its entries are a record",
    "docs/glossary.md": "lists the words that were replaced",
    "tests/workspace/test_vocabulary.py": "lists the words that may not be used",
}

ALLOWED_NAMES = {"patience_seconds": "a setting that version 0.1 published"}

_PROSE = re.compile(rf"(?<!begin-)\b({'|'.join(RIDDLES.split())})\b", re.IGNORECASE)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NAMES = {*RIDDLES.split(), *METAPHORS.split()} - {"anew"}  # part of the option `--begin-anew`


@cache
def files(suffix: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", f"*{suffix}"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [it for it in listed.stdout.splitlines() if it not in ALLOWED and (ROOT / it).exists()]


def with_any(words: Iterable[str]) -> Iterator[str]:
    """The modules with one of the words, also as a part of another: to parse them all takes seconds."""
    for it in files(".py"):
        text = f"{it}\n{(ROOT / it).read_text()}".lower()
        if any(word in text for word in words):
            yield it


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Comments and texts of a module: docstrings, errors, help. A text without a space is a name or a code."""
    with path.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and " " in token.string):
                yield token.start[0], token.string


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Names that a module gives: to modules, classes, functions, arguments and variables."""
    yield 1, path.stem
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name


def test_documents_use_plain_words() -> None:
    lines = ((it, number, line) for it in files(".md") for number, line in enumerate((ROOT / it).open(), 1))
    assert [f"{path}:{number}: {line.strip()}" for path, number, line in lines if _PROSE.search(line)] == []


def test_texts_in_modules_use_plain_words() -> None:
    texts = ((it, number, text) for it in with_any(RIDDLES.split()) for number, text in prose(ROOT / it))
    assert [f"{path}:{number}: {text}" for path, number, text in texts if _PROSE.search(text)] == []


def test_names_in_modules_are_plain_words() -> None:
    given = ((it, number, name) for it in with_any(_NAMES) for number, name in names(ROOT / it))
    parts = ((it, number, name, {part.lower() for part in _PARTS.findall(name)}) for it, number, name in given)
    assert [
        f"{path}:{number}: {name}"
        for path, number, name, words in parts
        if words & _NAMES and name not in ALLOWED_NAMES
    ] == []


def test_modules_have_plain_names() -> None:
    assert [it for it in files(".py") if Path(it).stem in MODULES.split() and "/src/" in it] == []
