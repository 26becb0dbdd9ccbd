"""The price book: one version, one currency, and every price with the time it is valid."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from queuebit_kernel import digest_of, rfc3339
from queuebit_pricing.errors import BadPriceBook, Problem, Unpriced
from queuebit_pricing.explain import CLASH, explain, place
from queuebit_pricing.listing import Currency, Listing, Price

__all__ = ["PriceBook", "load", "parse"]


class PriceBook(BaseModel):
    """What everything costs. Prices are added to a book and closed with `valid_until`, never edited or removed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[0-9]+)?$", examples=["2026-11-01"])]
    """The day of this edition, with `.2` and so on for further ones of the same day."""
    currency: Currency
    """The currency of every price (ISO 4217). Nothing here converts: another currency is another book."""
    listings: Annotated[tuple[Listing, ...], Field(alias="price", min_length=1)]
    """The prices, in any order."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> PriceBook:
        if clashes := _clashes(list(enumerate(self.listings))):
            raise PydanticCustomError(CLASH, "{clashes}", {"clashes": "; ".join(map(str, clashes))})
        return self

    @cached_property
    def digest(self) -> str:
        """The digest of what the book says; comments, spelling of numbers and stated defaults do not move it."""
        return digest_of(self.model_dump(mode="json", by_alias=True, exclude_defaults=True))

    @cached_property
    def prices(self) -> tuple[Price, ...]:
        """Every listing, citing this book."""
        context = {"currency": self.currency, "book": self.version, "book_digest": self.digest}
        return tuple(Price.model_validate({**dict(listing), **context}) for listing in self.listings)

    def price(self, price_id: str) -> Price:
        """Return the price of that id, valid or not: what was quoted is what is charged.

        Raises:
            Unpriced: the book has no such id.
        """
        for price in self.prices:
            if price.id == price_id:
                return price
        raise Unpriced(
            f"price book {self.version} has no price {price_id!r}: use a book that still lists it; "
            "prices are closed with valid_until, not removed"
        )

    def price_for(self, backend: str, at: datetime) -> Price:
        """Return the most specific price of a backend that is valid at an aware moment.

        An exact id wins, then the longest start; no two can tie.

        Raises:
            Unpriced: there is none. The backend must not be used, let alone for free.
        """
        meant = [price for price in self.prices if price.covers(backend)]
        valid = [price for price in meant if price.applies(at)]
        if valid:
            return max(valid, key=lambda price: (not price.is_pattern, len(price.backend)))
        known = f" ({', '.join(f'{price.id} is valid {_span(price)}' for price in meant)})" if meant else ""
        raise Unpriced(
            f"backend {backend!r} has no price at {rfc3339(at)}{known}: add a [[price]] for it to price book "
            f'{self.version}; if it is free, say so with per_task = "0"'
        )


def load(path: Path) -> PriceBook:
    """Read and check a price book.

    Raises:
        BadPriceBook: it cannot be read or used; names everything that is wrong at once.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPriceBook(str(path), [Problem("file", f"{error}: give the path of a UTF-8 TOML file")]) from error
    return parse(text, name=str(path))


def parse(text: str, name: str = "(text)") -> PriceBook:
    """Check a price book given as TOML; `name` is what errors call it.

    Raises:
        BadPriceBook: as `load`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPriceBook(name, [Problem("TOML", f"{error}: correct the spelling there")]) from error
    try:
        return PriceBook.model_validate(document)
    except ValidationError as error:
        raise BadPriceBook(name, explain(error, document) + _clashes(list(_usable(document)))) from error


def _usable(document: Mapping[str, object]) -> Iterator[tuple[int, Listing]]:
    """Yield the listings that are right by themselves, so that one wrong listing does not hide clashes of others."""
    rows = document.get("price")
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        try:
            yield index, Listing.model_validate(row)
        except ValidationError:
            continue


def _clashes(listings: Sequence[tuple[int, Listing]]) -> list[Problem]:
    problems = []
    for (first, one), (second, two) in combinations(listings, 2):
        if one.id == two.id:
            problems.append(
                Problem(place(second, two.id), f"price {first + 1} has the same id: give each its own, for ever")
            )
        if one.overlaps(two):
            problems.append(
                Problem(
                    place(second, two.id),
                    f"overlaps {one.id!r} for backend {one.backend!r} ({_span(one)}, {_span(two)}): "
                    "close the earlier one with valid_until where the later one starts",
                )
            )
    return problems


def _span(listing: Listing) -> str:
    until = f"until {rfc3339(listing.valid_until)}" if listing.valid_until else "with no end"
    return f"from {rfc3339(listing.valid_from)} {until}"
