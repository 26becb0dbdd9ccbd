"""The price book: one version, one currency, and all prices and agreements with their validity periods."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from queuebit_kernel import digest_of, rfc3339
from queuebit_pricing.agreement_terms import Agreement
from queuebit_pricing.errors import BadPriceBook, Problem, Unpriced
from queuebit_pricing.exact import Unquoted
from queuebit_pricing.explain import CLASH, explain, place
from queuebit_pricing.listing import Currency, Listing
from queuebit_pricing.price import Price
from queuebit_pricing.spot_prices import above_usual

__all__ = ["PriceBook", "check", "load", "parse"]

_Row = TypeVar("_Row", Listing, Agreement)
_Numbered = Sequence[tuple[int, _Row]]


class PriceBook(BaseModel):
    """All prices. Prices are added to a book and ended with `valid_until`; they are never edited or removed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[0-9]+)?$", examples=["2026-11-01"])]
    """The date of this edition; further editions of the same day end with `.2` and so on."""
    currency: Currency
    """The currency of all prices (ISO 4217). There is no conversion: another currency needs another book."""
    listings: Annotated[tuple[Listing, ...], Field(alias="price", min_length=1)]
    """The prices, in any order."""
    agreements: Annotated[tuple[Agreement, ...], Field(alias="agreement")] = ()
    """Allowances and discounts of tenants, in any order; they apply when a period is invoiced."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> PriceBook:
        if clashes := _conflicts(list(enumerate(self.listings)), list(enumerate(self.agreements))):
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

    def price_for(self, backend: str, at: datetime, *, spot: bool = False) -> Price:
        """Return the most specific price of a backend that is valid at a time (aware).

        An exact id has precedence, then the longest prefix; there are no ties.

        Args:
            backend: its id.
            at: the time.
            spot: whether the price of spot jobs is wanted, instead of that of all others.

        Raises:
            Unpriced: there is no such price; the backend must not be used.
        """
        meant = [price for price in self.prices if price.spot == spot and price.covers(backend)]
        valid = [price for price in meant if price.applies(at)]
        if valid:
            return max(valid, key=lambda price: price.precedence)
        known = f" ({', '.join(f'{price.id} is valid {_span(price)}' for price in meant)})" if meant else ""
        if spot:
            raise Unpriced(f"backend {backend!r} has no price of spot jobs at {rfc3339(at)}{known}: it runs none")
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
        problem = Problem("file", f"{error}: give the path of a UTF-8 file of TOML, or of JSON if it ends with .json")
        raise BadPriceBook(str(path), [problem]) from error
    return parse(text, name=str(path))


def parse(text: str, name: str = "(text)") -> PriceBook:
    """Parse and check a price book in TOML, or in JSON if `name` ends with `.json`; errors use `name` for the book.

    Raises:
        BadPriceBook: as `load`.
    """
    if name.lower().endswith(".json"):
        return check(_json(text, name), name)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPriceBook(name, [Problem("TOML", f"{error}: correct the syntax there")]) from error
    return check(document, name)


def _json(text: str, name: str) -> Mapping[str, object]:
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_float=Unquoted, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise BadPriceBook(name, [Problem("JSON", f"{error}: correct the syntax there")]) from error
    if not isinstance(document, dict):
        raise BadPriceBook(name, [Problem("JSON", "is no object: write the keys of a price book between { and }")])
    return document


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(it for it in names if names.count(it) > 1)!r} appears twice")
    return found


def check(document: Mapping[str, object], name: str = "(document)") -> PriceBook:
    """Check what a price book holds; errors use `name` for the book.

    Raises:
        BadPriceBook: it breaks the rules.
    """
    try:
        return PriceBook.model_validate(document)
    except ValidationError as error:
        listings, agreements = _usable(document, "price", Listing), _usable(document, "agreement", Agreement)
        raise BadPriceBook(name, explain(error, document) + _conflicts(list(listings), list(agreements))) from error


def _usable(document: Mapping[str, object], table: str, model: type[_Row]) -> Iterator[tuple[int, _Row]]:
    """Yield the valid rows, so that an invalid row does not hide conflicts of the others."""
    rows = document.get(table)
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        try:
            yield index, model.model_validate(row)
        except ValidationError:
            continue


def _conflicts(listings: _Numbered[Listing], agreements: _Numbered[Agreement]) -> list[Problem]:
    return (
        _clashes(listings)
        + above_usual(listings)
        + _disputes(agreements)
        + _unmet(listings, agreements)
        + _above_list(listings, agreements)
    )


def _clashes(listings: _Numbered[Listing]) -> list[Problem]:
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


def _disputes(agreements: _Numbered[Agreement]) -> list[Problem]:
    """Return repeated ids, and discounts of which neither has precedence."""
    problems = []
    for (first, one), (second, two) in combinations(agreements, 2):
        where, path = place(second, two.id, "agreement"), ("agreement", second)
        if one.id == two.id:
            problems.append(Problem(where, f"agreement {first + 1} has the same id: give each its own id", path))
        elif one.overlaps(two) and (tied := _targets(one) & _targets(two)):
            problems.append(
                Problem(
                    where,
                    f"discounts {', '.join(sorted(tied))} at the same time as {one.id!r}: end the earlier one with "
                    "valid_until, or remove one of the two",
                    path,
                )
            )
    return problems


def _targets(agreement: Agreement) -> set[str]:
    """What the agreement has a discount or a tier for; of each there may be one at a time."""
    tiers = {f"{it.component} of {it.prices} by volume" for it in agreement.tier}
    return tiers | {f"{it.component or 'all'} of {it.prices}" for it in agreement.discount}


def _unmet(listings: _Numbered[Listing], agreements: _Numbered[Agreement]) -> list[Problem]:
    """Return the parts of agreements that are for no price."""
    return [
        Problem(
            place(index, agreement.id, "agreement"),
            f"{rule.prices!r} covers no valid price of this book: correct it, or remove this part",
            ("agreement", index),
        )
        for index, agreement in agreements
        for rule in agreement.rules
        if not any(rule.covers(listing.id) for _, listing in listings)
    ]


def _above_list(listings: _Numbered[Listing], agreements: _Numbered[Agreement]) -> list[Problem]:
    """Return the prices of agreements above the list price: holds at list price would not pay for them."""
    return [
        Problem(
            place(index, agreement.id, "agreement"),
            f"{unit_price} for a {component} is above the list price {at_list} of {listing.id!r}: correct it, or "
            "raise the list price and give other tenants a discount",
            ("agreement", index),
        )
        for index, agreement in agreements
        for rule, component, unit_price in agreement.prices
        for _, listing in listings
        if rule.covers(listing.id) and (at_list := listing.unit_price(component)) is not None and unit_price > at_list
    ]


def _span(listing: Listing) -> str:
    until = f"until {rfc3339(listing.valid_until)}" if listing.valid_until else "without end"
    return f"from {rfc3339(listing.valid_from)} {until}"
