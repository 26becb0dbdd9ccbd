"""What is wrong with documents, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from queuebit_kernel import Fault

__all__ = ["BadDocuments", "Path", "Problem", "dotted"]

Path = tuple[str | int, ...]
"""The place of a value in a document: names of tables and fields, and positions in lists."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: its place, and what to do."""

    file: str
    what: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.file}: {self.what}" if self.line is None else f"{self.file}:{self.line}: {self.what}"


class BadDocuments(Fault):
    """Documents cannot be used; lists all problems."""

    code = "bad_documents"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"the documents have {count}; nothing was changed", *map(str, self.problems)]))


def dotted(path: Path) -> str:
    """The path for people, such as `tenant.acme.project.main.budget`."""
    return ".".join(map(str, path))
