"""What a price book agrees with a tenant: reductions that depend on the consumption of a period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from queuebit_pricing.exact import Amount, Digits

__all__ = [
    "Agreement",
    "Allowance",
    "Discount",
    "Included",
    "Rule",
    "Step",
    "Subscription",
    "Tier",
    "window_days",
]

_Prices = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9.-]{0,62})?\*$|^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
_Component = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", examples=["second"])]
_Quantity = Annotated[Decimal, Digits(whole=15, places=6)]
_Percent = Annotated[Decimal, Digits(whole=3, places=6)]
_Fee = Annotated[Decimal, Digits(whole=12, places=6)]
_ALL = 100
_Window = Annotated[str, Field(pattern=r"^(month|[1-9][0-9]{0,2}d)$", examples=["month", "28d"])]


def _share(percent: Decimal) -> Decimal:
    if not 0 < percent <= _ALL:
        raise PydanticCustomError("percent", 'must be more than 0 and at most 100, such as "12.5"')
    return percent


class _Term(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Term):
    """A part of an agreement, for some prices."""

    prices: _Prices
    """A price id, a prefix of ids followed by `*`, or `*` for all."""

    @property
    def is_pattern(self) -> bool:
        return self.prices.endswith("*")

    def covers(self, price: str) -> bool:
        """Return whether this part is for a price id."""
        return price.startswith(self.prices[:-1]) if self.is_pattern else price == self.prices

    @property
    def specificity(self) -> tuple[bool, int]:
        """Sorts an exact id after all patterns, and a longer prefix after a shorter one."""
        return (not self.is_pattern, len(self.prices))


class Discount(Rule):
    """A share of the price that is not charged. Of several for a price, the most specific applies, and no other."""

    component: _Component | None = None
    """The component; all if absent. A discount for one component has precedence over one for all."""
    percent: _Percent
    """At most 100."""

    @field_validator("percent")
    @classmethod
    def _is_a_share(cls, percent: Decimal) -> Decimal:
        return _share(percent)


class Allowance(Rule):
    """A quantity that is free in each window. All prices and projects of the tenant share it; earlier days first."""

    component: _Component
    """As lines have it, or `credits`: then the components of a price in credits are added in credits."""
    quantity: _Quantity
    """In units of the component, such as seconds."""
    window: _Window = "month"
    """`month`: the calendar month in UTC. `28d`: a rolling window; a unit is free if the tenant consumed less than the
    quantity in the 28 days that end with its day."""


class Included(Rule):
    """Units that a subscription pays for in each calendar month, and the price of those beyond."""

    component: _Component
    """As lines have it, or `credits`."""
    quantity: _Quantity
    """In units of the component."""
    overage: Amount | None = None
    """The price in money of a unit beyond; absent: the list price. It is not above that."""


class Subscription(_Term):
    """A fee for each calendar month in which the agreement is valid, in full, due on its first valid day."""

    fee: _Fee
    included: tuple[Included, ...] = ()
    """The units that the fee pays for; also in full in a month that is valid in part."""


class Step(_Term):
    """A step of a tier: what a unit costs beyond a quantity."""

    above: _Quantity
    """The units of the month before the first that this step is for."""
    percent: _Percent | None = None
    """The discount on the list price."""
    unit_price: Amount | None = Field(default=None, validate_default=True)
    """The price in money, instead of `percent`. It is not above the list price."""

    @field_validator("unit_price")
    @classmethod
    def _is_one_of_two(cls, unit_price: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if "percent" in info.data and (unit_price is None) is (info.data["percent"] is None):
            raise PydanticCustomError("one_of_two", "needs either percent or unit_price: write one of the two")
        return unit_price

    @field_validator("percent")
    @classmethod
    def _is_a_share(cls, percent: Decimal | None) -> Decimal | None:
        return None if percent is None else _share(percent)


class Tier(Rule):
    """Prices by volume: each unit costs what its step says, counted from the first of the calendar month.

    Units before the first step cost the list price. Of several tiers for a price and component, only the most specific
    applies.
    """

    component: _Component
    """As lines have it, or `credits`."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    """In ascending order."""

    @field_validator("steps")
    @classmethod
    def _ascend(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if any(two.above <= one.above for one, two in pairwise(steps)):
            raise PydanticCustomError("order", "must ascend: write the steps in the order of above, each once")
        return steps


class Agreement(_Term):
    """What applies to a tenant beside the list prices. It never changes: end it, and add one with a new id."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
    """The permanent id; invoices refer to it."""
    tenant: Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9_-]{0,63})$")]
    """The name of the tenant, or `*` for all. Those of the tenant's own have precedence."""
    valid_from: date
    """The first day (UTC) whose consumption counts."""
    valid_until: date | None = None
    """The day after the last one; no end if absent."""
    source: Annotated[str, Field(min_length=1)]
    """The contract or price list, so that a reader can check it."""
    as_of: date
    """The day the source was read."""
    confidence: Literal["low", "medium", "high"]
    """The reliability of the terms; `high` only if checked with the other side."""
    allowance: tuple[Allowance, ...] = ()
    """Free quantities; they apply before all other parts."""
    subscription: Subscription | None = None
    """A monthly fee and the units that it pays for."""
    tier: tuple[Tier, ...] = ()
    """Prices by volume."""
    discount: tuple[Discount, ...] = Field(default=(), validate_default=True)
    """Discounts on what remains."""

    @field_validator("valid_until")
    @classmethod
    def _ends_after_it_starts(cls, until: date | None, info: ValidationInfo) -> date | None:
        since = info.data.get("valid_from")
        if until is not None and since is not None and until <= since:
            raise PydanticCustomError("never_valid", "must be later than valid_from: correct one of the two")
        return until

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All parts."""
        included = self.subscription.included if self.subscription else ()
        return (*self.allowance, *included, *self.tier, *self.discount)

    @property
    def prices(self) -> Iterator[tuple[Rule, str, Decimal]]:
        """The unit prices of this agreement: part, component, price."""
        for it in self.subscription.included if self.subscription else ():
            if it.overage is not None:
                yield it, it.component, it.overage
        for tier in self.tier:
            for step in tier.steps:
                if step.unit_price is not None:
                    yield tier, tier.component, step.unit_price

    @field_validator("tier")
    @classmethod
    def _has_one_tier_for_each(cls, tier: tuple[Tier, ...]) -> tuple[Tier, ...]:
        if len({(it.prices, it.component) for it in tier}) < len(tier):
            raise PydanticCustomError("tie", "two tiers are for the same prices and component: remove one")
        return tier

    @field_validator("discount")
    @classmethod
    def _has_one_for_each(cls, discount: tuple[Discount, ...]) -> tuple[Discount, ...]:
        if len({(it.prices, it.component) for it in discount}) < len(discount):
            raise PydanticCustomError("tie", "two discounts are for the same prices and component: remove one")
        return discount

    @field_validator("discount")
    @classmethod
    def _agrees_something(cls, discount: tuple[Discount, ...], info: ValidationInfo) -> tuple[Discount, ...]:
        if not discount and not any(info.data.get(it, True) for it in ("allowance", "subscription", "tier")):
            raise PydanticCustomError(
                "no_rule", "the agreement has no part: add an allowance, a subscription, a tier or a discount"
            )
        return discount

    def applies(self, day: date) -> bool:
        """Return whether the consumption of a day counts: from `valid_from` to before `valid_until`."""
        return self.valid_from <= day and (self.valid_until is None or day < self.valid_until)

    def overlaps(self, other: Agreement) -> bool:
        """Return whether two agreements with the same tenant are valid on the same day."""
        first, second = sorted((self, other), key=lambda it: it.valid_from)
        return self.tenant == other.tenant and first.applies(second.valid_from)


def window_days(window: str, day: date) -> tuple[date, date]:
    """Return the first day of the window that a day's consumption counts in, and the day itself.

    A month begins with its first day. A rolling window of `n` days ends with the day.
    """
    if window == "month":
        return day.replace(day=1), day
    return day - timedelta(days=int(window[:-1]) - 1), day
