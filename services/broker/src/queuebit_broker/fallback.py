"""The fallback rule of a project, applied to one job: which backends may stand in for those that it asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from queuebit_broker.eligibility import Candidate, Silent, Verdict
from queuebit_contracts.job import Fallback, Submission
from queuebit_contracts.tenants import Project
from queuebit_contracts.wire import Reason
from queuebit_planning.eligibility import explain

__all__ = ["StandIns", "due", "fell_back", "rule_of", "stand_ins"]


@dataclass(frozen=True, slots=True)
class StandIns:
    """What the rule means for a job."""

    after_s: int
    candidates: tuple[Candidate, ...] = ()
    """In the order of the rule. The hold pays for each of them."""
    excluded: tuple[Reason, ...] = ()
    """Why other backends of the rule cannot run the job."""
    decided: Fallback | None = None
    """Set if the job runs only on these: what it asked for is out of service, and cannot estimate it."""


def rule_of(asked: Submission, project: Project | None, names: Collection[str]) -> tuple[str, ...]:
    """The backends of the project's rule, apart from those that the job asks for.

    A job that refuses a fallback, or that belongs to a session or a reservation, has none: these are on one backend.
    """
    if project is None or asked.fallback is False or asked.session is not None or asked.reservation is not None:
        return ()
    return tuple(it for it in project.fallback if it not in names)


def stand_ins(
    rule: Sequence[str],
    verdicts: Mapping[str, Verdict],
    after_s: int,
    *,
    payable: Callable[[Candidate], bool],
    vendor_budget: Callable[[Candidate], str | None],
    held_elsewhere: Callable[[Candidate], bool],
    asked_for: Candidate | None,
) -> StandIns:
    """Apply the rule.

    Args:
        rule: its backends.
        verdicts: of those that have registered.
        after_s: how long what the job asked for must be out of service.
        payable: whether the job's limit, its account and each budget can pay a candidate.
        vendor_budget: the budget of a candidate's vendor. A hold counts against the budget of one vendor at most.
        held_elsewhere: whether a hold of an earlier try stands, and counts against another vendor's budget.
        asked_for: a candidate that the job asked for; None if there is none, and the first of the rule then decides
            about the budget.
    """
    found: list[Candidate] = []
    excluded: list[Reason] = []
    for name in rule:
        verdict, first = verdicts.get(name), asked_for or (found[0] if found else None)
        if verdict is None:
            excluded.append(Reason(code="unknown_backend", text=f"{name} has not registered"))
        elif isinstance(verdict, Silent):
            excluded.append(Reason(code="no_answer", text=f"{name} did not answer when the job was admitted"))
        elif isinstance(verdict, tuple):
            excluded += explain(verdict)
        elif not payable(verdict):
            text = f"the job may cost up to {verdict.cost} on {name}, more than its limit, its account or a budget has"
            excluded.append(Reason(code="budget_exceeded", text=f"{text} left"))
        elif held_elsewhere(verdict):
            text = f"{name} counts against another vendor's budget than what is held for the job"
            excluded.append(Reason(code="other_vendor", text=text))
        elif first is not None and vendor_budget(verdict) != vendor_budget(first):
            text = f"{name} counts against another vendor's budget than {first.backend}"
            excluded.append(Reason(code="other_vendor", text=text))
        else:
            found.append(verdict)
    return StandIns(after_s, tuple(found), tuple(excluded))


def fell_back(names: Collection[str], interrupted: Mapping[str, datetime]) -> Fallback | None:
    """The label of a job that asked for these backends; None while one of them is in service."""
    if not names or not {*names} <= interrupted.keys():
        return None
    return Fallback(instead_of=tuple(sorted(names)), since=max(interrupted[it] for it in names))


def due(label: Fallback, after_s: int) -> datetime:
    """From when on the job may run on its fallback."""
    return label.since + timedelta(seconds=after_s)
