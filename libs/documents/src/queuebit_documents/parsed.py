"""A document with the lines of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from queuebit_documents.errors import Path

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Document", "Parsed"]

Document = dict[str, Any]
"""Plain JSON, in the form of a document's model."""

MAX_BYTES: Final = 1_048_576
"""The largest file."""

MAX_DEPTH: Final = 32
"""The most levels of tables and lists."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one file holds."""

    file: str
    document: Document
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """The line of a value, or of what it is in."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), None)
