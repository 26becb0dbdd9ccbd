"""The part of ClickHouse's grammar that separates a statement from its data. Pure functions.

Text that the engine executes must never count as quoted or commented out here. Therefore characters with special rules
in the engine's lexer, dollar signs and typographic quotes, are refused outside plain quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from queuebit_warehouse.errors import DatabaseError

__all__ = [
    "Insert",
    "Select",
    "Token",
    "assignments",
    "first_word",
    "insert_with_data",
    "literal",
    "name",
    "select",
    "tokens",
]

_TOKEN = re.compile(
    rb"""(?P<blank>\s+|--[^\n]*|\#[!\ ][^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`)
    |(?P<word>[A-Za-z0-9_]+)
    |(?P<open>[(\[{])
    |(?P<close>[)\]}])
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_DATA_GAP = re.compile(rb"[ \t\f]*\r?\n?")
_AMBIGUOUS = re.compile(rb"[$\x00\x80-\xff]")


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    @property
    def word(self) -> str:
        """The keyword in capitals; empty if the token is not a plain word."""
        return self.text.decode().upper() if self.kind == "word" else ""

    @property
    def is_quoted_name(self) -> bool:
        return self.text.startswith((b"`", b'"')) and self.kind == "quoted"

    @property
    def name(self) -> str:
        """The name in a word or in quotes, with its escape sequences; empty for other tokens."""
        if self.is_quoted_name:
            return self.text[1:-1].decode(errors="replace")
        return self.text.decode() if self.kind == "word" else ""


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT followed by its rows, split where FROM INFILE can be added; the rows start at `data_at`."""

    head: bytes
    settings: bytes
    format: str
    data_at: int

    def reading(self, path: str) -> bytes:
        """Return the statement with its rows read from `path`."""
        infile = f"\nFROM INFILE {literal(path)} COMPRESSION 'none' ".encode()
        return self.head + infile + self.settings + f"\nFORMAT {self.format}".encode()


@dataclass(frozen=True, slots=True)
class Select:
    """A statement with a result, split where INTO OUTFILE can be added."""

    head: bytes
    format: str | None
    tail: bytes

    def into(self, path: str, default_format: str) -> bytes:
        """Return the statement with its result written to `path`."""
        outfile = f"\nINTO OUTFILE {literal(path)} TRUNCATE COMPRESSION 'none' FORMAT {self.format or default_format} "
        return self.head + outfile.encode() + self.tail


def literal(value: str) -> str:
    """Quote a string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def name(value: str) -> str:
    """Quote an identifier."""
    return "`" + value.replace("\\", "\\\\").replace("`", "\\`") + "`"


def first_word(text: bytes) -> str:
    """Return the first keyword of a statement; skips brackets and comments."""
    return next((token.word for token in tokens(text) if token.kind != "open"), "")


def insert_with_data(text: bytes) -> Insert | None:
    """Find the rows in an INSERT; `None` if it is not an INSERT or takes its rows from a query.

    Reads no further than the first byte of the rows, which may be binary.
    """
    left = tokens(text)
    before = next(left, None)
    if before is None or before.word != "INSERT":
        return None
    settings_at = format_at = -1

    def cut(end: int, format_name: str, data_at: int) -> Insert:
        head_end = end if settings_at < 0 else settings_at
        return Insert(text[:head_end], text[head_end:end], format_name, data_at)

    for token in left:
        if format_at >= 0:
            return cut(format_at, token.text.decode(), _data_start(text, token.end))
        word = "" if before.word in {"INTO", "TABLE"} or before.text == b"." else token.word
        if word in {"SELECT", "WITH"} and (token.depth == 0 or before.text == b"("):
            return None
        if token.text == b";":
            return None
        if word == "VALUES" and token.depth == 0:
            return cut(token.start, "Values", token.end)
        if word == "FORMAT" and token.depth == 0:
            format_at = token.start
        if word == "SETTINGS" and token.depth == 0:
            settings_at = token.start
        before = token
    return None


def select(text: bytes) -> Select:
    """Split a statement with a result before its trailing FORMAT and SETTINGS."""
    found = list(tokens(text))
    while found and found[-1].text == b";":
        found.pop()
    end = found[-1].end if found else 0
    for index in range(len(found) - 1, 0, -1):
        before, token = found[index - 1], found[index]
        last = index + 1 == len(found)
        if (
            before.word == "FORMAT"
            and token.word
            and token.depth == 0
            and (last or found[index + 1].word == "SETTINGS")
        ):
            return Select(text[: before.start], token.text.decode(), text[token.end : end])
    return Select(text[:end], None, b"")


def assignments(text: bytes) -> dict[str, str]:
    """Return the names and literals of `SET a = 1, b = 'x'`; the value DEFAULT is returned as `DEFAULT`."""
    found: dict[str, str] = {}
    parts: list[list[Token]] = [[]]
    for token in list(tokens(text))[1:]:
        if token.text == b"," and token.depth == 0:
            parts.append([])
        elif token.text != b";":
            parts[-1].append(token)
    for part in parts:
        if len(part) >= 3 and part[1].text == b"=":
            found[part[0].text.decode().strip('`"')] = text[part[2].start : part[-1].end].decode()
    return found


def _data_start(text: bytes, after_format: int) -> int:
    gap = _DATA_GAP.match(text, after_format)
    return gap.end() if gap else after_format


def tokens(text: bytes) -> Iterator[Token]:
    """Split a statement into words, quoted text and other characters.

    Raises:
        DatabaseError: a character outside quotes that the engine may read as a quote.
    """
    depth = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "mark"
        if kind == "close":
            depth = max(0, depth - 1)
        if kind == "mark" and _AMBIGUOUS.match(found[0]):
            raise DatabaseError(
                62, "Syntax error: `$` and non-ASCII characters are allowed only inside plain quotes", "SYNTAX_ERROR"
            )
        if kind != "blank":
            yield Token(kind, found[0], found.start(), found.end(), depth)
        if kind == "open":
            depth += 1
