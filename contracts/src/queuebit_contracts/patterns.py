"""Several patterns of subjects as one: what covers them all, and whether one of them covers a subject."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

__all__ = ["Patterns"]

_WILD: Final = {"*": "[^.]+", ">": ".+"}


class Patterns:
    """Patterns with `*` and `>`."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.each = list(patterns)
        columns = zip(*(it.split(".") for it in patterns), strict=False)
        shared = takewhile(lambda it: len({*it}) == 1 and it[0] not in _WILD, columns)
        self.all = ".".join([*(it[0] for it in shared), ">"]) if len(patterns) > 1 else patterns[0]
        """The pattern of everything that begins as all of them do; the one pattern if there is only one."""
        self._wanted = re.compile("|".join(map(_expression, patterns)))

    def cover(self, subject: str) -> bool:
        """Whether one of them covers a subject, as `subjects.covers` finds; it takes less than a microsecond."""
        return self._wanted.fullmatch(subject) is not None


def _expression(pattern: str) -> str:
    """A pattern of subjects as a regular expression."""
    return r"\.".join(_WILD.get(it) or re.escape(it) for it in pattern.split("."))
