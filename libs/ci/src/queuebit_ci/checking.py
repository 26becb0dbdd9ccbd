"""Checks all circuits of a change: plans them, runs those with an expected distribution, and applies the gates."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from queuebit_ci.gates import distribution_check, plan_checks, run_checks, total_check
from queuebit_ci.model import Check, CircuitReport, Plan, Report, Run
from queuebit_ci.platforms import Platform
from queuebit_ci.policy import Policy, RunRule
from queuebit_ci.selection import Candidate
from queuebit_ci.significance import compare, fidelity, holm
from queuebit_kernel import digest

__all__ = ["Checking"]

_AT_ONCE = 8
_SEED_DIGITS = 8
"""32 bits, which every simulator takes."""

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Checking:
    """One pass over the circuits of a change."""

    platform: Platform
    policy: Policy
    baseline: Mapping[str, Plan] | None = None
    """Plans of an earlier time; None: each circuit is compared with its source at the base."""
    run: bool = True
    """Whether circuits run, or are only planned."""

    tests: int = 1
    """How many distributions share the false alarm rate, about; it sets how finely p-values are resolved."""

    async def report(
        self, candidates: Sequence[Candidate], *, offline: bool = False, against: str | None = None
    ) -> Report:
        """Check all candidates; `against` names what they are compared with.

        Raises:
            QueuebitError: the platform did not answer, or the user may not ask.
        """
        circuits = await _each(partial(self._circuit, compared=against is not None), candidates)
        circuits, tested = _judge(circuits, self.policy.run.alpha)
        plans = [it.plan for it in circuits if it.plan]
        checks = tuple(total_check(plans, self.policy.gates))
        return Report(tuple(circuits), checks, against, offline, self.policy.run.alpha, tested)

    async def _circuit(self, candidate: Candidate, *, compared: bool) -> CircuitReport:
        if candidate.fault:
            return CircuitReport(candidate.path, candidate.digest, (Check("circuit", "failed", candidate.fault),))
        plan = await self.platform.plan(candidate.program, self.policy.plan)
        if isinstance(plan, Check):
            return CircuitReport(candidate.path, candidate.digest, (plan,))
        gates = self.policy.gates_of(candidate.path)
        before = await self._before(candidate)
        comparable = before if before and before.backend == plan.backend else None
        planned = Check("circuit", "passed", f"{plan.backend} can run it")
        checks = [planned, *plan_checks(plan, comparable, gates, compared=compared)]
        found = CircuitReport(candidate.path, candidate.digest, tuple(checks), plan, comparable)
        if candidate.expected is None or not self.run:
            return found
        measured = await self._measured(candidate)
        if isinstance(measured, Check):
            return replace(found, checks=(*checks, measured))
        return replace(found, checks=(*checks, *run_checks(measured, gates)), run=measured)

    async def _before(self, candidate: Candidate) -> Plan | None:
        if self.baseline is not None:
            return self.baseline.get(candidate.path)
        if candidate.before is None:
            return None
        plan = await self.platform.plan(candidate.before, self.policy.plan)
        return plan if isinstance(plan, Plan) else None

    async def _measured(self, candidate: Candidate) -> Run | Check:
        rule, expected = _seeded(self.policy.run, candidate.digest), candidate.expected
        if expected is None or candidate.is_batch:
            return Check("distribution", "skipped", "not run: the distributions of a batch are not compared")
        shots = expected.shots or rule.shots
        measured = await self.platform.run(candidate, rule, shots)
        if isinstance(measured, Check):
            return measured
        distribution = expected.distribution()
        try:
            comparison = compare(
                measured.counts,
                distribution,
                tolerance=expected.tolerance,
                seed=rule.seed,
                resolution=rule.alpha / self.tests,
            )
        except ValueError as error:
            return Check("distribution", "failed", str(error))
        return Run(
            backend=measured.backend,
            shots=shots,
            seed=rule.seed,
            counts=measured.counts,
            comparison=comparison,
            fidelity=fidelity(measured.counts, distribution),
            job=measured.job,
            charge=measured.charge,
            repeated=measured.repeated,
        )


def _seeded(rule: RunRule, circuit: str) -> RunRule:
    """The rule with a seed of this circuit: circuits that shared one would pass or fail together."""
    own = digest(f"{rule.seed}/{circuit}".encode()).removeprefix("sha256:")
    return rule.model_copy(update={"seed": int(own[:_SEED_DIGITS], 16)})


def _judge(circuits: Sequence[CircuitReport], alpha: float) -> tuple[list[CircuitReport], int]:
    """Add the check of each distribution: all of them together have the false alarm rate."""
    tested = [it for it in circuits if it.run]
    failed = holm([it.run.comparison.p_value for it in tested if it.run], alpha)
    checks = {
        it.path: distribution_check(it.run, bad, alpha, len(tested))
        for it, bad in zip(tested, failed, strict=True)
        if it.run
    }
    judged = [replace(it, checks=(*it.checks, checks[it.path])) if it.path in checks else it for it in circuits]
    return judged, len(tested)


async def _each(work: Callable[[_In], Awaitable[_Out]], items: Sequence[_In]) -> list[_Out]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(item: _In) -> _Out:
        async with turn:
            return await work(item)

    return await asyncio.gather(*map(one, items))
