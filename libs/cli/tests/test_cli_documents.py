"""Documents cannot rot: every `qb …` that they name is a command, with options that it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit_cli.parser import build

ROOT = Path(__file__).parents[3]
PATTERNS = ("README.md", "docs/**/*.md", "libs/*/README.md", "services/*/README.md", "examples/**/*.md")
_SPAN = re.compile(r"`(qb [^`]+)`")
_LINE = re.compile(r"^\s*(?:\$ )?(qb .+)$")
_INTO_FILE = re.compile(r"\s>\s[\w./-]+(\s+#.*)?$")
_PARSER = build()


def _named() -> Iterator[tuple[str, str]]:
    """Every command in backticks or in a block of code, with its place."""
    for path in sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern)):
        block = False
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            block ^= line.startswith("```")
            found = _LINE.findall(line) if block else _SPAN.findall(line)
            yield from ((f"{path.relative_to(ROOT)}:{number}", it) for it in found)


NAMED = sorted(set(_named()))


def test_documents_name_many_commands() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize(("place", "text"), NAMED, ids=[f"{place} {text}" for place, text in NAMED])
def test_every_command_that_is_named_is_one(place: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in re.split(r"\s&&\s|\s\|\s", _INTO_FILE.sub("", text)):
        program, *words = shlex.split(command, comments=True)
        if program == "qb":
            wrong = _wrong([word for word in words if word != "…"], capsys)
            assert not wrong, f"{place}: {text}\n{wrong}"


def _wrong(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the grammar does not know; a command that is only named may lack its arguments."""
    try:
        _, unknown = _PARSER.parse_known_args(words)
    except SystemExit:
        output = capsys.readouterr().err
        return output if "invalid" in output or "not allowed" in output else ""
    return " ".join(unknown)


def test_what_is_no_command_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "invalid choice" in _wrong(["tenants", "list"], capsys)
    assert _wrong(["status", "--verbose"], capsys) == "--verbose"
