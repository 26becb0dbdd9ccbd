"""What a submission has to spend: its account, its budgets, and the cap of its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from queuebit_broker.accounts import Account, counted
from queuebit_broker.hybrid_policy import HybridRequest
from queuebit_broker.money_rules import counts_against
from queuebit_broker.session_rules import idle_cost
from queuebit_broker.snapshot import Cap, Request
from queuebit_broker.state import World
from queuebit_contracts.account import Hold
from queuebit_contracts.delegations import Authority
from queuebit_contracts.session import budget_of
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money

__all__ = ["Funds", "funds_of"]


@dataclass(frozen=True, slots=True)
class Funds:
    """What is left for a job, with the holds that are being made for others."""

    available: Money
    """On its account."""
    budgets: Mapping[str, Money]
    """Of each budget that it counts against, unless the cap of its session has reserved it there."""
    cap: Cap | None
    """Of its session."""


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
    available = account.available(currency) - sum(outside, Money.zero(currency))
    return Funds(available, _budgets(world, request, others, delegated, cap.budgets if cap else ()), cap)


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


def _budgets(
    world: World,
    request: Request | HybridRequest,
    others: Sequence[Hold],
    delegated: Authority | Reason | None,
    reserved: Sequence[str],
) -> dict[str, Money]:
    tenant = world.directory.tenant.get(request.tenant)
    if tenant is None or not tenant.budget:
        return {}
    owner = world.directory.user(request.tenant, request.submission.proof.key)
    user = delegated.user if isinstance(delegated, Authority) else owner and owner[0]
    left = dict[str, Money]()
    for name in counts_against(request.submission, tenant, user):
        if name not in reserved:
            limit = Money.of(tenant.budget[name].amount, tenant.budget[name].currency)
            committed = world.accounts.committed(request.tenant, name, limit.currency).total
            unreserved = [it for it in others if not _reserves(world, request.tenant, it, name)]
            left[name] = limit - committed - counted(unreserved, name, limit.currency)
    return left


def _reserves(world: World, tenant: str, hold: Hold, budget: str) -> bool:
    """Whether the cap of a hold's session has reserved what it counts against a budget."""
    cap = world.account(tenant, hold.account).cap_over(hold.budgets)
    return cap is not None and budget in cap.budgets
