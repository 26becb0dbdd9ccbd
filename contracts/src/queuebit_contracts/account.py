"""Money set aside, spent and given back, one account a project."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.wire import Amount, Event, Moment, Name, Sentence, Wire, open_text

__all__ = [
    "PURPOSES",
    "AccountCorrected",
    "AccountExpired",
    "AccountFunded",
    "AccountGranted",
    "AccountHeld",
    "AccountReleased",
    "AccountSettled",
    "Adjustment",
    "Expiration",
    "Funding",
    "Granting",
    "Hold",
    "Release",
    "Settlement",
]


PURPOSES: Final = ("job", "session", "reservation", "program", "hybrid", "idle")
"""The purpose of a hold. The list may grow: readers treat unknown purposes like any other."""


class Funding(Wire):
    """The budget of an account grew, or shrank when the amount is negative."""

    tenant: Name
    account: Name
    amount: Amount
    note: str = Field(default="", max_length=200)


class Hold(Wire):
    """Part of the budget is set aside for one job, or for a session."""

    tenant: Name
    account: Name
    job: Name
    """The id of what the money is for; of a job, where `purpose` says nothing else."""
    amount: Amount
    purpose: Annotated[str, open_text(*PURPOSES)] | None = None
    """One of `PURPOSES`; absent means `job`. The hold of a `session` is shared with its jobs: see
    `queuebit_contracts.session`."""
    budgets: tuple[str, ...] | None = Field(default=None, max_length=16)
    """Names of the budgets that this counts against in addition to the account, such as `tenant` or `user:ada`."""
    quotas: tuple[str, ...] | None = Field(default=None, max_length=4)
    """Names of the quotas that the job counts against, such as `tenant`, `user:ada` or `class:batch:ada`; absent:
    none."""
    shots: int | None = Field(default=None, ge=0)
    """With `quotas`: all shots of the job."""
    qpu_us: int | None = Field(default=None, ge=0)
    """With `quotas`: the most time that it may take on a device, in microseconds."""


class Settlement(Wire):
    """A hold was turned into a charge; what the job did not need goes back. held = settled + released."""

    tenant: Name
    account: Name
    job: Name
    held: Amount
    settled: Amount
    released: Amount
    revision: int | None = Field(default=None, ge=1)
    """The correction of the bill that was settled; absent where it was the first bill."""


class Release(Wire):
    """A hold was given back whole: its job was never accepted, or its session closed."""

    tenant: Name
    account: Name
    job: Name
    amount: Amount


class Adjustment(Wire):
    """The bill of a job changed after its hold was settled."""

    tenant: Name
    account: Name
    job: Name
    revision: int = Field(ge=1)
    """The correction of the bill that caused this."""
    delta: Amount
    """Charged in addition to the settlement; a negative amount goes back to the account."""
    reason: Sentence
    budgets: tuple[str, ...] | None = Field(default=None, max_length=16)
    """As the job's hold names them."""


class Granting(Wire):
    """Prepaid credit for an account: it pays before the budget does, until it expires."""

    tenant: Name
    account: Name
    grant: Name
    """Its name among the grants of the tenant."""
    amount: Amount
    priority: int = Field(default=0, ge=0)
    """Of several grants, those of a lower priority pay first; of equal ones, the first to expire, then the oldest."""
    expires_at: Moment | None = None
    """Nothing is held on it from then on; absent: it does not expire."""


class Expiration(Wire):
    """What was left of a grant when it had expired, and was on hold for nothing, is taken back."""

    tenant: Name
    account: Name
    grant: Name
    amount: Amount


class AccountFunded(Event[Funding]):
    """The account's budget changed."""

    type: Literal["qb.account.funded.v1"] = "qb.account.funded.v1"


class AccountHeld(Event[Hold]):
    """Budget is held for a job; at most one hold a job."""

    type: Literal["qb.account.held.v1"] = "qb.account.held.v1"


class AccountSettled(Event[Settlement]):
    """A job's hold ended with its charge; exactly one for each accepted job."""

    type: Literal["qb.account.settled.v1"] = "qb.account.settled.v1"


class AccountReleased(Event[Release]):
    """A job's hold ended without a charge."""

    type: Literal["qb.account.released.v1"] = "qb.account.released.v1"


class AccountGranted(Event[Granting]):
    """Credit was granted to an account; once for each grant."""

    type: Literal["qb.account.granted.v1"] = "qb.account.granted.v1"


class AccountExpired(Event[Expiration]):
    """What is left of a grant is taken back."""

    type: Literal["qb.account.expired.v1"] = "qb.account.expired.v1"


class AccountCorrected(Event[Adjustment]):
    """A settled job costs more or less than was settled; one for each correction that changed its charge."""

    type: Literal["qb.account.corrected.v1"] = "qb.account.corrected.v1"
