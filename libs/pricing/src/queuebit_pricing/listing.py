"""One price: backend, validity period, source, and the costs of its components."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from queuebit_kernel.exact import places, product
from queuebit_pricing.exact import Amount, Seconds

__all__ = [
    "COUNTED",
    "GATES",
    "MOST_PLACES",
    "PREEMPTED",
    "Component",
    "Credits",
    "Currency",
    "Duration",
    "Listing",
    "Minimum",
    "Outcome",
    "Rounding",
    "Weights",
]

Component = Literal["task", "shot", "second", "qubit_second", "gate_1q", "gate_2q", "measurement", "base", "minimum"]
"""A line of a charge. The key in a price is `per_<component>`; that of `base` and `minimum` is `minimum`."""

COUNTED: Final[tuple[Component, ...]] = (
    "task",
    "shot",
    "second",
    "qubit_second",
    "gate_1q",
    "gate_2q",
    "measurement",
)
"""The components that have a price per unit, in the order of lines."""

GATES: Final[frozenset[Component]] = frozenset({"gate_1q", "gate_2q", "measurement"})
"""The components whose quantity follows from the compiled circuit."""

MOST_PLACES: Final = 12
"""The most decimal places of a unit price in money."""

Outcome = str
"""The final state of a job; `stopped` for a run without a result that is charged for what it used, `reserved` for one
in a reservation that pays for it. Only `completed` and `stopped` are charged."""

PREEMPTED: Final = "preempted"
"""The code of a failure for which the vendor stopped the run in favour of another."""

Rounding = Literal["up", "nearest", "down"]
"""The direction in which a duration becomes a multiple of its increment; `nearest` rounds half an increment up."""

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["USD"])]

_Utc = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class _Term(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Duration(_Term):
    """A price per second or per qubit-second, with its billing increment."""

    amount: Amount
    """The price of one whole second or qubit-second."""
    quantum: Seconds = Decimal("0.000001")
    """The billing increment: the consumed time is rounded to a multiple of it."""
    minimum: Seconds = Decimal(0)
    """The minimum time that is billed if a task has run; rounded like the time."""
    rounding: Rounding = "up"
    """Whether the time is rounded up, to the nearest multiple, or down."""

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
    gate_1q: Amount = Decimal(0)
    gate_2q: Amount = Decimal(0)
    measurement: Amount = Decimal(0)


class Minimum(_Term):
    """An amount for each task that ran, beside or below its other components."""

    amount: Amount
    rule: Literal["base", "floor"]
    """`base`: the amount is added to the other components, as a line `base`. `floor`: it costs at least this much;
    what is missing is a line `minimum`."""


class Credits(_Term):
    """A virtual currency. All amounts of the price are in it; charges are in money, at a fixed conversion."""

    unit: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,15}$", examples=["HQC", "AQT", "JBU"])]
    """The name of one credit."""
    price: Amount
    """The price of one credit in the book's currency."""


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
    spot: bool = False
    """Whether this is the price of spot jobs, which run only while no other job wants the backend; a backend without
    one runs none. In no component it may be above the other price of the backend."""
    jbu: Weights = Weights()
    """Conversion into job billing units."""
    per_task: Amount | None = None
    """Charged for each task that ran."""
    per_shot: Amount | None = None
    """Charged for each completed shot."""
    per_second: Duration | None = None
    """Charged for time on the backend."""
    per_qubit_second: Duration | None = None
    """Charged for qubits times time on the backend."""
    per_gate_1q: Amount | None = None
    """Charged for each gate on one qubit of the compiled circuit, times shots."""
    per_gate_2q: Amount | None = None
    """Charged for each gate on two qubits of the compiled circuit, times shots. A gate on n > 2 qubits counts as
    6(n - 2)."""
    per_measurement: Amount | None = None
    """Charged for each preparation, reset and measurement of a qubit, times shots."""
    minimum: Minimum | None = None
    """An amount for each job that ran, as base or floor."""
    credits: Credits | None = None
    """The virtual currency of the components and the minimum of this price; absent: they are in the book's currency."""
    free_when: tuple[Literal["cancelled", "failed", "reserved"], ...] | None = None
    """Jobs that cost nothing although they used the backend: stopped by a cancellation, failed at a limit of their
    size, or run in a reservation that pays for them. Without it, usage is charged in all three cases."""
    charged_when: tuple[Literal["failed", "preempted"], ...] | None = None
    """Jobs that cost what they used although they have no result and reached no limit: failed, or taken away by the
    vendor after they had started. Without it, both are free. A job that used nothing is always free."""
    per_session_idle_second: Amount | None = None
    """Charged for each whole second in which a session on the backend is open and has no job; absent: free. It is no
    component of a job, and always in the book's currency."""

    per_session_second: Amount | None = None
    """Charged for each whole second from the opening of a session on the backend to its end, with or without a job;
    instead of `per_session_idle_second`; its jobs cost their own price beside it. It is no component of a job, and
    always in the book's currency."""

    per_reserved_second: Amount | None = None
    """Charged for each whole second of a reservation of the backend, used or idle, in which it was in service; absent:
    it cannot be reserved. Jobs in the slot cost their own price beside it, unless `free_when` has `reserved`. It is no
    component of a job, and always in the book's currency."""

    @field_validator("valid_until")
    @classmethod
    def _ends_after_it_starts(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        since = info.data.get("valid_from")
        if until is not None and since is not None and until <= since:
            raise PydanticCustomError("never_valid", "must be later than valid_from: correct one of the two")
        return until

    @model_validator(mode="after")
    def _prices_something(self) -> Listing:
        if not any(getattr(self, f"per_{it}") is not None for it in COUNTED) and self.minimum is None:
            raise PydanticCustomError(
                "no_component",
                "the price has no component: add per_task, per_shot, per_second or another of pricebook.schema.json; "
                'for a free backend, set per_task = "0"',
            )
        return self

    @model_validator(mode="after")
    def _has_one_clock(self) -> Listing:
        if self.per_session_second is not None and self.per_session_idle_second is not None:
            raise PydanticCustomError(
                "two_clocks",
                "has per_session_second and per_session_idle_second: remove one, or idle time is paid twice",
            )
        return self

    @model_validator(mode="after")
    def _says_one_thing_of_failures(self) -> Listing:
        if "failed" in (self.free_when or ()) and "failed" in (self.charged_when or ()):
            raise PydanticCustomError(
                "free_and_charged", "failed jobs are in free_when and in charged_when: remove them from one of the two"
            )
        return self

    @model_validator(mode="after")
    def _is_exact_in_money(self) -> Listing:
        if self.credits is not None:
            most = max(places(it) for it in self._amounts()) + places(self.credits.price)
            if most > MOST_PLACES:
                raise PydanticCustomError(
                    "credit_places",
                    "an amount times credits.price has {most} decimal places: use at most {limit} for both together",
                    {"most": most, "limit": MOST_PLACES},
                )
        return self

    def _amounts(self) -> list[Decimal]:
        terms = [getattr(self, f"per_{it}") for it in COUNTED]
        found = [it.amount if isinstance(it, Duration) else it for it in terms]
        return [it for it in (*found, self.minimum.amount if self.minimum else None) if it is not None]

    def unit_price(self, component: str) -> Decimal | None:
        """Return the price of a unit of a component, or of `credits`, in money; None if it has none."""
        if component == "credits":
            return None if self.credits is None else self.credits.price
        term = getattr(self, f"per_{component}", None)
        if component == "base" and self.minimum is not None and self.minimum.rule == "base":
            term = self.minimum.amount
        amount = term.amount if isinstance(term, Duration) else term
        if amount is None or self.credits is None or component not in {*COUNTED, "base"}:
            return amount
        return product(amount, self.credits.price)

    @property
    def is_pattern(self) -> bool:
        return self.backend.endswith("*")

    @property
    def precedence(self) -> tuple[bool, int]:
        """Of several prices that cover a backend, the one with the largest counts: an exact id, or else the longest."""
        return not self.is_pattern, len(self.backend)

    def covers(self, backend: str) -> bool:
        """Return whether this price is for a backend, at any time."""
        return backend.startswith(self.backend[:-1]) if self.is_pattern else backend == self.backend

    def applies(self, at: datetime) -> bool:
        """Return whether this price is valid at a time: from `valid_from` (inclusive) to `valid_until` (exclusive)."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    def overlaps(self, other: Listing) -> bool:
        """Return whether two listings for the same backend, both for spot jobs or both not, are valid at one time."""
        first, second = sorted((self, other), key=lambda listing: listing.valid_from)
        same = self.backend == other.backend and self.spot == other.spot
        return same and first.applies(second.valid_from)
