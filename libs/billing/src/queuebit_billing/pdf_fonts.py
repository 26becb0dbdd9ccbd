"""Fonts for texts of a PDF that the standard fonts of PDF cannot show.

Standard fonts cover Western European languages. Other Latin letters, Greek and Cyrillic are written with Roboto; the
file contains the letters that it uses. Chinese, Japanese and Korean are written with the fonts for these languages that
the PDF standard names (ISO 32000-1, 9.7.5: predefined CMaps): they are not part of the file, and readers show them with
a font of their own. So a document has the same bytes on every machine with the same version of Roboto. All other
characters are shown as question marks.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Final
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

__all__ = ["marked_up", "plain"]

_JAPANESE, _KOREAN, _CHINESE = "HeiseiKakuGo-W5", "HYGothic-Medium", "STSong-Light"
_KANA: Final = ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D))
_HANGUL: Final = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7A3))
_IDEOGRAPHS: Final = ((0x3000, 0x303F), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFF65))
_ALL: Final = (*_KANA, *_HANGUL, *_IDEOGRAPHS)
_FOLDER: Final = files("font_roboto").joinpath("files")
_EMBEDDED: Final = "Roboto"
_BOLD: Final = "Roboto-Bold"


def marked_up(text: str, *, bold: bool = False) -> str:
    """A text as markup of a paragraph: escaped, with its own font for each part that needs one.

    Args:
        text: of any language.
        bold: whether it stands in bold text. Fonts for Chinese, Japanese and Korean have one weight.
    """
    named, embedded = _font_of(text), _BOLD if bold else _EMBEDDED
    parts = []
    for font, found in groupby(text, key=lambda it: _font_for(it, named, embedded)):
        part = "".join(found)
        parts.append(f'<font name="{font}">{escape(part)}</font>' if font else escape(plain(part)))
    return "".join(parts)


def plain(text: str) -> str:
    """The text without characters that the standard fonts lack."""
    return text.encode("cp1252", errors="replace").decode("cp1252")


def _font_of(text: str) -> str:
    """The language of a text follows from its own letters: ideographs alone are taken to be Chinese."""
    if any(_within(it, _KANA) for it in text):
        return _JAPANESE
    return _KOREAN if any(_within(it, _HANGUL) for it in text) else _CHINESE


def _font_for(character: str, named: str, embedded: str) -> str:
    """The font of a character; empty for one that the standard fonts have, or no font."""
    if _within(character, _ALL):
        _register(named)
        return named
    if plain(character) != character and ord(character) in _embedded():
        return embedded
    return ""


def _within(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


@cache
def _embedded() -> frozenset[int]:
    """Register the font that is embedded; return the characters that it has."""
    regular = TTFont(_EMBEDDED, str(_FOLDER.joinpath("Roboto-Regular.ttf")))
    pdfmetrics.registerFont(regular)
    pdfmetrics.registerFont(TTFont(_BOLD, str(_FOLDER.joinpath("Roboto-Bold.ttf"))))
    return frozenset(regular.face.charToGlyph)


@cache
def _register(name: str) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont(name))
