"""A listing with its book, and how it rates each component."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from queuebit_kernel.exact import product
from queuebit_pricing.exact import to_micros
from queuebit_pricing.listing import COUNTED, GATES, Component, Currency, Duration, Listing, Rounding

__all__ = ["Price", "Rate"]


@dataclass(frozen=True, slots=True)
class Rate:
    """How a price rates one component."""

    component: Component
    unit_price: Decimal | None
    """In money; None if the component is not charged, and its quantity counts in JBU only."""
    weight: Decimal
    """JBU per billed unit."""
    quantum_us: int = 1
    """The billing increment of a duration, in microseconds."""
    minimum_us: int = 0
    """The least duration that is billed if a task has run, in microseconds."""
    rounding: Rounding = "up"
    credits: Decimal | None = None
    """Units of the virtual currency per billed unit."""


class Price(Listing):
    """A listing with the properties of its book: all that a charge needs and refers to."""

    currency: Currency
    book: str
    """The version of the book."""
    book_digest: str
    """The digest of the book."""

    @cached_property
    def rates(self) -> tuple[Rate, ...]:
        """The rate of each component that has a price or a weight, in the order of the lines of a charge."""
        rates = [self._rate(component) for component in COUNTED]
        if self.minimum is not None and self.minimum.rule == "base":
            rates.append(self._priced("base", self.minimum.amount, Decimal(0)))
        return tuple(it for it in rates if it.unit_price is not None or it.weight)

    @property
    def floor(self) -> Decimal | None:
        """The least that a job costs that ran, in credits if the price has any, or else in money."""
        return self.minimum.amount if self.minimum is not None and self.minimum.rule == "floor" else None

    @cached_property
    def counts_gates(self) -> bool:
        """Whether a charge needs the gates of the compiled circuit."""
        return any(it.component in GATES for it in self.rates)

    @cached_property
    def counts_tasks(self) -> bool:
        """Whether a charge depends on the number of tasks that a vendor bills for a job."""
        per_task = any(it.component in ("task", "base") or it.minimum_us for it in self.rates)
        return per_task or self.floor is not None

    def _rate(self, component: Component) -> Rate:
        term, weight = getattr(self, f"per_{component}"), getattr(self.jbu, component)
        if isinstance(term, Duration):
            steps = to_micros(term.quantum), to_micros(term.minimum), term.rounding
            return self._priced(component, term.amount, weight, *steps)
        return self._priced(component, term, weight)

    def _priced(
        self,
        component: Component,
        amount: Decimal | None,
        weight: Decimal,
        quantum_us: int = 1,
        minimum_us: int = 0,
        rounding: Rounding = "up",
    ) -> Rate:
        unit_price = None if amount is None else self._money(amount)
        virtual = amount if self.credits is not None else None
        return Rate(component, unit_price, weight, quantum_us, minimum_us, rounding, virtual)

    def _money(self, amount: Decimal) -> Decimal:
        return amount if self.credits is None else product(amount, self.credits.price)
