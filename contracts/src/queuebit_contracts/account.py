"""Money set aside, spent and given back, one account a project."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from queuebit_contracts.wire import Amount, Event, Name, Wire

__all__ = [
    "AccountFunded",
    "AccountHeld",
    "AccountReleased",
    "AccountSettled",
    "Funding",
    "Hold",
    "Release",
    "Settlement",
]


class Funding(Wire):
    """The budget of an account grew, or shrank when the amount is negative."""

    tenant: Name
    account: Name
    amount: Amount
    note: str = Field(default="", max_length=200)


class Hold(Wire):
    """Part of the budget is set aside for one job."""

    tenant: Name
    account: Name
    job: Name
    amount: Amount


class Settlement(Wire):
    """A hold was turned into a charge; what the job did not need goes back. held = settled + released."""

    tenant: Name
    account: Name
    job: Name
    held: Amount
    settled: Amount
    released: Amount


class Release(Wire):
    """A hold was given back whole: its job was never accepted."""

    tenant: Name
    account: Name
    job: Name
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
