"""Folds a job's history into its status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from queuebit.errors import Reason
from queuebit.log_client import Entry
from queuebit.predictions import prediction_of
from queuebit.records import UNTIL_FINAL, Status, Step
from queuebit.results import checks_of, fallback_of, shared_of
from queuebit_contracts.catalog import CATALOG, AnyEvent, Decoded
from queuebit_contracts.job import (
    Charge,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobCorrected,
    JobDispatched,
    JobExpired,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobRejected,
    JobSealed,
    JobSealedV1,
    JobStarted,
    JobSubmitted,
    JobUsageReported,
    JobWithdrawn,
    Profile,
    Submission,
)
from queuebit_contracts.program import PROGRAM
from queuebit_contracts.subjects import event_name
from queuebit_contracts.usage import is_final
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Money

__all__ = ["status_of", "waiting_for"]


def status_of(asked: Submission, history: Sequence[Entry]) -> Status:
    """The status of a job after these events, oldest first."""
    status = Status(
        asked.job,
        "submitted",
        asked.tenant,
        asked.project,
        asked.shots,
        asked.label,
        asked.backend,
        delegation=asked.proof.delegation,
    )
    for entry in history:
        status = _evolve(status, entry.event)
    known = [entry.event for entry in history if not isinstance(entry.event, UnknownEvent)]
    return replace(status, steps=tuple(map(_step, known)), plan=prediction_of(known))


def waiting_for(status: Status) -> str:
    """The next step of a job, as a reason for waiting."""
    match status.state:
        case "submitted":
            return "the broker has not decided on it yet"
        case "accepted":
            return "it is accepted and waits for its turn on a backend"
        case "placed":
            return f"it is placed on {status.backend} and waits for a free slot there"
        case "started":
            return f"it runs on {status.backend}"
        case "dispatched":
            return f"the vendor of {status.backend} has it, in its queue or running"
        case _ if status.sealed and status.provisional:
            return f"it is {status.state} and sealed; its charge waits for final usage, and its hold stays until then"
        case _ if status.sealed:
            return f"it is {status.state}, billed and sealed"
        case _:
            return f"it is {status.state}; its bill or receipt is not issued yet"


def _evolve(status: Status, event: Decoded) -> Status:
    if isinstance(event, UnknownEvent | JobSubmitted):
        return status  # submitting a job again changes nothing
    if (state := CATALOG[event.type].state) is not None:
        status = replace(status, state=state, backend=getattr(event.data, "backend", None) or status.backend)
    match event:
        case JobRejected():
            return replace(status, reasons=tuple(Reason(it.code, it.text) for it in event.data.reasons))
        case JobFailed() | JobExpired():
            return replace(status, reasons=(Reason(event.data.reason.code, event.data.reason.text),))
        case JobWithdrawn():
            return replace(status, backend=None)
        case JobCancelled():
            why = f": {event.data.reason}" if event.data.reason else ""
            return replace(status, reasons=(Reason("cancelled", f"cancelled by {event.data.by}{why}"),))
        case JobMetered():
            return replace(status, charge=_money(event.data.charge), provisional=event.data.final is False)
        case JobCorrected():
            return replace(status, charge=_money(event.data.charge), provisional=not event.data.final)
        case JobSealed() | JobSealedV1():
            return replace(status, sealed=True)
        case _:
            return status


def _size(profile: Profile) -> str:
    """How much a program is, after the other details."""
    if profile.items is None:
        return ""
    items = "1 item" if profile.items == 1 else f"{profile.items:,} items"
    return f"; {items}, {profile.shots or 0:,} shots together"


def _step(event: AnyEvent) -> Step:
    match event:
        case JobSubmitted():
            several = event.data.limits.backends if event.data.limits else None
            wanted = event.data.backend or " or ".join(several or ("the default kind of backend",))
            under = f", by delegation {event.data.proof.delegation}" if event.data.proof.delegation else ""
            each = " for each item" if event.data.circuit.media_type == PROGRAM else ""
            kind = f", class {event.data.workload_class}" if event.data.workload_class else ""
            again = f", runs {event.data.rerun_of} again" if event.data.rerun_of else ""
            detail = f"{event.data.shots} shots{each} on {wanted}, project {event.data.project}{kind}{under}{again}"
        case JobAccepted():
            detail = f"up to {event.data.hold.amount} {event.data.hold.currency} held{_size(event.data.profile)}"
        case JobRejected():
            detail = ", ".join(reason.code for reason in event.data.reasons)
        case JobPlaced() | JobStarted() | JobCompleted() | JobFailed():
            detail = _run(event)
        case JobDispatched():
            detail = f"{event.data.backend} calls it {event.data.handle}"
        case JobExpired() | JobWithdrawn():
            detail = event.data.reason.text
        case JobCancelled():
            under = f" with delegation {event.data.delegation}" if event.data.delegation else ""
            detail = f"by {event.data.by}{under}" + (f": {event.data.reason}" if event.data.reason else "")
        case JobMetered():
            fallback = f", on the fallback {event.data.backend}" if event.data.fallback else ""
            detail = f"{_money(event.data.charge)}{UNTIL_FINAL if event.data.final is False else ''}{fallback}"
        case JobUsageReported():
            detail = f"{'final' if is_final(event.data.usage) else 'not final'}: {event.data.reason}".removesuffix(": ")
        case JobCorrected():
            delta = _money(event.data.delta)
            detail = (
                f"{_money(event.data.charge)} ({'' if delta.amount < 0 else '+'}{delta.text()}): {event.data.reason}"
            )
        case JobSealed() | JobSealedV1():
            again = ", supersedes the receipt before" if event.data.supersedes else ""
            detail = f"entry {event.data.leaf_index} of the transparency log{again}"
        case _:
            detail = ""
    return Step(_name(event), event.time, detail)


def _run(event: JobPlaced | JobStarted | JobCompleted | JobFailed) -> str:
    match event:
        case JobStarted(data=start) if start.attempt > 1:
            return f"on {start.backend}, attempt {start.attempt}"
        case JobPlaced() | JobStarted():
            label = fallback_of(event.data.fallback) if isinstance(event, JobPlaced) else None
            return f"on {event.data.backend}{f', {label.text}' if label else ''}"
        case JobFailed():
            return event.data.reason.code
        case JobCompleted():
            items = event.data.items
            found = [f"{items.completed:,} of {items.total:,} items"] if items else []
            if (run := shared_of(event.data.shared)) is not None:
                found.append(run.text)
            asked = [it.text for it in checks_of(event.data.quality) if it.name != "shots" or not it.passed]
            return "; ".join(found + asked)


def _name(event: AnyEvent) -> str:
    return event_name(event.type)


def _money(charge: Charge) -> Money:
    return Money(Decimal(charge.amount), charge.currency)
