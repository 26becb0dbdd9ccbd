"""JSON documents of what the client returns: every front door shows programs the same fields.

Fields are only ever added. An amount is `{"amount", "currency"}` with exact digits as text; a time is RFC 3339 in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from queuebit.bulk import Outcome
from queuebit.errors import Reason
from queuebit.events import LoggedEvent, UnknownEvent
from queuebit.records import ItemResult, Prediction, Receipt, Result, Status, Step, Uncertainty, is_program
from queuebit_kernel import Money, rfc3339

if TYPE_CHECKING:
    from queuebit.hybrid_jobs import HybridStatus

__all__ = [
    "amount_document",
    "counts_document",
    "event_document",
    "hybrid_document",
    "outcome_document",
    "plan_document",
    "reasons_document",
    "receipt_document",
    "status_document",
    "step_document",
]


def amount_document(amount: Money | None) -> dict[str, str] | None:
    """An amount of money, with its exact digits."""
    return None if amount is None else {"amount": amount.text(), "currency": amount.currency}


def reasons_document(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    """Reasons of a rejection, failure or cancellation."""
    return [{"code": reason.code, "text": reason.text} for reason in reasons]


def status_document(status: Status) -> dict[str, object]:
    """A job, and all that happened to it."""
    return {
        "job": status.job,
        "state": status.state,
        "tenant": status.tenant,
        "project": status.project,
        "label": status.label,
        "backend": status.backend,
        "shots": status.shots,
        "delegation": status.delegation,
        "charge": amount_document(status.charge),
        "sealed": status.sealed,
        "reasons": reasons_document(status.reasons),
        "plan": plan_document(status.plan),
        "steps": [step_document(status.job, step) for step in status.steps],
    }


def plan_document(plan: Prediction | None) -> dict[str, object] | None:
    """What was expected of a job, beside what came of it."""
    if plan is None:
        return None
    return {
        "backend": plan.backend,
        "most_cost": amount_document(plan.most_cost),
        "charge": amount_document(plan.charge),
        "expected_run_s": plan.expected_run_s,
        "run_s": plan.run_s,
        "expected_fidelity": plan.expected_fidelity,
        "fidelity": plan.fidelity,
        "expected_s": plan.expected_s,
        "took_s": plan.took_s,
        "waited_s": plan.waited_s,
    }


def hybrid_document(status: HybridStatus) -> dict[str, object]:
    """A hybrid job; its charge is that of its own time."""
    return {
        "hybrid": status.hybrid,
        "state": status.state,
        "label": status.label,
        "project": status.project,
        "max_time_s": status.max_time_s,
        "attempt": status.attempt,
        "submitted_at": rfc3339(status.submitted_at),
        "ended_at": rfc3339(status.ended_at) if status.ended_at else None,
        "time_s": status.time_s,
        "processor_s": status.processor_s,
        "hold": amount_document(status.hold),
        "charge": amount_document(status.charge),
        "reasons": reasons_document(status.reasons),
    }


def step_document(job: str, step: Step) -> dict[str, object]:
    """One event of a job."""
    return {"job": job, "event": step.event, "at": rfc3339(step.at), "detail": step.detail}


def event_document(logged: LoggedEvent) -> dict[str, object]:
    """An event that was followed; one of an unknown type as it was written."""
    event = logged.event
    if isinstance(event, UnknownEvent):
        written = json.loads(event.raw)
    else:
        written = event.model_dump(mode="json", exclude_none=True)
    return {"sequence": logged.sequence, "subject": logged.subject, "event": written}


def counts_document(result: Result | None) -> dict[str, object]:
    """What a job returned: its counts with their uncertainty, `items` where it ran a program, a fallback, a shared run,
    any doubt."""
    if result is None:
        return {"counts": None}
    found: dict[str, object] = {"counts": dict(result.counts) or None}
    if is_program(result):
        found["items"] = [_item(it) for it in result.items]
    else:
        found["counts"] = dict(result.counts)
    if result.counts:
        found["uncertainty"] = _uncertainty(result.uncertainty, result.counts)
    if result.fallback:
        found["fallback"] = {"instead_of": [*result.fallback.instead_of], "since": rfc3339(result.fallback.since)}
    if result.shared:
        found["shared"] = {"circuits": result.shared.circuits, "region": [*result.shared.region]}
    if result.checks:
        found["checks"] = [asdict(it) for it in result.checks]
    return found | ({"suspect": asdict(result.suspect)} if result.suspect else {})


def outcome_document(outcome: Outcome, shots: int, backend: str | None) -> dict[str, object]:
    """How far a submitted job came; `shots` and `backend` as they were asked for."""
    status = outcome.status
    return {
        "job": outcome.job,
        "state": outcome.state,
        "shots": shots,
        "backend": status.backend if status else backend,
        **counts_document(outcome.result),
        "charge": amount_document(status.charge if status else None),
        "receipt": receipt_document(outcome.receipt, outcome.verified),
        "reasons": reasons_document(outcome.reasons),
    }


def receipt_document(receipt: Receipt | None, verified: bool | None) -> dict[str, object] | None:
    """A receipt in short, and whether it was verified."""
    if receipt is None:
        return None
    return {"leaf_index": receipt.leaf_index, "statement": receipt.statement, "verified": verified}


def _item(item: ItemResult) -> dict[str, object]:
    found = {name: value for name, value in asdict(item).items() if value is not None and value != ()}
    return found | ({"uncertainty": _uncertainty(item.uncertainty, item.counts or {})} if item.uncertainty else {})


def _uncertainty(how: Uncertainty, counts: Mapping[str, int]) -> dict[str, object]:
    found = {bits: list(it) for bits, it in how.intervals(counts).items()}
    level: dict[str, object] = {"level": how.level} if how.level else {}
    return {"method": how.method, **level, **({"intervals": found} if found else {})}
