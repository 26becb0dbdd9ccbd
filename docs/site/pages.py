"""Which files of the repository are pages of the site, and how their links lead from page to page. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from posixpath import normpath, relpath
from typing import Any

__all__ = ["ASSETS", "absent", "page_of", "relinked"]

ASSETS = (".css", ".gif", ".png", ".svg", ".webp")
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]+)\]\((?P<to>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")
_FENCE = re.compile(r"^(```.*?^```)", re.DOTALL | re.MULTILINE)


def page_of(source: str) -> str | None:
    """The page that a file of the repository becomes, as a path in the site; None if it is no page."""
    path = PurePosixPath(source)
    match path.parts:
        case ("README.md",):
            return "index.md"
        case ("CHANGELOG.md",):
            return "changelog.md"
        case ("docs", "adr", "README.md"):
            return "adr/index.md"
        case ("docs", *rest) if path.suffix == ".md":
            return "/".join(rest)
        case ("contracts", "README.md"):
            return "contracts.md"
        case ("libs" | "services", member, "README.md"):
            return f"members/{member}.md"
        case _:
            return None


def relinked(text: str, source: str, pages: Mapping[str, str]) -> str:
    """The text of a page with links that hold in the site.

    Args:
        text: Markdown of the file.
        source: Its path in the repository.
        pages: For each file that is a page, the page's path in the site.

    A link to a file that is no page becomes the path of that file: the reader has it in a clone.
    """

    def lead(match: re.Match[str]) -> str:
        words, to, anchor = match["text"], match["to"], match["anchor"] or ""
        if not to or ":" in to:
            return match[0]
        target = normpath(f"{PurePosixPath(source).parent}/{to}")
        page = target.removeprefix("docs/") if match["image"] else pages.get(target) or pages.get(f"{target}/README.md")
        if page is not None:
            return f"{match['image']}[{words}]({relpath(page, str(PurePosixPath(pages[source]).parent))}{anchor})"
        return words if words.strip("`/") == target.strip("/") else f"{words} (`{target}`)"

    return "".join(part if part.startswith("```") else _LINK.sub(lead, part) for part in _FENCE.split(text))


def absent(navigation: Any, pages: Collection[str]) -> list[str]:
    """Pages that the navigation names and that do not exist. The generator leaves them out without a word."""
    return [it for it in _named(navigation) if it not in pages]


def _named(entry: Any) -> Iterator[str]:
    match entry:
        case str():
            yield entry
        case dict():
            yield from _named(list(entry.values()))
        case list():
            for one in entry:
                yield from _named(one)
