"""Errors of prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from queuebit_kernel import Fault

__all__ = ["BadPriceBook", "BadUsage", "Problem", "Unpriced"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a price book: its position, and what to do."""

    where: str
    what: str
    path: tuple[str | int, ...] = ()
    """The place in the document; empty if it is the whole book."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class BadPriceBook(Fault):
    """A price book cannot be used; lists all problems."""

    code = "bad_price_book"

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"price book {name} has {count}:", *(f"  - {problem}" for problem in problems)]))


class BadUsage(Fault):
    """A measured quantity is no number of at least 0; nothing can be charged for it."""

    code = "bad_usage"


class Unpriced(Fault):
    """No price applies. This never means that a job is free: a free backend has an explicit price of zero."""

    code = "unpriced"
