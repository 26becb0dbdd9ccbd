"""Tables: lays out rows for a terminal; never cuts an id, a price or a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from queuebit.text import visible

__all__ = ["Fitted", "Row", "amount", "fitted", "table", "wrapped"]

Row = Mapping[str, object]

_SPARE = ("facts", "restarts", "shots", "depth", "2q gates", "readout", "2q error", "took", "at", "measured")
"""Columns left out on a narrow terminal, in this order."""
_REMARKS = ("reason", "waits", "source")
"""Columns with few and long cells: printed below their rows, unless all columns fit."""
_NAMES = ("label",)
"""Columns moved below their rows if nothing else makes room."""
_SENTENCES = ("promise", "price", "found", "fields", "before", "after")
"""Columns whose cells may wrap."""
_READABLE = 20
"""The least width of a sentence before it gets its own lines."""
_GAP = 2


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table with its layout."""

    rows: list[list[list[str]]]
    """The lines of each cell; the first row is the head."""
    widths: list[int]
    right: list[bool]
    """Which columns are numbers."""
    under: list[list[str]]
    """Lines under each row, with the cells that did not fit."""


def table(rows: Sequence[Row], columns: Sequence[str] = ()) -> list[list[str]]:
    """Cells of a table with its head, in order of `columns` or of appearance; empty columns are left out."""
    names = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    shown = [name for name in names if any(row.get(name) not in (None, "", []) for row in rows)]
    return [shown, *([_text(row.get(name)) for name in shown] for row in rows)]


def fitted(cells: list[list[str]], room: int | None = None) -> Fitted:
    """Lay out a table for a width, if limited.

    Moves remarks below their rows, and labels if the important columns do not fit beside them; leaves out the least
    important columns, wraps sentences, then moves columns that do not fit below their rows, from the right.
    Nothing is cut.
    """
    columns = [list(column) for column in zip(*cells, strict=True)]
    moved: list[list[str]] = []
    if room is not None:
        if _least(columns) > room:
            moved = [column for column in columns[1:] if column[0] in _REMARKS]
            columns = [column for column in columns if column not in moved]
        if _least([column for column in columns if column[0] not in _SPARE]) > room:
            moved = [*(column for column in columns[1:] if column[0] in _NAMES), *moved]
            columns = [columns[0], *(column for column in columns[1:] if column[0] not in _NAMES)]
        for name in _SPARE:
            if _least(columns) > room and len(columns) > 1:
                columns = [column for column in columns if column[0] != name]
        while _least(columns) > room and len(columns) > 1:
            moved.insert(0, columns.pop())
    widths = _widths(columns, room)
    rows = [
        [_cell(column, at, width) for column, width in zip(columns, widths, strict=True)] for at in range(len(cells))
    ]
    remarks = ["; ".join(f"{column[0]}: {column[at]}" for column in moved if column[at]) for at in range(1, len(cells))]
    right = [all(map(_is_number, column[1:])) for column in columns]
    return Fitted(rows, widths, right, [[], *(wrapped(text, room, "   ") for text in remarks)])


def amount(number: object, currency: object) -> str:
    """An amount of money, as `1000.00 USD`: two places at least, and every digit that there is."""
    from queuebit_kernel import Money  # help needs no decimals

    try:
        return str(Money.of(str(number), str(currency)))
    except (ArithmeticError, ValueError):
        return f"{number} {currency}"


def wrapped(text: str, room: int | None, indent: str = "") -> list[str]:
    """The text wrapped between words to a width; no lines for an empty text."""
    if room is None:
        return [indent + text] if text else []
    return wrap(
        text, room, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _widths(columns: list[list[str]], room: int | None) -> list[int]:
    """Natural widths; if they do not fit, sentences share the remaining width."""
    if room is None:
        return [_natural(column) for column in columns]
    spare = room - _least(columns)
    widths = []
    for column in columns:
        width = min(_natural(column), _narrow(column) + max(spare, 0))
        spare -= width - _narrow(column)
        widths.append(width)
    return widths


def _least(columns: list[list[str]]) -> int:
    return sum(map(_narrow, columns)) + _GAP * (len(columns) - 1)


def _natural(column: list[str]) -> int:
    return max(map(len, column))


def _narrow(column: list[str]) -> int:
    """The least width of a column."""
    if column[0] not in _SENTENCES:
        return _natural(column)
    longest = max(len(word) for cell in column for word in cell.split() or [""])
    return max(min(_natural(column), _READABLE), longest)


def _cell(column: list[str], at: int, width: int) -> list[str]:
    """The lines of one cell."""
    return wrapped(column[at], width) or [""] if column[0] in _SENTENCES else [column[at]]


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case {"amount": number, "currency": currency}:
            return amount(number, currency)
        case dict():
            return " ".join(f"{name}:{_text(item)}" for name, item in value.items())
        case list() | tuple():
            return ", ".join(_text(item) for item in value)
        case _:
            return visible(" ".join(str(value).split()))


def _is_number(cell: str) -> bool:
    return not cell or cell.replace(".", "", 1).replace(",", "").replace("%", "").lstrip("-").isdigit()
