"""What the budgets of a tenant have left, and those of vendors, which count where a job may run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from queuebit_broker.eligibility import Candidate
from queuebit_contracts.backend import Registration
from queuebit_contracts.tenants import vendor_name
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money
from queuebit_ledger import Spending

__all__ = ["VENDOR", "Budgets", "about_vendors", "frees_text", "of_one_vendor"]

VENDOR: Final = "vendor:"
"""What the names of vendors' budgets begin with."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets that a job counts against, with the holds that are being made for others."""

    hard: Mapping[str, Money] = field(default_factory=dict)
    """What is left of those that refuse, by name; vendors' too, of which a job counts against one at most."""
    soft: tuple[str, ...] = ()
    """Those that only warn."""
    spending: Mapping[str, Spending] = field(default_factory=dict)
    """What became of those that refuse."""

    @property
    def shared(self) -> Mapping[str, Money]:
        """What is left of those that count on any backend."""
        return {name: left for name, left in self.hard.items() if not name.startswith(VENDOR)}

    @property
    def counted(self) -> tuple[str, ...]:
        """The names of all that count on any backend."""
        return (*self.shared, *(name for name in self.soft if not name.startswith(VENDOR)))

    def of_vendor(self, candidate: Candidate, backends: Mapping[str, Registration]) -> str | None:
        """The budget of a candidate's vendor; None if there is none."""
        name = VENDOR + vendor_name(backends[candidate.backend].vendor)
        return name if name in self.hard or name in self.soft else None


def of_one_vendor(
    candidates: Sequence[Candidate], budgets: Budgets, backends: Mapping[str, Registration]
) -> list[Candidate]:
    """The candidates whose vendor's budget can pay, of the cheapest one's budget only.

    A hold names the budgets that it counts against before the job is placed. So a job may run at the vendors of one
    budget, or at those that have none.
    """
    names = {it.backend: budgets.of_vendor(it, backends) for it in candidates}
    payable = [it for it in candidates if _pays(it.cost, names[it.backend], budgets)]
    if not payable:
        return []
    cheapest = min(payable, key=lambda it: (it.cost.amount, it.backend))
    return [it for it in payable if names[it.backend] == names[cheapest.backend]]


def about_vendors(
    tenant: str, candidates: Sequence[Candidate], budgets: Budgets, backends: Mapping[str, Registration]
) -> Iterator[Reason]:
    """If no candidate's vendor has a budget that can pay: the cheapest one of each budget, and what is left."""
    if not candidates or of_one_vendor(candidates, budgets, backends):
        return
    cheapest: dict[str, Candidate] = {}
    for it in sorted(candidates, key=lambda it: (it.cost.amount, it.backend)):
        cheapest.setdefault(budgets.of_vendor(it, backends) or "", it)
    for name, it in cheapest.items():
        yield Reason(
            code="budget_exceeded",
            text=f"the job may cost up to {it.cost} on {it.backend}, and budget {name} of tenant {tenant} has "
            f"{budgets.hard[name]} left: raise it with `qb tenant budget {tenant} {name} AMOUNT`, ask for fewer shots, "
            f"{frees_text(budgets.spending.get(name), it.cost)}",
        )


def frees_text(spending: Spending | None, need: Money) -> str:
    """What waiting is good for: a day on which the window of a budget gives back enough, or running jobs."""
    if spending is None or spending.limit.currency != need.currency or (day := spending.frees(need)) is None:
        return "or wait for running jobs, which give back what they do not need"
    return f"or wait until {day:%a} {day.day} {day:%b %Y}, when its window, {spending.window}, gives back enough"


def _pays(cost: Money, name: str | None, budgets: Budgets) -> bool:
    left = budgets.hard.get(name or "")
    return left is None or (left.currency == cost.currency and cost <= left)
