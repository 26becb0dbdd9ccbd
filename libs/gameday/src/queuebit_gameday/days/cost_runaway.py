"""A loop spends the budget of a project."""

from __future__ import annotations

from typing import Final

from queuebit_gameday.days import BELL, completed
from queuebit_gameday.score import Score
from queuebit_gameday.scratch import Operator

__all__ = ["play"]

_LOOP, _OTHER = "loop", "other"
_BUDGET: Final = "0.01"
_MOST_JOBS: Final = 40


def play(stack: Operator, score: Score) -> None:
    """Submit jobs until the budget of 30 days is spent."""
    for name in (_LOOP, _OTHER):
        stack.qb("tenant", "add", name, "--budget", "100")
    stack.qb("tenant", "budget", _LOOP, "tenant", _BUDGET, "--window", "30d")
    first = completed(stack.submit(BELL, "--tenant", _LOOP))
    if not score.check("before", "a job within the budget completed", first is not None):
        return
    score.injected()
    ran, refused = 1, ""
    while not refused and ran < _MOST_JOBS:
        (job,) = stack.submit(BELL, "--tenant", _LOOP, shots=20_000) or [{}]
        reasons = job.get("reasons") or ()
        refused = next((str(it["code"]) for it in reasons if isinstance(it, dict)), "")
        ran += not refused
    score.check(
        "containment", "the loop is refused for its budget", refused == "budget_exceeded", refused or f"{ran} jobs ran"
    )
    left = _left(stack)
    score.check("containment", "no more than the budget was charged and held", left is not None, left or "overdrawn")
    other = completed(stack.submit(BELL, "--tenant", _OTHER))
    score.check("containment", "another tenant's job completes", other is not None, other or "none")

    def reached() -> str | None:
        query = "SELECT JSONExtractString(data, 'share') AS share FROM events WHERE type = 'qb.budget.reached.v1'"
        rows = stack.ask("sql", query) or ()
        shares = ", ".join(sorted(str(it["share"]) for it in rows))
        return f"shares of the budget that are reached: {shares}" if shares else None

    score.wait("detection", "the log says that the budget is reached", reached, 60)
    score.wait("detection", "the ticket BudgetSpent names the tenant", lambda: _ticket(stack), 60)
    stack.qb("tenant", "budget", _LOOP, "tenant", "5", "--window", "30d")
    again = completed(stack.submit(BELL, "--tenant", _LOOP))
    score.check("repair", "with a larger budget, jobs complete again", again is not None, again or "none")
    score.wait("repair", "the ticket ends", lambda: None if _ticket(stack) else "nothing fires", 60)
    score.check("repair", "`qb verify` finds that money adds up", stack.is_verified())


def _ticket(stack: Operator) -> str | None:
    return stack.firing(alertname="BudgetSpent", tenant=_LOOP, owner="billing")


def _left(stack: Operator) -> str | None:
    """What is left of the budget; None if it is overdrawn, or not known."""
    rows = [it for it in stack.ask("tenant", "budget", _LOOP) or () if it.get("limit") == _BUDGET]
    left = [str(it["left"]) for it in rows]
    return f"{left[0]} left of {_BUDGET}" if left and not left[0].startswith("-") else None
