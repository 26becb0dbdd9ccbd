"""Text that other people wrote: what may not be sent, and how it is printed."""

from __future__ import annotations

import json
import re

__all__ = ["steering", "visible", "visible_json"]

_STEERING = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, except tab and line feed
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"  # direction, line ends, no width
    "\ud800-\udfff\U000e0000-\U000e007f"  # halves of a character, invisible tags
)
_ONE = re.compile(f"[{_STEERING}]")
_ONE_IN_A_LINE = re.compile(f"[\t\n{_STEERING}]")


def visible(text: str) -> str:
    """The text with every character escaped that could steer a terminal, hide text or change its order.

    Tabs and line feeds stay.
    """
    return _ONE.sub(_escaped, text)


def steering(text: str) -> str | None:
    """The first such character, tab and line feed included, as an escape; None where one line of text has none."""
    found = _ONE_IN_A_LINE.search(text)
    return None if found is None else _escaped(found)


def visible_json(document: str) -> str:
    """A JSON document of the same meaning in which these characters, which only strings hold, are escaped."""
    return _ONE.sub(lambda found: json.dumps(found[0])[1:-1], document)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode()
