"""Patterns of paths, as in `.gitignore`: `*` stays in a folder, and `**/` is any number of folders."""

from __future__ import annotations

import re
from functools import cache

__all__ = ["matches"]

_PARTS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_SPECIAL = re.compile(r"\*\*/|\*\*|\*|\?")


def matches(path: str, pattern: str) -> bool:
    """Whether the whole path, with slashes, fits the pattern."""
    return _compiled(pattern).fullmatch(path) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    places, end, parts = _SPECIAL.finditer(pattern), 0, []
    for found in places:
        parts += [re.escape(pattern[end : found.start()]), _PARTS[found[0]]]
        end = found.end()
    return re.compile("".join((*parts, re.escape(pattern[end:]))))
