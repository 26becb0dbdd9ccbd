"""Output for people and programs: tables, colours only on a terminal, JSON on request."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from textwrap import wrap

from queuebit.text import visible, visible_json
from queuebit_cli.tables import Row, fitted, table, wrapped

__all__ = ["Output", "on_lines", "shortened"]

_STYLES = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}
_STYLE_OF = {
    "create": "good", "remove": "bad", "change": "warn",
    "completed": "good", "ready": "good", "yes": "good", "up": "good", "ok": "good", "verified": "good",
    "failed": "bad", "rejected": "bad", "no": "bad", "down": "bad", "wrong": "bad", "firing": "bad",
    "quiet": "good", "cancelled": "warn", "expired": "warn",
    "starting": "warn", "stopping": "warn", "attention": "warn",
}  # fmt: skip
"""Styles of cells by their text, in any column."""


_STYLED = re.compile(rf"(\033\[(?:0|{'|'.join(_STYLES.values())})m)")
"""The styles of `paint`, the only control sequences that are printed."""


def shortened(text: str, most: int) -> str:
    """The text on one line, shortened to a maximum length."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def on_lines(text: str) -> str:
    """An error for people: on a terminal, its lines are wrapped between words; elsewhere they are as they are."""
    if not sys.stderr.isatty():
        return text
    room = shutil.get_terminal_size().columns
    return "\n".join(part for line in text.split("\n") for part in _hanging(line, room))


def _hanging(line: str, room: int) -> list[str]:
    """A line wrapped to a width; what follows the first one begins below the text of a list item."""
    if len(line) <= room:
        return [line]
    indent = " " * (len(line) - len(line.lstrip(" -")))
    return wrap(line, room, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


class Output:
    """The output of a command."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    @property
    def room(self) -> int | None:
        """The width of the terminal; None without a terminal: lines are not limited."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def say(self, text: str = "") -> None:
        """Print a line for people."""
        if not self.as_json:
            print(self._harmless(text), flush=True)

    def paragraph(self, text: str, indent: str = "") -> None:
        """Print a sentence for people, wrapped to the terminal."""
        for line in wrapped(visible(text), self.room, indent):
            self.say(line)

    def aside(self, text: str) -> None:
        """Print a remark to standard error, on a terminal only."""
        if not self.as_json and sys.stderr.isatty():
            print(visible(text), file=sys.stderr, flush=True)

    def stream(self, lines: Iterable[str]) -> None:
        """Print any number of lines as they arrive."""
        try:
            for line in lines:
                print(self._harmless(line))
        finally:  # a closed pipe must raise here
            sys.stdout.flush()

    def document(self, value: object) -> None:
        """Print one JSON document on one line."""
        if self.as_json:
            print(visible_json(json.dumps(value, default=str, ensure_ascii=False)), flush=True)

    def rows(
        self, rows: Sequence[Row], *, none: str = "nothing", shown: Callable[[Sequence[Row]], Sequence[Row]] = list
    ) -> None:
        """Print the rows as a table, converted by `shown`, or unchanged as one JSON array."""
        self.document(list(rows))
        if not rows:
            self.say(none)
        elif not self.as_json:
            self.table(shown(rows), fit=shown is not list)

    def table(self, rows: Sequence[Row], columns: Sequence[str] = (), *, fit: bool = False) -> None:
        """Print a table for people, as `lines` draws it."""
        for line in () if self.as_json else self.lines(rows, columns, fit=fit):
            self.say(line)

    def lines(self, rows: Sequence[Row], columns: Sequence[str] = (), *, fit: bool = False) -> list[str]:
        """The lines of a table, aligned and coloured; with `fit`, no wider than the terminal."""
        drawn = fitted(table(rows, columns), self.room if fit else None)
        lines = []
        for number, (row, under) in enumerate(zip(drawn.rows, drawn.under, strict=True)):
            styles = ["bold" if number == 0 else _STYLE_OF.get(cell[0], "") for cell in row]
            for line in zip_longest(*row, fillvalue=""):
                padded = [
                    cell.rjust(width) if right else cell.ljust(width)
                    for cell, width, right in zip(line, drawn.widths, drawn.right, strict=True)
                ]
                styled = (self.paint(cell, style) for cell, style in zip(padded, styles, strict=True))
                lines.append("  ".join(styled).rstrip())
            lines += under
        return lines

    def paint(self, text: str, style: str) -> str:
        """The text in a style, if colours are on."""
        return f"\033[{_STYLES[style]}m{text}\033[0m" if self.colour and style else text

    def _harmless(self, text: str) -> str:
        """Escape control characters, except our own styles.

        All output passes here: labels, reasons and names of files come from other users.
        """
        if not self.colour:
            return visible(text)
        return "".join(part if number % 2 else visible(part) for number, part in enumerate(_STYLED.split(text)))
