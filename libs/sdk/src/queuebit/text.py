"""Text from other users: characters that may not be sent, and how text is printed."""

from __future__ import annotations

import json
import re

__all__ = ["control_character", "csv_text", "visible", "visible_json"]

_CONTROL = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, except tab and line feed
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # direction, line ends, no width
    "\ud800-\udfff\U000e0000-\U000e007f"  # halves of a character, invisible tags
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ONE = re.compile(f"[{_CONTROL}]")
_ONE_IN_A_LINE = re.compile(f"[\t\n{_CONTROL}]")


def visible(text: str) -> str:
    """Escape every character that could control a terminal, hide text or change its order.

    Tabs and line feeds stay.
    """
    return _ONE.sub(_escaped, text)


def control_character(text: str) -> str | None:
    """The first such character, including tab and line feed, as an escape; None if there is none."""
    found = _ONE_IN_A_LINE.search(text)
    return None if found is None else _escaped(found)


def visible_json(document: str) -> str:
    """Escape these characters in a JSON document; its meaning does not change."""
    return _ONE.sub(lambda found: json.dumps(found[0])[1:-1], document)


def csv_text(text: str) -> str:
    """Text for a cell of CSV that a spreadsheet does not take for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode()
