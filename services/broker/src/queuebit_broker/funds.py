"""What a submission has to spend: its account, its budgets, and the cap of its session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from queuebit_broker.accounts import Account, counted
from queuebit_broker.budgets import VENDOR, Budgets
from queuebit_broker.hybrid_policy import HybridRequest
from queuebit_broker.money_rules import budgets_of, counts_against
from queuebit_broker.quotas import QuotaLeft, quotas_left, quotas_of
from queuebit_broker.session_rules import idle_cost
from queuebit_broker.snapshot import Cap, Request
from queuebit_broker.state import World
from queuebit_contracts.account import Hold
from queuebit_contracts.delegations import Authority
from queuebit_contracts.session import budget_of
from queuebit_contracts.tenants import Budget, Tenant
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money
from queuebit_ledger import Spending

__all__ = ["Funds", "budgets_for", "budgets_left", "funds_of", "spending_of"]


@dataclass(frozen=True, slots=True)
class Funds:
    """What is left for a job, with the holds that are being made for others."""

    available: Money
    """On its account."""
    cap: Cap | None
    """Of its session."""
    budgets: Budgets
    """That it counts against, unless the cap of its session has reserved it there."""
    quotas: tuple[QuotaLeft, ...] = ()
    """That it counts against."""


def funds_of(
    world: World,
    request: Request | HybridRequest,
    others: Sequence[Hold],
    delegated: Authority | Reason | None,
    now: datetime,
    currency: str,
) -> Funds:
    """What is left.

    Args:
        world: what the log says.
        request: the submission.
        others: holds that are being made in the same batch.
        delegated: what its delegated key may do, if it names one.
        now: the time.
        currency: of the prices.
    """
    project = request.submission.project
    account = world.account(request.tenant, project)
    outside = (it.amount.money for it in others if it.account == project and account.cap_over(it.budgets) is None)
    cap = _cap(world, request, account, others, now)
    available = account.available_at(currency, now) - sum(outside, Money.zero(currency))
    tenant = world.directory.tenant.get(request.tenant)
    budgets = Budgets()
    if tenant is not None and tenant.budget:
        names = _counts_against(world, request, tenant, delegated)
        if isinstance(request, Request):  # where it runs is open: each vendor's is looked at
            names += [it for it in tenant.budget if it.startswith(VENDOR)]
        reserved = cap.budgets if cap else ()
        found = [it for it in names if it not in reserved]
        budgets = budgets_left(world, request.tenant, found, others, now)
    quotas: tuple[QuotaLeft, ...] = ()
    if tenant is not None and tenant.quota and isinstance(request, Request):
        user, work = _user(world, request, delegated), request.submission.workload_class
        counted_by = quotas_of(project, user, tenant, work)
        quotas = quotas_left(world.quota_use, request.tenant, tenant, counted_by, others, now)
    return Funds(available, cap, budgets, quotas)


def budgets_left(world: World, tenant: str, names: Sequence[str], others: Sequence[Hold], now: datetime) -> Budgets:
    """What some budgets of a tenant have left, with the holds that are being made for others."""
    hard, soft, spending = dict[str, Money](), list[str](), dict[str, Spending]()
    entry = world.directory.tenant.get(tenant) or Tenant()
    for name in names:
        if entry.budget[name].soft:
            soft.append(name)
            continue
        it = spending[name] = spending_of(world, tenant, name, entry.budget[name], now)
        unreserved = [hold for hold in others if not _reserves(world, tenant, hold, name)]
        hard[name] = it.left - counted(unreserved, name, it.limit.currency)
    return Budgets(hard, tuple(soft), spending)


def budgets_for(world: World, tenant: str, project: str, user: str | None, now: datetime) -> Budgets:
    """What the budgets have left that a session or a reservation of the user counts against."""
    return budgets_left(world, tenant, budgets_of(project, user, world.directory.tenant.get(tenant)), (), now)


def spending_of(world: World, tenant: str, name: str, budget: Budget, now: datetime) -> Spending:
    """What became of a budget in its window."""
    limit = Money.of(budget.amount, budget.currency)
    committed = world.accounts.committed(tenant, name, limit.currency)
    by_day = world.accounts.spent_by_day(tenant, name, limit.currency)
    today = now.astimezone(UTC).date()
    return Spending(budget.window, today, limit, committed.held, committed.spent, by_day)


def _cap(
    world: World, request: Request | HybridRequest, account: Account, others: Sequence[Hold], now: datetime
) -> Cap | None:
    session = request.submission.session
    if session is None:
        return None
    known, hold = world.sessions.find(request.tenant, session), account.sessions.get(session)
    if known is None or known.session.cap is None:
        return None
    cap, budget = known.session.cap.money, budget_of(session)
    under_way = counted(others, budget, cap.currency)
    if hold is None:  # the session has ended, and its idle time is held
        return Cap(
            cap - world.accounts.committed(request.tenant, budget, cap.currency).total - under_way, (), open=False
        )
    idle = idle_cost(known, now) or Money.zero(cap.currency)
    return Cap(hold.amount - idle - under_way, hold.budgets)


def _counts_against(
    world: World, request: Request | HybridRequest, tenant: Tenant, delegated: Authority | Reason | None
) -> list[str]:
    return counts_against(request.submission, tenant, _user(world, request, delegated))


def _user(world: World, request: Request | HybridRequest, delegated: Authority | Reason | None) -> str | None:
    """Whose key signed it, or for whom a delegated key did."""
    owner = world.directory.user(request.tenant, request.submission.proof.key)
    return delegated.user if isinstance(delegated, Authority) else owner and owner[0]


def _reserves(world: World, tenant: str, hold: Hold, budget: str) -> bool:
    """Whether the cap of a hold's session has reserved what it counts against a budget."""
    cap = world.account(tenant, hold.account).cap_over(hold.budgets)
    return cap is not None and budget in cap.budgets
