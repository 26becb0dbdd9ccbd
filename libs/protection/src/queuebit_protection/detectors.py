"""The built-in detectors: patterns for RE2, and for numbers their check digits.

Sources: ISO 13616 (IBAN, with the lengths of the SWIFT registry), ISO/IEC 7812 (payment cards, Luhn), and the rules of
the US Social Security Administration for numbers that it never assigns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import re2

__all__ = ["BUILTINS", "Detector", "compiled"]

_Span = tuple[int, int]
"""Where a match begins and ends, in bytes."""

_MOST_MEMORY: Final = 1 << 20
"""What RE2 may use for one pattern, in bytes: it refuses larger ones."""


@dataclass(frozen=True, slots=True)
class Detector:
    """One pattern, and what a match must be beyond it."""

    pattern: Any  # the package has no types
    accept: Callable[[bytes, _Span], _Span | None] | None = None
    """Returns the part of a match that counts; None: it is no match."""

    def spans(self, text: bytes) -> Iterator[_Span]:
        """Every match, from left to right, without overlaps."""
        at = 0
        while at < len(text) and (found := self.pattern.search(text, at)) is not None:
            begin, end = found.span()
            if begin == end:  # a place without text, such as the end of a line: nothing to block or to mask
                at = end + 1
                continue
            kept = (begin, end) if self.accept is None else self.accept(text, (begin, end))
            if kept is None:
                at = begin + 1
            else:
                yield kept
                at = kept[1]


def compiled(pattern: str) -> Any:  # the package has no types
    """Return a pattern of RE2, which takes time linear in the text.

    Raises:
        ValueError: RE2 cannot read it, it needs too much memory, or it matches the empty text or a place without text.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        found = re2.compile(pattern.encode(), options)
    except re2.error as error:
        why = error.args[0].decode(errors="replace") if error.args else "it cannot be read"
        raise ValueError(f"is no pattern of RE2: {why}") from None
    if found.search(b"") is not None:
        raise ValueError("matches the empty text, and with it every text")
    if (place := found.search(b"a")) is not None and place.span() == (0, 0):
        raise ValueError("matches a place without text, such as the start of a word: it must match at least one letter")
    return found


def _digits(text: bytes, span: _Span) -> tuple[str, list[int]]:
    """The letters and digits of a match, and the position behind each."""
    kept = [(chr(text[at]), at + 1) for at in range(*span) if chr(text[at]).isalnum()]
    return "".join(it for it, _ in kept), [at for _, at in kept]


def _goes_on(text: bytes, at: int) -> bool:
    """Whether a letter or a digit follows."""
    return at < len(text) and chr(text[at]).isalnum()


def _card(text: bytes, span: _Span) -> _Span | None:
    if span[0] and text[span[0] - 1 : span[0]] == b".":  # the decimals of an angle
        return None
    number, ends = _digits(text, span)
    for length in _card_lengths(number):
        if length <= len(number) and not _goes_on(text, ends[length - 1]) and _luhn(number[:length]):
            return span[0], ends[length - 1]
    return None


def _card_lengths(number: str) -> tuple[int, ...]:
    """How many digits a card has that begins so; none if no issuer has cards that do."""
    four = int(number[:4])
    if number[0] == "4":
        return 19, 16, 13
    if 5100 <= four <= 5599 or 2221 <= four <= 2720:
        return (16,)
    if number[:2] in ("34", "37"):
        return (15,)
    if number[:2] in ("30", "36", "38", "39"):
        return 19, 16, 14
    if 3528 <= four <= 3589 or number[:2] in ("60", "62", "64", "65"):
        return 19, 18, 17, 16
    return ()


def _luhn(number: str) -> bool:
    doubled = (int(it) * 2 for it in number[-2::-2])
    return (sum(map(int, number[-1::-2])) + sum(it // 10 + it % 10 for it in doubled)) % 10 == 0


_IBAN_COUNTRIES: Final = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""By length."""
_IBAN_LENGTHS: Final = {country: length for length, them in _IBAN_COUNTRIES.items() for country in them.split()}


def _iban(text: bytes, span: _Span) -> _Span | None:
    number, ends = _digits(text, span)
    length = _IBAN_LENGTHS.get(number[:2])
    if length is None or length > len(number) or _goes_on(text, ends[length - 1]):
        return None
    turned = number[4:length] + number[:4]
    return (span[0], ends[length - 1]) if int("".join(str(int(it, 36)) for it in turned)) % 97 == 1 else None


def _ssn(text: bytes, span: _Span) -> _Span | None:
    area, group, serial = text[span[0] : span[1]].split(b"-")
    assigned = area not in (b"000", b"666") and area < b"900" and group != b"00" and serial != b"0000"
    return span if assigned else None


_ACCESS_KEYS: Final = "|".join(
    (
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # Amazon Web Services
        r"\bAIza[0-9A-Za-z_-]{35}",  # Google Cloud
        r"\bAccountKey=[A-Za-z0-9+/]{86}==",  # Azure Storage
        r"\bgh[oprsu]_[A-Za-z0-9]{36,}",  # GitHub
        r"\bS[AOU][A-Z2-7]{56}\b",  # seeds of NATS, such as the tokens of Queuebit
    )
)
_KEY_NAME: Final = r"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_KEY_BLOCK: Final = rf"-----BEGIN {_KEY_NAME}(?s:.*?)(?:-----END {_KEY_NAME}|\z)"

BUILTINS: Final[Mapping[str, Detector]] = MappingProxyType(
    {
        "email": Detector(compiled(r"\b[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b")),
        "iban": Detector(compiled(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}"), _iban),
        "payment_card": Detector(compiled(r"\b[2-6](?:[ -]?[0-9]){12,18}"), _card),
        "us_ssn": Detector(compiled(r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"), _ssn),
        "private_key": Detector(compiled(_KEY_BLOCK)),
        "access_key": Detector(compiled(_ACCESS_KEYS)),
    }
)
"""By name."""
