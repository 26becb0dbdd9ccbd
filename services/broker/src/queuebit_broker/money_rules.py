"""Reasons against a submission that concern money, with the next step for its author."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from queuebit_broker.budgets import Budgets, frees_text
from queuebit_broker.eligibility import Candidate
from queuebit_broker.snapshot import Request
from queuebit_contracts.hybrid import HybridSubmission
from queuebit_contracts.job import Submission
from queuebit_contracts.tenants import Project, Tenant
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money

__all__ = ["about_budgets", "about_cap", "about_currency", "about_money", "budgets_of", "counts_against"]


def counts_against(asked: Submission | HybridSubmission, tenant: Tenant | None, user: str | None) -> list[str]:
    """The names of the budgets that a job counts against, of those that its tenant has."""
    workload = asked.workload_class if isinstance(asked, Submission) else None
    return budgets_of(asked.project, user, tenant, asked.tags or (), workload)


def budgets_of(
    project: str, user: str | None, tenant: Tenant | None, tags: Iterable[str] = (), workload: str | None = None
) -> list[str]:
    """The budgets of a tenant that what a user does in a project counts against."""
    names = ["tenant", f"project:{project}", *([f"user:{user}"] if user else [])]
    names += [f"tag:{tag}" for tag in dict.fromkeys(tags)]
    names += [f"class:{workload}"] if workload else []
    return [name for name in names if tenant is not None and name in tenant.budget]


def about_currency(asked: Submission, project: Project, currency: str) -> Iterator[Reason]:
    """Nothing here converts."""
    if project.currency != currency:
        yield Reason(
            code="currency_mismatch",
            text=f"project {asked.project} has its budget in {project.currency} and prices are in {currency}: "
            f"submit to a project whose budget is in {currency}",
        )
    if asked.max_cost is not None and asked.max_cost.currency != currency:
        yield Reason(
            code="currency_mismatch",
            text=f"max_cost is in {asked.max_cost.currency} and prices are in {currency}: state it in that currency",
        )


def about_budgets(tenant: str, limits: Mapping[str, Money], currency: str) -> Iterator[Reason]:
    """Nothing here converts."""
    for name, left in limits.items():
        if left.currency != currency:
            yield Reason(
                code="currency_mismatch",
                text=f"budget {name} of tenant {tenant} is in {left.currency} and prices are in {currency}: "
                f"set it in {currency} with `qb tenant budget {tenant} {name} AMOUNT --currency {currency}`",
            )


def about_money(
    request: Request, left: Money | None, budgets: Budgets, candidates: Sequence[Candidate]
) -> Iterator[Reason]:
    """Whether not even the cheapest candidate can be paid: each limit, account and budget that it exceeds.

    Of an account that does not exist nothing is said.
    """
    if not candidates:
        return
    asked = request.submission
    cheapest = min(candidates, key=lambda it: (it.cost.amount, it.backend))
    may_cost = f"the job may cost up to {cheapest.cost} on {cheapest.backend}"
    if asked.max_cost is not None and cheapest.cost > asked.max_cost.money:
        yield Reason(
            code="max_cost_exceeded",
            text=f"{may_cost}, more than the {asked.max_cost.money} it is allowed: raise max_cost, or ask for fewer "
            "shots",
        )
    if left is not None and cheapest.cost > left:
        yield Reason(
            code="budget_exceeded",
            text=f"{may_cost}, and project {asked.project} has {left} left: raise its budget with "
            f"`qb tenant fund {request.tenant} {asked.project} AMOUNT`, ask for fewer shots, or wait for "
            "running jobs, which give back what they do not need",
        )
    for name, rest in budgets.shared.items():
        if cheapest.cost > rest:
            yield Reason(
                code="budget_exceeded",
                text=f"{may_cost}, and budget {name} of tenant {request.tenant} has {rest} left: raise it with "
                f"`qb tenant budget {request.tenant} {name} AMOUNT`, ask for fewer shots, "
                f"{frees_text(budgets.spending.get(name), cheapest.cost)}",
            )


def about_cap(asked: Submission, left: Money, candidates: Sequence[Candidate]) -> Iterator[Reason]:
    """Whether not even the cheapest candidate can be paid from the cap of the job's session."""
    if not candidates:
        return
    cheapest = min(candidates, key=lambda it: (it.cost.amount, it.backend))
    if cheapest.cost > left:
        yield Reason(
            code="session_cap",
            text=f"the job may cost up to {cheapest.cost} on {cheapest.backend}, and session {asked.session} has "
            f"{left} of its cap left: ask for fewer shots, wait for its running jobs, which give back what they do not "
            "need, or open another session",
        )
