"""The library's errors. Each text says what is wrong, where, and what to do."""

from __future__ import annotations

__all__ = ["BadBill", "BrokenReader", "UnknownBill"]


class BadBill(ValueError):
    """A bill cannot be read. Nothing of it is used: half a bill would look like missing charges."""

    def __init__(self, text: str, line: int | None = None, column: int | None = None, name: str = "") -> None:
        where = "" if line is None else f"line {line}"
        where += "" if column is None else f", column {column}"
        where += f" ({name})" if name else ""
        super().__init__(f"{where}: {text}" if where else text)
        self.text = text
        self.line = line
        self.column = column


class UnknownBill(ValueError):
    """No installed reader reads this file, or has this name."""


class BrokenReader(Exception):
    """A reader is installed, and cannot be loaded."""
