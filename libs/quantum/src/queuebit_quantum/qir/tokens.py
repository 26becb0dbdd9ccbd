"""Splits LLVM assembly into tokens; takes linear time on any input."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

from queuebit_quantum.errors import CircuitError

__all__ = ["END", "Text", "Token"]

_NAME = r"(?:\"[^\"\n]*+\"|[-\w$.]++)"
_TOKEN = re.compile(
    rf"(?P<label>(?<![-\w$.]){_NAME}:)"  # from the start of a run of letters: trying each would take quadratic time
    r"|(?P<string>c?\"[^\"\n]*+\")"
    rf"|(?P<global>@{_NAME})"
    rf"|(?P<local>%{_NAME})"
    r"|(?P<group>\#\d+)"
    rf"|(?P<metadata>!{_NAME}?)"
    r"|(?P<number>[-+]?(?:0x[KLMHR]?[0-9A-Fa-f]++|\d++(?:\.\d*+)?(?:[eE][-+]?\d++)?))"
    r"|(?P<word>[A-Za-z_$.][-\w$.]*+)"
    r"|(?P<symbol>\.\.\.|[^\s\w;])"
    r"|;[^\n]*+",
    re.ASCII,
)


class Token(NamedTuple):
    """A piece of the text."""

    kind: str
    """`label`, `string`, `global`, `local`, `group`, `metadata`, `number`, `word`, `symbol`, or empty at the end."""
    text: str
    offset: int
    first: bool
    """Whether it is the first of its line."""

    @property
    def name(self) -> str:
        """The text without its sign, its colon and its quotation marks."""
        return self.text.lstrip("@%!").rstrip(":").strip('"')


END = Token("", "", 0, True)
"""Stands for the end of the text."""


class Text:
    """LLVM assembly as tokens without comments."""

    def __init__(self, text: str, note: str = "") -> None:
        """Split the text.

        Args:
            text: LLVM assembly.
            note: precedes each error, to say which text the lines are of.
        """
        self._text = text
        self._note = note
        self.tokens: list[Token] = []
        end = 0
        for match in _TOKEN.finditer(text):
            if kind := match.lastgroup:
                first = not self.tokens or "\n" in text[end : match.start()]
                self.tokens.append(Token(kind, match.group(), match.start(), first))
                end = match.end()
        self.tokens.append(END._replace(offset=len(text)))

    def error(self, at: Token, message: str, expected: str = "", code: str = "unsupported") -> CircuitError:
        """Build an error with the position of a token."""
        line = bisect_right(self._starts, at.offset)
        column = at.offset - self._starts[line - 1] + 1
        return CircuitError(f"{self._note}{message}", line, column, expected, code)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self._text))]
