"""Applies the gates of a policy to plans and runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from queuebit_ci.model import Check, Plan, Run, State
from queuebit_ci.policy import Gates, amount, percent
from queuebit_kernel import CurrencyMismatch, Money

__all__ = ["distribution_check", "plan_checks", "run_checks", "total_check"]


def plan_checks(plan: Plan, before: Plan | None, gates: Gates, *, compared: bool) -> Iterator[Check]:
    """The checks of a plan, one for each gate that has a limit; those of increases only if there is a baseline."""
    if gates.max_cost is not None:
        yield _most("cost", plan.cost, amount(gates.max_cost))
    if gates.min_esp is not None:
        yield _least("esp", plan.esp, gates.min_esp, f"{plan.backend} has no ESP: name a device as backend of the plan")
    if gates.max_depth is not None:
        yield _at_most("depth", "the depth", plan.depth, gates.max_depth)
    if gates.max_two_qubit_gates is not None:
        name = "the number of two-qubit gates"
        yield _at_most("two-qubit-gates", name, plan.two_qubit_gates, gates.max_two_qubit_gates)
    if compared:
        yield from _increases(plan, before, gates)


def run_checks(run: Run, gates: Gates) -> Iterator[Check]:
    """The checks of a run, except its distribution."""
    if gates.min_fidelity is not None:
        yield _least("fidelity", run.fidelity, gates.min_fidelity, "")


def distribution_check(run: Run, failed: bool, alpha: float, tests: int) -> Check:
    """Whether the counts fit the expected distribution, as `holm` decided over all circuits."""
    it = run.comparison
    beyond = f", beyond the tolerance of {it.tolerance:g}" if it.tolerance else ""
    among = f" over {tests} circuits" if tests > 1 else ""
    if not failed:
        text = f"{it.shots:,} shots fit the expected distribution: p = {it.p_value:.2g}, distance {it.distance:.3f}"
        return Check("distribution", "passed", text)
    hint = "; a backend with noise needs a tolerance" if not it.tolerance and run.backend.startswith("emulated") else ""
    text = (
        f"the counts differ from the expected distribution{beyond}: {it.largest} has {it.measured:.2%} of {it.shots:,} "
        f"shots, and {it.expected:.2%} were expected; distance {it.distance:.3f}, p = {it.p_value:.2g} "
        f"(false alarms: at most {alpha:g}{among}){hint}"
    )
    return Check("distribution", "failed", text)


def total_check(plans: Sequence[Plan], gates: Gates) -> Iterator[Check]:
    """The check of what all circuits cost together."""
    if gates.max_total_cost is None:
        return
    costs = [it.cost for it in plans if it.cost is not None]
    total = sum(costs[1:], costs[0]) if costs and len(costs) == len(plans) else None
    if plans:
        yield _most("total-cost", total, amount(gates.max_total_cost))


def _increases(plan: Plan, before: Plan | None, gates: Gates) -> Iterator[Check]:
    rules: tuple[tuple[str, str, str | None, Fraction | int | None, Fraction | int | None], ...] = (
        ("cost-increase", "the cost", gates.max_cost_increase, _number(plan), _number(before)),
        ("depth-increase", "the depth", gates.max_depth_increase, plan.depth, None if before is None else before.depth),
        (
            "two-qubit-increase",
            "the number of two-qubit gates",
            gates.max_two_qubit_increase,
            plan.two_qubit_gates,
            None if before is None else before.two_qubit_gates,
        ),
    )
    for rule, name, limit, now, earlier in rules:
        if limit is not None:
            yield _grown(rule, name, limit, now, earlier, before)
    if gates.max_esp_drop is not None:
        yield _dropped(plan, before, gates.max_esp_drop)


def _grown(
    rule: str, name: str, limit: str, now: Fraction | int | None, earlier: Fraction | int | None, before: Plan | None
) -> Check:
    if now is None or earlier is None:
        return _uncompared(rule, before)
    grown = Fraction(now) - earlier
    state: State = "failed" if grown > percent(limit) * earlier else "passed"
    return Check(rule, state, f"{name} went {_change(earlier, now)}; at most {limit} more is allowed")


def _dropped(plan: Plan, before: Plan | None, limit: float) -> Check:
    if plan.esp is None or before is None or before.esp is None:
        return _uncompared("esp-drop", before)
    state: State = "failed" if before.esp - plan.esp > limit else "passed"
    text = f"the success probability went from {before.esp:.2%} to {plan.esp:.2%}; a drop of {limit:.2%} is allowed"
    return Check("esp-drop", state, text)


def _uncompared(rule: str, before: Plan | None) -> Check:
    why = "the baseline does not have this circuit" if before is None else "one of the two plans does not have it"
    return Check(rule, "skipped", f"not compared: {why}")


def _most(rule: str, cost: Money | None, limit: Money) -> Check:
    if cost is None:
        return Check(rule, "skipped", "not checked: a plan without a stack has no price")
    try:
        state: State = "failed" if cost > limit else "passed"
    except CurrencyMismatch:
        return Check(rule, "failed", f"the price is {cost}, and the limit {limit}: write the limit in {cost.currency}")
    return Check(rule, state, f"it costs up to {cost}; the limit is {limit}")


def _least(rule: str, value: float | None, limit: float, missing: str) -> Check:
    name = {"esp": "the success probability", "fidelity": "the fidelity"}[rule]
    if value is None:
        return Check(rule, "skipped", f"not checked: {missing}")
    return Check(
        rule, "failed" if value < limit else "passed", f"{name} is {value:.2%}; at least {limit:.2%} is wanted"
    )


def _at_most(rule: str, name: str, value: int, limit: int) -> Check:
    return Check(rule, "failed" if value > limit else "passed", f"{name} is {value:,}; the limit is {limit:,}")


def _number(plan: Plan | None) -> Fraction | None:
    return None if plan is None or plan.cost is None else Fraction(plan.cost.amount)


def _change(earlier: Fraction | int, now: Fraction | int) -> str:
    by = f" ({float((now - earlier) / Fraction(earlier)):+.1%})" if earlier else ""
    return f"from {float(earlier):,.6g} to {float(now):,.6g}{by}"
