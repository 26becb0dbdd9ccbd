"""What is kept of accounts, receipts, decisions and messages that belong nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from queuebit_contracts.account import (
    AccountCorrected,
    AccountFunded,
    AccountHeld,
    AccountReleased,
    AccountSettled,
)
from queuebit_contracts.job import Seal, SealV1
from queuebit_contracts.wire import Amount, Payload
from queuebit_runtime.log import Stored

__all__ = [
    "AccountEntry",
    "CheckSeal",
    "Decision",
    "Head",
    "Leaf",
    "Placed",
    "Stray",
    "entries",
]


CheckSeal = Callable[[str, str, Seal | SealV1], "str | None"]
"""Verifies the seal of a tenant's job; returns the fault, if there is one."""


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One entry of an account: a movement between budget, hold and charge."""

    sequence: int
    name: str
    job: str
    """Empty when the budget itself changed."""
    currencies: tuple[str, ...]
    amount: Decimal
    """The amount funded or held, or the hold that ended."""
    settled: Decimal = Decimal(0)
    released: Decimal = Decimal(0)
    revision: int = 0
    """The correction of the bill that it follows from; 0 for the first bill."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A job's place in the transparency log."""

    tenant: str
    job: str
    index: int
    entry: bytes
    revision: int
    """The correction of the job's bill that its receipt includes; 0 for the first receipt."""
    statement: str
    supersedes: str | None
    """The statement of the receipt before."""
    tree_size: int
    """The size that the signed head after it must have."""
    trouble: str | None
    """The reason why its seal does not verify."""


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head of the transparency log, and the number of leaves in `LOG` before it."""

    tree_size: int
    leaves: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement, as far as its decision determines it."""

    tenant: str
    job: str
    backend: str
    policy: str
    snapshot: str
    scores: tuple[tuple[str, int], ...]
    """By backend: expected completion in milliseconds."""

    @property
    def subject(self) -> str:
        return f"{self.tenant}/{self.job}"


@dataclass(frozen=True, slots=True)
class Decision:
    """One scheduling decision: what it was made from, and the placements that cite it."""

    payload: Payload
    placed: list[Placed]


@dataclass(frozen=True, slots=True)
class Stray:
    """An event under the wrong subject, or one that cannot be read."""

    sequence: int
    subject: str
    text: str
    by_client: bool
    """A client wrote it under its own subjects: harmless, because services ignore it."""


def entries(stored: Stored) -> list[AccountEntry]:
    """The entries that an event makes in its account; none for other events."""
    match stored.event:
        case AccountFunded(data=funding):
            return [AccountEntry(stored.sequence, "funded", "", (funding.amount.currency,), _exact(funding.amount))]
        case AccountHeld(data=hold):
            return [AccountEntry(stored.sequence, "held", hold.job, (hold.amount.currency,), _exact(hold.amount))]
        case AccountReleased(data=back):
            amount = _exact(back.amount)
            return [
                AccountEntry(stored.sequence, "released", back.job, (back.amount.currency,), amount, released=amount)
            ]
        case AccountSettled(data=data):
            currencies = (data.held.currency, data.settled.currency, data.released.currency)
            held, settled, released = _exact(data.held), _exact(data.settled), _exact(data.released)
            revision = data.revision or 0
            return [AccountEntry(stored.sequence, "settled", data.job, currencies, held, settled, released, revision)]
        case AccountCorrected(data=data):
            delta, currency = _exact(data.delta), data.delta.currency
            return [AccountEntry(stored.sequence, "corrected", data.job, (currency,), delta, revision=data.revision)]
        case _:
            return []


def _exact(amount: Amount) -> Decimal:
    return Decimal(amount.amount)
