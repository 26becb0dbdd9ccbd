"""Which events of the log are actions of a person or a service, and the words for them.

Every type of the catalogue is in one of the two tables; a test fails for a new type that is in neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from queuebit_contracts.catalog import CATALOG
from queuebit_contracts.wildcards import every

__all__ = ["ABOUT", "ACTIONS", "NO_ACTIONS", "VOCABULARY", "WORDS", "Action", "named", "subjects", "types_of"]

VOCABULARY: Final = "audit/2"
"""The version of the words and of the form of a record. Any change of either is a new version."""

ABOUT: Final = (
    "money",
    "keys",
    "roles",
    "policies",
    "results",
    "configuration",
    "work",
    "operation",
    "reads",
    "refusals",
)
"""What an action is about."""


@dataclass(frozen=True, slots=True)
class Action:
    """How events of one type are recorded."""

    name: str
    """Noun and verb, such as `account.fund`."""
    about: str
    """One of `ABOUT`."""
    object: str
    """What it was done to; names in braces are fields of the event's data, and `named` its first objects."""
    outcome: str = "done"
    """`done`, `requested`, `refused` or `failed`."""
    actor: str = "by"
    """The field of the data that names the person, if the data have it."""
    why: tuple[str, ...] = ("reason",)
    """The fields of the data that say why; the first that says something counts."""


_JOB, _HYBRID = "job {job}", "hybrid {hybrid}"
_ACCOUNT, _BILL = "account {account}", "bill {vendor}/{statement}"
_PROJECT, _USER, _ISSUER = "project {project}", "user {user}", "issuer {issuer}"
_SESSION, _RESERVATION = "session {session}", "reservation {reservation}"
_BACKEND, _WINDOW = "backend {backend}", "window {window} of backend {backend}"
_INCIDENT, _CANARY = "incident {incident}", "canary {canary}"
_ACCESSED = "{kind} {named}"

ACTIONS: Final[Mapping[str, Action]] = {
    "qb.job.submitted.v1": Action("job.submit", "work", _JOB, "requested", why=("purpose",)),
    "qb.job.accepted.v1": Action("job.admit", "work", _JOB, actor="user", why=("flags",)),
    "qb.job.rejected.v1": Action("job.admit", "work", _JOB, "refused", actor="user", why=("reasons",)),
    "qb.job.cancel.v1": Action("job.cancel", "work", _JOB, "requested"),
    "qb.job.cancelled.v1": Action("job.cancel", "work", _JOB),
    "qb.job.expired.v1": Action("job.expire", "work", _JOB),
    "qb.job.completed.v1": Action("result.publish", "results", _JOB),
    "qb.job.failed.v1": Action("result.publish", "results", _JOB, "failed"),
    "qb.job.sealed.v2": Action("result.seal", "results", _JOB),
    "qb.job.sealed.v1": Action("result.seal", "results", _JOB),
    "qb.job.metered.v1": Action("charge.compute", "money", _JOB),
    "qb.job.corrected.v1": Action("charge.correct", "money", _JOB),
    "qb.job.usage_reported.v1": Action("usage.report", "money", _JOB),
    "qb.account.funded.v1": Action("account.fund", "money", _ACCOUNT, why=("note",)),
    "qb.account.granted.v1": Action("account.grant", "money", _ACCOUNT),
    "qb.account.expired.v1": Action("account.expire", "money", _ACCOUNT),
    "qb.account.held.v1": Action("account.hold", "money", _ACCOUNT, why=("purpose",)),
    "qb.account.settled.v1": Action("account.settle", "money", _ACCOUNT),
    "qb.account.released.v1": Action("account.release", "money", _ACCOUNT),
    "qb.account.corrected.v1": Action("account.correct", "money", _ACCOUNT),
    "qb.tenant.defined.v1": Action("tenant.define", "policies", "tenant {tenant}"),
    "qb.tenant.removed.v1": Action("tenant.remove", "policies", "tenant {tenant}"),
    "qb.tenant.project_defined.v1": Action("project.define", "policies", _PROJECT),
    "qb.tenant.project_removed.v1": Action("project.remove", "policies", _PROJECT),
    "qb.tenant.user_defined.v1": Action("user.define", "roles", _USER),
    "qb.tenant.user_removed.v1": Action("user.remove", "roles", _USER),
    "qb.tenant.issuer_defined.v1": Action("issuer.define", "keys", _ISSUER),
    "qb.tenant.issuer_removed.v1": Action("issuer.remove", "keys", _ISSUER),
    "qb.tenant.circuit_defined.v1": Action("circuit.define", "policies", "circuit {circuit}@{version}"),
    "qb.tenant.payloads_erased.v1": Action("content.erase", "results", "contents of {scope}"),
    "qb.delegation.granted.v1": Action("delegation.grant", "keys", "delegation {delegation}", actor="user"),
    "qb.delegation.revoked.v1": Action("delegation.revoke", "keys", "delegation {delegation}"),
    "qb.session.opened.v1": Action("session.open", "work", _SESSION, actor="user"),
    "qb.session.closed.v1": Action("session.close", "work", _SESSION),
    "qb.session.metered.v1": Action("charge.compute", "money", _SESSION),
    "qb.reservation.booked.v1": Action("reservation.book", "work", _RESERVATION, actor="user"),
    "qb.reservation.cancelled.v1": Action("reservation.cancel", "work", _RESERVATION),
    "qb.reservation.returned.v1": Action("reservation.return", "work", _RESERVATION),
    "qb.reservation.metered.v1": Action("charge.compute", "money", _RESERVATION),
    "qb.hybrid.submitted.v1": Action("hybrid.submit", "work", _HYBRID, "requested", why=("purpose",)),
    "qb.hybrid.accepted.v1": Action("hybrid.admit", "work", _HYBRID, actor="user", why=("flags", "purpose")),
    "qb.hybrid.rejected.v1": Action("hybrid.admit", "work", _HYBRID, "refused", why=("reasons",)),
    "qb.hybrid.stop_requested.v1": Action("hybrid.cancel", "work", _HYBRID, "requested"),
    "qb.hybrid.cancelled.v1": Action("hybrid.cancel", "work", _HYBRID),
    "qb.hybrid.completed.v1": Action("result.publish", "results", _HYBRID),
    "qb.hybrid.failed.v1": Action("result.publish", "results", _HYBRID, "failed"),
    "qb.hybrid.metered.v1": Action("charge.compute", "money", _HYBRID),
    "qb.invoice.issued.v1": Action("invoice.issue", "money", "invoice {number}"),
    "qb.invoice.credited.v1": Action("invoice.credit", "money", "invoice {invoice}"),
    "qb.bill.imported.v1": Action("bill.import", "money", _BILL),
    "qb.bill.read.v1": Action("bill.read", "money", _BILL),
    "qb.config.applied.v1": Action("configuration.apply", "configuration", "plan {plan}"),
    "qb.backend.registered.v1": Action("backend.register", "configuration", _BACKEND),
    "qb.backend.window_planned.v1": Action("window.plan", "operation", _WINDOW, why=("note",)),
    "qb.backend.window_cancelled.v1": Action("window.cancel", "operation", _WINDOW),
    "qb.backend.isolated.v1": Action("backend.isolate", "operation", _BACKEND),
    "qb.backend.readmitted.v1": Action("backend.readmit", "operation", _BACKEND),
    "qb.backend.degraded.v1": Action("backend.degrade", "operation", _BACKEND),
    "qb.backend.recalibration_asked.v1": Action("backend.recalibrate", "operation", _BACKEND, "requested"),
    "qb.slo.acknowledged.v1": Action("alert.acknowledge", "operation", "alerts {group}"),
    "qb.silence.created.v1": Action("silence.create", "operation", "silence {silence}", actor="author"),
    "qb.silence.ended.v1": Action("silence.end", "operation", "silence {silence}"),
    "qb.incident.opened.v1": Action("incident.open", "operation", _INCIDENT),
    "qb.incident.acknowledged.v1": Action("incident.acknowledge", "operation", _INCIDENT),
    "qb.incident.noted.v1": Action("incident.note", "operation", _INCIDENT, why=("text",)),
    "qb.incident.resolved.v1": Action("incident.resolve", "operation", _INCIDENT, why=("text", "rule")),
    "qb.incident.reopened.v1": Action("incident.reopen", "operation", _INCIDENT, why=("text",)),
    "qb.canary.drafted.v1": Action("canary.draft", "policies", _CANARY),
    "qb.canary.started.v1": Action("canary.start", "policies", _CANARY),
    "qb.canary.promoted.v1": Action("canary.promote", "policies", _CANARY),
    "qb.canary.aborted.v1": Action("canary.abort", "policies", _CANARY),
    "qb.proof.keys_rotated.v1": Action("keys.rotate", "keys", "log {log}"),
    "qb.access.read.v1": Action("access.read", "reads", _ACCESSED),
    "qb.access.refused.v1": Action("access.refuse", "refusals", _ACCESSED, "refused", why=("code",)),
    "qb.proof.statement_logged.v1": Action("statement.log", "results", "statement {entry}"),
}
"""By the type of the event."""

_PROGRESS, _MEASURED = "the progress of work that was admitted", "a measurement or an observation"
_CALENDAR = "the part of a reservation in the calendar of its backend; the reservation is the action"

NO_ACTIONS: Final[Mapping[str, str]] = {
    "qb.job.placed.v1": _PROGRESS,
    "qb.job.withdrawn.v1": _PROGRESS,
    "qb.job.started.v1": _PROGRESS,
    "qb.job.dispatched.v1": _PROGRESS,
    "qb.hybrid.started.v1": _PROGRESS,
    "qb.reservation.started.v1": _PROGRESS,
    "qb.reservation.ended.v1": _PROGRESS,
    "qb.backend.reserved.v1": _CALENDAR,
    "qb.backend.freed.v1": _CALENDAR,
    "qb.backend.calibration_unplanned.v1": _MEASURED,
    "qb.budget.reached.v1": _MEASURED,
    "qb.backend.calibrated.v1": _MEASURED,
    "qb.backend.calibration_failed.v1": _MEASURED,
    "qb.backend.interrupted.v1": _MEASURED,
    "qb.backend.restored.v1": _MEASURED,
    "qb.slo.fired.v1": _MEASURED,
    "qb.slo.resolved.v1": _MEASURED,
    "qb.slo.notified.v1": "a message about alerts",
    "qb.slo.delivered.v1": "the delivery of a message about alerts",
    "qb.incident.joined.v1": _MEASURED,
    "qb.probe.judged.v1": _MEASURED,
    "qb.canary.judged.v1": _MEASURED,
    "qb.canary.shadowed.v1": _MEASURED,
    "qb.leader.elected.v1": "which process of a service works",
    "qb.proof.checkpointed.v1": "the head of the log over the seals, which are the actions",
}
"""Types of events that are no action, and why."""

WORDS: Final = (
    *ABOUT,
    *sorted({it.name.partition(".")[0] for it in ACTIONS.values()}),
    *sorted({it.name for it in ACTIONS.values()}),
)
"""The words by which actions can be chosen: what they are about, their nouns, and their names."""


def named(word: str, name: str, about: str) -> bool:
    """Whether one of `WORDS` chooses an action."""
    return word in (name, about) or name.startswith(f"{word}.")


def types_of(word: str | None) -> list[str]:
    """The types of events that one of `WORDS` chooses; without one, of all actions."""
    return [type_ for type_, it in ACTIONS.items() if word is None or named(word, it.name, it.about)]


def subjects(tenant: str | None = None) -> list[str]:
    """The subjects of all actions; of one tenant, those of its own, so that no other event is even read.

    Raises:
        InvalidId: the name of the tenant is none.
    """
    known = {} if tenant is None else {"tenant": tenant}
    found: list[str] = []
    for entry in (CATALOG[it] for it in ACTIONS):
        if tenant is None or "{tenant}" in entry.subject:
            wildcard = every(entry.event, **known)
            found += [wildcard, f"{wildcard}.*"] if entry.revised else [wildcard]
    return [*dict.fromkeys(found)]
