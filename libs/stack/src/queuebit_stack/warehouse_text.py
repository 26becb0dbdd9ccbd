"""Reads answers in ClickHouse's text format with names and types, row by row, as they arrive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from queuebit.text import visible

__all__ = ["TEXT", "TextTable", "lines_of", "text_table"]

TEXT = "TabSeparatedWithNamesAndTypes"
"""The name of the format, for a request."""
_NUMBER = re.compile(r"(?:Nullable\(|LowCardinality\()*(?:U?Int\d|B?Float|Decimal)")
_PLAIN = re.compile(r"(?:Nullable\(|LowCardinality\()*(?:String|FixedString|Enum)")
"""Types whose values are escaped twice."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """An answer; its rows are read as they are taken."""

    names: list[str]
    numbers: list[bool]
    """Which columns are numbers."""
    rows: Iterator[list[str]]
    """Values as ClickHouse writes them; line feeds and tabs stay escaped, so that a row is one line."""


def text_table(lines: Iterator[str]) -> TextTable:
    """The table in the lines of an answer."""
    names, types = ([*line.split("\t")] for line in islice(lines, 2))
    plain = [_PLAIN.match(it) is not None for it in types]
    rows = (list(map(_value, line.split("\t"), plain)) for line in lines)
    return TextTable(names, [_NUMBER.match(it) is not None for it in types], rows)


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a body."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def _value(text: str, plain: bool) -> str:
    if text == r"\N":
        return "NULL"
    return visible(text.replace(r"\'", "'").replace(r"\\", "\\") if plain and "\\" in text else text)
