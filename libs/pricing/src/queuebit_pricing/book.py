"""The price book: one version, one currency, and all prices with their validity periods."""

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

__all__ = ["PriceBook", "check", "load", "parse"]


class PriceBook(BaseModel):
    """All prices. Prices are added to a book and ended with `valid_until`; they are never edited or removed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[0-9]+)?$", examples=["2026-11-01"])]
    """The date of this edition; further editions of the same day end with `.2` and so on."""
    currency: Currency
    """The currency of all prices (ISO 4217). There is no conversion: another currency needs another book."""
    listings: Annotated[tuple[Listing, ...], Field(alias="price", min_length=1)]
    """The prices, in any order."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> PriceBook:
        if clashes := _clashes(list(enumerate(self.listings))):
            raise PydanticCustomError(CLASH, "{clashes}", {"clashes": "; ".join(map(str, clashes))})
        return self

    @cached_property
    def digest(self) -> str:
        """The digest of the content. Comments, the spelling of numbers and explicit defaults do not change it."""
        return digest_of(self.model_dump(mode="json", by_alias=True, exclude_defaults=True))

    @cached_property
    def prices(self) -> tuple[Price, ...]:
        """All listings as prices of this book."""
        context = {"currency": self.currency, "book": self.version, "book_digest": self.digest}
        return tuple(Price.model_validate({**dict(listing), **context}) for listing in self.listings)

    @cached_property
    def _by_id(self) -> dict[str, Price]:
        return {price.id: price for price in self.prices}

    def price(self, price_id: str) -> Price:
        """Return the price with an id, also if it is no longer valid: a job is charged the price of its quote.

        Raises:
            Unpriced: the book has no price with this id.
        """
        if (price := self._by_id.get(price_id)) is None:
            raise Unpriced(
                f"price book {self.version} has no price {price_id!r}: use a book that contains it; "
                "end prices with valid_until instead of removing them"
            )
        return price

    def price_for(self, backend: str, at: datetime) -> Price:
        """Return the most specific price of a backend that is valid at a time (aware).

        An exact id has precedence, then the longest prefix; there are no ties.

        Raises:
            Unpriced: there is no such price; the backend must not be used.
        """
        meant = [price for price in self.prices if price.covers(backend)]
        valid = [price for price in meant if price.applies(at)]
        if valid:
            return max(valid, key=lambda price: (not price.is_pattern, len(price.backend)))
        known = f" ({', '.join(f'{price.id} is valid {_span(price)}' for price in meant)})" if meant else ""
        raise Unpriced(
            f"backend {backend!r} has no price at {rfc3339(at)}{known}: add a [[price]] for it to price book "
            f'{self.version}; for a free backend, set per_task = "0"'
        )


def load(path: Path) -> PriceBook:
    """Read and check a price book.

    Raises:
        BadPriceBook: the book cannot be read or used; the error lists all problems.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPriceBook(str(path), [Problem("file", f"{error}: give the path of a UTF-8 TOML file")]) from error
    return parse(text, name=str(path))


def parse(text: str, name: str = "(text)") -> PriceBook:
    """Parse and check a price book in TOML; errors use `name` for the book.

    Raises:
        BadPriceBook: as `load`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPriceBook(name, [Problem("TOML", f"{error}: correct the syntax there")]) from error
    return check(document, name)


def check(document: Mapping[str, object], name: str = "(document)") -> PriceBook:
    """Check what a price book holds; errors use `name` for the book.

    Raises:
        BadPriceBook: it breaks the rules.
    """
    try:
        return PriceBook.model_validate(document)
    except ValidationError as error:
        raise BadPriceBook(name, explain(error, document) + _clashes(list(_usable(document)))) from error


def _usable(document: Mapping[str, object]) -> Iterator[tuple[int, Listing]]:
    """Yield the valid listings, so that an invalid listing does not hide conflicts of the others."""
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
                Problem(
                    place(second, two.id),
                    f"price {first + 1} has the same id: give each price its own id",
                    ("price", second),
                )
            )
        if one.overlaps(two):
            problems.append(
                Problem(
                    place(second, two.id),
                    f"overlaps {one.id!r} for backend {one.backend!r} ({_span(one)}, {_span(two)}): "
                    "end the earlier one with valid_until at the start of the later one",
                    ("price", second),
                )
            )
    return problems


def _span(listing: Listing) -> str:
    until = f"until {rfc3339(listing.valid_until)}" if listing.valid_until else "without end"
    return f"from {rfc3339(listing.valid_from)} {until}"
