"""What people and programs read: tables, colours only on a terminal, JSON on demand."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence

__all__ = ["Output", "fitting", "harmless", "shortened", "table"]

Row = Mapping[str, object]

_STYLES = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}
_MOODS = {
    "completed": "good", "ready": "good", "yes": "good", "up": "good", "ok": "good", "verified": "good",
    "failed": "bad", "rejected": "bad", "no": "bad", "down": "bad", "wrong": "bad",
    "cancelled": "warn", "starting": "warn", "stopping": "warn", "attention": "warn",
}  # fmt: skip
"""Cells that mean something good or bad, whatever their column."""


_SPARE = ("shots", "depth", "2q gates", "readout", "2q error", "took", "label")
"""Columns that a narrow terminal does without, in this order."""
_LONG = 500
_LEAST = 10
"""Columns that a cell keeps, however narrow the terminal."""

_CONTROL = re.compile(r"(?![\t\n]|\x1b\[[0-9]{1,2}m)[\x00-\x1f\x7f-\x9f]")
"""Control characters, but tabs, line feeds and what begins a style."""


def harmless(text: str) -> str:
    """The text without what could steer a terminal: labels, reasons and sources are written by whoever submits."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def table(rows: Sequence[Row], columns: Sequence[str] = ()) -> list[list[str]]:
    """Cells of a table with its head, in order of `columns` or of appearance; empty columns are left out."""
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    shown = [name for name in names if any(row.get(name) not in (None, "", []) for row in rows)]
    return [shown, *([_text(row.get(name)) for name in shown] for row in rows)]


def fitting(cells: list[list[str]], room: int) -> list[list[str]]:
    """The table for a terminal of so many columns: without what is least missed, then with its widest columns cut."""
    for name in _SPARE:
        if _excess(cells, room) > 0 and name in cells[0]:
            spare = cells[0].index(name)
            cells = [[*line[:spare], *line[spare + 1 :]] for line in cells]
    while (excess := _excess(cells, room)) > 0 and max(widths := _widths(cells)) > _LEAST:
        widest = widths.index(max(widths))
        left = max(widths[widest] - excess, _LEAST)
        cells = [[shortened(cell, left) if at == widest else cell for at, cell in enumerate(line)] for line in cells]
    return cells


def shortened(text: str, most: int) -> str:
    """The text on one line of so many characters at most."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _excess(cells: list[list[str]], room: int) -> int:
    widths = _widths(cells)
    return sum(widths) + 2 * (len(widths) - 1) - room


def _widths(cells: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*cells, strict=True)]


class Output:
    """Where a command writes."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    @property
    def columns(self) -> int:
        """How long a line may be: as the terminal is wide; elsewhere, as long as anybody reads."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else _LONG

    def say(self, text: str = "") -> None:
        """Print a line for people."""
        if not self.as_json:
            print(harmless(text), flush=True)

    def document(self, value: object) -> None:
        """Print one JSON document on a line."""
        if self.as_json:
            print(json.dumps(value, default=str, ensure_ascii=False), flush=True)

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
        cells = table(rows, columns)
        if fit and sys.stdout.isatty():
            cells = fitting(cells, self.columns)
        widths = _widths(cells)
        numeric = [all(_is_number(cell) for cell in column[1:]) for column in zip(*cells, strict=True)]
        lines = []
        for number, line in enumerate(cells):
            padded = [
                (cell.rjust(width) if right else cell.ljust(width))
                for cell, width, right in zip(line, widths, numeric, strict=True)
            ]
            styles = ["bold"] * len(line) if number == 0 else [_MOODS.get(cell, "") for cell in line]
            lines.append(
                "  ".join(self.paint(cell, style) for cell, style in zip(padded, styles, strict=True)).rstrip()
            )
        return lines

    def paint(self, text: str, style: str) -> str:
        """The text in a style, on a terminal."""
        return f"\033[{_STYLES[style]}m{text}\033[0m" if self.colour and style else text


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case {"amount": amount, "currency": currency}:
            return f"{amount} {currency}"
        case dict():
            return " ".join(f"{name}:{_text(item)}" for name, item in value.items())
        case list() | tuple():
            return "; ".join(_text(item) for item in value)
        case _:
            return " ".join(str(value).split())


def _is_number(cell: str) -> bool:
    return not cell or cell.replace(".", "", 1).replace(",", "").replace("%", "").lstrip("-").isdigit()
