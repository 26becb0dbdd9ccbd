"""One price: backend, validity period, source, and the costs of a task, shot, second or qubit-second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from queuebit_pricing.exact import Amount, Seconds, to_micros

__all__ = ["Component", "Currency", "Duration", "Listing", "Outcome", "Price", "Rate", "Weights"]

Component = Literal["task", "shot", "second", "qubit_second"]
"""A priced quantity; its key in a price is `per_<component>`."""

Outcome = str
"""The final state of a job, or `stopped` for a run that reached a limit of its size. Only `completed` and `stopped` are
charged."""

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["USD"])]

_Utc = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class _Term(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Duration(_Term):
    """A price per second or per qubit-second, with its billing increment."""

    amount: Amount
    """The price of one whole second or qubit-second."""
    quantum: Seconds = Decimal("0.000001")
    """The billing increment: the consumed time is rounded up to a multiple of it."""
    minimum: Seconds = Decimal(0)
    """The minimum time that is billed if a task has run; rounded up to the increment."""

    @field_validator("quantum")
    @classmethod
    def _is_a_step(cls, quantum: Decimal) -> Decimal:
        if not quantum:
            raise PydanticCustomError("zero_quantum", 'must be longer than 0; omit it for "0.000001"')
        return quantum


class Weights(_Term):
    """Job billing units (JBU) per billed unit. JBU measure the size of jobs; they are not money."""

    task: Amount = Decimal(0)
    shot: Amount = Decimal(0)
    second: Amount = Decimal(0)
    qubit_second: Amount = Decimal(0)


class Listing(_Term):
    """A price in the book. It never changes: a new price is a new listing with a new id."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
    """The permanent id of this price; invoices refer to it."""
    backend: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\*?$")]
    """A backend id, or a prefix of ids followed by `*`. An exact id has precedence, then the longest prefix."""
    valid_from: _Utc
    """The start of validity."""
    valid_until: _Utc | None = None
    """The end of validity, exclusive; no end if absent."""
    source: Annotated[str, Field(min_length=1)]
    """The source of the amounts, so that a reader can check them."""
    as_of: date
    """The day the source was read."""
    confidence: Literal["low", "medium", "high"]
    """The reliability of the amounts; `high` only if checked with the vendor."""
    jbu: Weights = Weights()
    """Conversion into job billing units."""
    per_task: Amount | None = None
    """Charged for each task that ran."""
    per_shot: Amount | None = None
    """Charged for each completed shot."""
    per_second: Duration | None = None
    """Charged for time on the backend."""
    per_qubit_second: Duration | None = Field(default=None, validate_default=True)
    """Charged for qubits times time on the backend."""
    per_session_idle_second: Amount | None = None
    """Charged for each whole second in which a session on the backend is open and has no job; absent: free. It is no
    component of a job."""

    @field_validator("valid_until")
    @classmethod
    def _ends_after_it_starts(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        since = info.data.get("valid_from")
        if until is not None and since is not None and until <= since:
            raise PydanticCustomError("never_valid", "must be later than valid_from: correct one of the two")
        return until

    @field_validator("per_qubit_second")
    @classmethod
    def _prices_something(cls, last: Duration | None, info: ValidationInfo) -> Duration | None:
        stated = [info.data.get(f"per_{component}", "refused") for component in get_args(Component)[:-1]]
        if last is None and all(term is None for term in stated):
            raise PydanticCustomError(
                "no_component",
                "the price has no component: add per_task, per_shot, per_second or per_qubit_second; "
                'for a free backend, set per_task = "0"',
            )
        return last

    @property
    def is_pattern(self) -> bool:
        return self.backend.endswith("*")

    def covers(self, backend: str) -> bool:
        """Return whether this price is for a backend, at any time."""
        return backend.startswith(self.backend[:-1]) if self.is_pattern else backend == self.backend

    def applies(self, at: datetime) -> bool:
        """Return whether this price is valid at a time: from `valid_from` (inclusive) to `valid_until` (exclusive)."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def overlaps(self, other: Listing) -> bool:
        """Return whether two listings for the same backend are valid at the same time."""
        first, second = sorted((self, other), key=lambda listing: listing.valid_from)
        return self.backend == other.backend and first.applies(second.valid_from)


@dataclass(frozen=True, slots=True)
class Rate:
    """How a price rates one component."""

    component: Component
    unit_price: Decimal | None
    """None if the component is not charged; its quantity counts in JBU only."""
    weight: Decimal
    """JBU per billed unit."""
    quantum_us: int = 1
    """The billing increment of a duration, in microseconds."""
    minimum_us: int = 0
    """The least duration that is billed if a task has run, in microseconds."""


class Price(Listing):
    """A listing with the properties of its book: all that a charge needs and refers to."""

    currency: Currency
    book: str
    """The version of the book."""
    book_digest: str
    """The digest of the book."""

    @cached_property
    def rates(self) -> tuple[Rate, ...]:
        """The rate of each component, in the order of the lines of a charge."""
        return tuple(self._rate(component) for component in get_args(Component))

    def _rate(self, component: Component) -> Rate:
        term, weight = getattr(self, f"per_{component}"), getattr(self.jbu, component)
        if isinstance(term, Duration):
            return Rate(component, term.amount, weight, to_micros(term.quantum), to_micros(term.minimum))
        return Rate(component, term, weight)
