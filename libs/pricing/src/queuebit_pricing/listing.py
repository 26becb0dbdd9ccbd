"""One price: which backend, since when, on whose word, and what a task, shot, second or qubit-second costs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from queuebit_pricing.exact import Amount, Seconds

__all__ = ["Component", "Currency", "Duration", "Listing", "Outcome", "Price", "Weights"]

Component = Literal["task", "shot", "second", "qubit_second"]
"""What a job is charged for; a price names its components `per_<component>`."""

Outcome = str
"""How a job ended: the state it ended in, or `stopped` at a limit of its own size. These two and no others are charged:
`completed` and `stopped`."""

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["USD"])]

_Utc = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class _Term(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Duration(_Term):
    """A price per second, or per qubit-second, with the steps it is billed in."""

    amount: Amount
    """The price of one whole second or qubit-second."""
    quantum: Seconds = Decimal("0.000001")
    """The billing increment: what is consumed is rounded up to a whole number of these."""
    minimum: Seconds = Decimal(0)
    """The least that is billed once a task has run; rounded up to the increment like everything else."""

    @field_validator("quantum")
    @classmethod
    def _is_a_step(cls, quantum: Decimal) -> Decimal:
        if not quantum:
            raise PydanticCustomError("zero_quantum", 'must be longer than 0; leave it out for "0.000001"')
        return quantum


class Weights(_Term):
    """How many job billing units (JBU) one billed unit is worth; JBU compare jobs, they are not money."""

    task: Amount = Decimal(0)
    shot: Amount = Decimal(0)
    second: Amount = Decimal(0)
    qubit_second: Amount = Decimal(0)


class Listing(_Term):
    """A price as the book holds it. Its terms never change: a new price is a new listing with a new id."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
    """Names these terms for ever; invoices refer to it."""
    backend: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\*?$")]
    """A backend's id, or the start of several followed by `*`. An exact id wins, then the longest start."""
    valid_from: _Utc
    """The first moment these terms apply."""
    valid_until: _Utc | None = None
    """The first moment they no longer apply; open when absent."""
    source: Annotated[str, Field(min_length=1)]
    """Where the figures come from, in words a reader can check."""
    as_of: date
    """The day the source was read."""
    confidence: Literal["low", "medium", "high"]
    """How far to trust the figures; `high` only when checked at the vendor."""
    jbu: Weights = Weights()
    """Conversion into job billing units."""
    per_task: Amount | None = None
    """Charged for each task that ran."""
    per_shot: Amount | None = None
    """Charged for each completed shot."""
    per_second: Duration | None = None
    """Charged for the time on the backend."""
    per_qubit_second: Duration | None = Field(default=None, validate_default=True)
    """Charged for qubits times the time on the backend."""

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
                'for a free backend, say so with per_task = "0"',
            )
        return last

    @property
    def is_pattern(self) -> bool:
        return self.backend.endswith("*")

    def covers(self, backend: str) -> bool:
        """Tell whether these terms are meant for a backend, at whatever time."""
        return backend.startswith(self.backend[:-1]) if self.is_pattern else backend == self.backend

    def applies(self, at: datetime) -> bool:
        """Tell whether these terms are valid at a moment: from `valid_from`, up to but not including `valid_until`."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def overlaps(self, other: Listing) -> bool:
        """Tell whether two listings for the same backend are valid at the same moment."""
        first, second = sorted((self, other), key=lambda listing: listing.valid_from)
        return self.backend == other.backend and first.applies(second.valid_from)


class Price(Listing):
    """A listing with what it inherits from its book: all that rating needs, and all that a charge must cite."""

    currency: Currency
    book: str
    """The book's version."""
    book_digest: str
    """The book's content digest."""

    def terms(self, component: Component) -> tuple[Decimal, Decimal, Decimal] | None:
        """Return (unit price, quantum, minimum) of a component, or None where it is not priced."""
        term = getattr(self, f"per_{component}")
        if isinstance(term, Duration):
            return term.amount, term.quantum, term.minimum
        return None if term is None else (term, Decimal(1), Decimal(0))
