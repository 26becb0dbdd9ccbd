"""What people and programs read: tables, colours only on a terminal, JSON on demand."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

from queuebit.text import visible, visible_json
from queuebit_cli.tables import Row, fitted, table, wrapped

__all__ = ["Output", "shortened"]

_STYLES = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}
_MOODS = {
    "completed": "good", "ready": "good", "yes": "good", "up": "good", "ok": "good", "verified": "good",
    "failed": "bad", "rejected": "bad", "no": "bad", "down": "bad", "wrong": "bad",
    "cancelled": "warn", "starting": "warn", "stopping": "warn", "attention": "warn",
}  # fmt: skip
"""Cells that mean something good or bad, whatever their column."""


_STYLED = re.compile(rf"(\033\[(?:0|{'|'.join(_STYLES.values())})m)")
"""The styles of `paint`, which alone may reach a terminal."""


def shortened(text: str, most: int) -> str:
    """The text on one line of so many characters at most."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Output:
    """Where a command writes."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    @property
    def room(self) -> int | None:
        """How long a line may be: as the terminal is wide; elsewhere, as long as it is."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def say(self, text: str = "") -> None:
        """Print a line for people."""
        if not self.as_json:
            print(self._harmless(text), flush=True)

    def paragraph(self, text: str, indent: str = "") -> None:
        """Print a sentence for people, broken between words where the terminal ends."""
        for line in wrapped(visible(text), self.room, indent):
            self.say(line)

    def aside(self, text: str) -> None:
        """Tell the person at a terminal what is no part of the answer."""
        if not self.as_json and sys.stderr.isatty():
            print(visible(text), file=sys.stderr, flush=True)

    def stream(self, lines: Iterable[str]) -> None:
        """Print lines of which there may be very many, as they come."""
        try:
            for line in lines:
                print(self._harmless(line))
        finally:  # here, where a reader that is gone can still be told
            sys.stdout.flush()

    def document(self, value: object) -> None:
        """Print one JSON document on a line."""
        if self.as_json:
            print(visible_json(json.dumps(value, default=str, ensure_ascii=False)), flush=True)

    def rows(
        self, rows: Sequence[Row], *, none: str = "nothing", shown: Callable[[Sequence[Row]], Sequence[Row]] = list
    ) -> None:
        """Print a table of the rows as `shown` makes them for people, or one JSON array of the rows as they are."""
        self.document(list(rows))
        if not rows:
            self.say(none)
        elif not self.as_json:
            for line in self.lines(shown(rows), fit=shown is not list):
                self.say(line)

    def lines(self, rows: Sequence[Row], columns: Sequence[str] = (), *, fit: bool = False) -> list[str]:
        """The lines of a table, aligned and coloured; with `fit`, no wider than the terminal."""
        drawn = fitted(table(rows, columns), self.room if fit else None)
        lines = []
        for number, (row, under) in enumerate(zip(drawn.rows, drawn.under, strict=True)):
            styles = ["bold" if number == 0 else _MOODS.get(cell[0], "") for cell in row]
            for line in zip_longest(*row, fillvalue=""):
                padded = [
                    cell.rjust(width) if right else cell.ljust(width)
                    for cell, width, right in zip(line, drawn.widths, drawn.right, strict=True)
                ]
                told = (self.paint(cell, style) for cell, style in zip(padded, styles, strict=True))
                lines.append("  ".join(told).rstrip())
            lines += under
        return lines

    def paint(self, text: str, style: str) -> str:
        """The text in a style, on a terminal."""
        return f"\033[{_STYLES[style]}m{text}\033[0m" if self.colour and style else text

    def _harmless(self, text: str) -> str:
        """The text without what could steer a terminal, but with our own styles.

        All output passes here: labels, reasons and names of files are written by other people.
        """
        if not self.colour:
            return visible(text)
        return "".join(part if number % 2 else visible(part) for number, part in enumerate(_STYLED.split(text)))
