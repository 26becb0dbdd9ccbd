"""Announcements of budgets: a share of one is charged."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

from pydantic import Field

from queuebit_contracts.wire import Amount, DecimalText, Event, Name, Wire

__all__ = ["BudgetReached", "BudgetShare", "mark_of"]


class BudgetShare(Wire):
    """A share of a budget is charged: once for each period, share and amount."""

    tenant: Name
    mark: Name
    """Derived by `mark_of` from all that is announced once."""
    budget: str = Field(max_length=100)
    """Its name, such as `tenant` or `user:ada`."""
    period: str = Field(max_length=32)
    """A month, `2026-11`; of a window of days, the first day of these days, `2026-11-25`; else `all`."""
    window: str
    share: DecimalText
    """The share that is reached."""
    limit: Amount
    """The amount of the budget."""
    spent: Amount
    """Charged in the window."""
    held: Amount
    """On hold: it may be charged, too."""
    soft: bool = False
    """Whether the budget warns only."""
    spent_by: str | None = Field(default=None, max_length=10)
    """The day on which nothing will be left at the rate of the last seven days; absent if the window ends before."""


class BudgetReached(Event[BudgetShare]):
    """A share of a budget is charged; the first fact of its own subject, so it is announced once."""

    type: Literal["qb.budget.reached.v1"] = "qb.budget.reached.v1"


def mark_of(tenant: str, budget: str, period: str, share: str, limit: Amount) -> str:
    """The name of an announcement: `b` and 20 digits of base 32 over SHA-256 of its parts, in lines.

    A budget whose amount changes is announced again.
    """
    parts = ("budget", tenant, budget, period, share, limit.money.text(), limit.currency)
    image = hashlib.sha256("\n".join(parts).encode()).digest()
    return "b" + base64.b32encode(image[:15]).decode()[:20].lower()
