"""Compares two editions of a price book, and finds times without a price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal

from queuebit_kernel import rfc3339
from queuebit_pricing.book import PriceBook
from queuebit_pricing.listing import Listing

__all__ = ["Change", "Gap", "changes", "gaps"]

_END = "valid_until"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of two books."""

    kind: Literal["added", "ended", "edited", "removed", "book"]
    """`book`: a field of the book itself, such as its version."""
    row: str
    """The table and the id, such as `price aer-2026`; empty for the book."""
    field: str = ""
    before: str = ""
    after: str = ""

    @property
    def allowed(self) -> bool:
        """Whether a new edition may do so: rows are added and ended; jobs refer to all others."""
        return self.kind in ("added", "ended") or self.field == "version"


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a backend has no price, between two prices that it has."""

    backend: str
    since: datetime
    until: datetime

    def __str__(self) -> str:
        return (
            f"{self.backend} has no price from {rfc3339(self.since)} until {rfc3339(self.until)}: its jobs are refused "
            "then; begin the later price earlier, or end the earlier one later"
        )


def changes(old: PriceBook, new: PriceBook) -> tuple[Change, ...]:
    """Return what differs between two editions: fields of the book, then rows in the order of the old and new book."""
    before, after = _documents(old), _documents(new)
    found = [
        Change("book", "", field, getattr(old, field), getattr(new, field))
        for field in ("version", "currency")
        if getattr(old, field) != getattr(new, field)
    ]
    for row in {**before, **after}:
        if row not in after:
            found.append(Change("removed", row))
        elif row not in before:
            found.append(Change("added", row))
        else:
            found += _edits(row, before[row], after[row])
    return tuple(found)


def gaps(book: PriceBook) -> list[Gap]:
    """Return the times without a price between two prices of the same backend, if no wider pattern applies then."""
    by_backend: dict[tuple[str, bool], list[Listing]] = {}
    for listing in book.listings:
        by_backend.setdefault((listing.backend, listing.spot), []).append(listing)
    return [gap for listings in by_backend.values() for gap in _gaps(listings, book)]


def _gaps(listings: Sequence[Listing], book: PriceBook) -> Iterator[Gap]:
    for one, two in pairwise(sorted(listings, key=lambda it: it.valid_from)):
        if one.valid_until is None or one.valid_until >= two.valid_from:
            continue
        alike = [it for it in book.listings if it.is_pattern and it != one and it.spot == one.spot]
        wider = [it for it in alike if it.covers(one.backend.rstrip("*"))]
        since = one.valid_until
        while since < two.valid_from and (ends := [_end(it, two.valid_from) for it in wider if it.applies(since)]):
            since = max(ends)
        if since < two.valid_from:
            begins = [it.valid_from for it in wider if since < it.valid_from < two.valid_from]
            yield Gap(one.backend, since, min([two.valid_from, *begins]))


def _end(listing: Listing, most: datetime) -> datetime:
    return most if listing.valid_until is None else min(listing.valid_until, most)


def _documents(book: PriceBook) -> dict[str, dict[str, object]]:
    rows = {f"price {it.id}": it.model_dump(mode="json", exclude_defaults=True) for it in book.listings}
    return rows | {f"agreement {it.id}": it.model_dump(mode="json", exclude_defaults=True) for it in book.agreements}


def _edits(row: str, before: dict[str, object], after: dict[str, object]) -> Iterator[Change]:
    for field in {**before, **after}:
        one, two = before.get(field), after.get(field)
        if one != two:
            yield Change("ended" if field == _END else "edited", row, field, _text(one), _text(two))


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_text(it)}" for name, it in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return "" if value is None else str(value)
