"""What follows from the state of a backend: findings, and the facts that are due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from queuebit_contracts.fleet import (
    MOST_EVIDENCE,
    BackendDegraded,
    Degradation,
    FleetRow,
    Isolation,
    IsolationRequest,
    Observation,
    Readmission,
    Recalibration,
)
from queuebit_contracts.wire import Reason
from queuebit_fleet.calendar import SERVICE
from queuebit_fleet.state import KnownBackend, Shown, micros
from queuebit_isolation import Change, Element, Finding, decide, least_qubits, overdue_after_us
from queuebit_kernel import event_id

__all__ = ["calibration_wanted", "change", "degradation", "findings", "row"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US = 3_600_000_000
_CALIBRATES = frozenset({"elements", "overdue", "drift"})
"""Causes that a calibration may end."""
_NAMED = 8
"""The most elements that a text names; the fact has all."""


def findings(known: KnownBackend, now_us: int) -> tuple[Finding, ...]:
    """What is wrong with a backend now, the most serious first."""
    found: list[Finding] = []
    limits, elements = known.breaker.limits, known.elements
    if known.judged and not elements.is_enough(limits):
        least = least_qubits(elements.qubits, limits)
        text = (
            f"{elements.connected} of {elements.qubits} qubits of {known.backend} are good and connected by good "
            f"couplers; at least {least} are needed"
        )
        found.append(Finding("elements", text, known.calibrated[-1].stored_us))
    if known.not_active is not None and limits.vendor_status:
        found.append(Finding("vendor_status", known.not_active.text, known.not_active.at_us))
    if known.failing is not None:
        found.append(Finding("failures", known.failing.text, known.failing.at_us, lasts=False))
    if known.below is not None:
        found.append(Finding("probe", known.below.text, known.below.at_us, lasts=False))
    if limits.drift:
        found += [Finding("drift", it.text, it.at_us) for it in known.drifting.values()]
    after_us = overdue_after_us([it.at_us for it in known.calibrated], limits)
    if after_us is not None and now_us - known.calibrated[-1].at_us > after_us:
        age_h, after_h = (now_us - known.calibrated[-1].at_us) // _HOUR_US, after_us // _HOUR_US
        text = f"the newest calibration of {known.backend} is {age_h} h old; it is overdue after {after_h} h"
        found.append(Finding("overdue", text, known.calibrated[-1].at_us + after_us))
    return tuple(found)


def change(known: KnownBackend, now: datetime) -> IsolationRequest | None:
    """What the scheduler is to append, if anything."""
    limits, now_us = known.breaker.limits, micros(now)
    due = decide(known.breaker.status, findings(known, now_us), known.proof, now_us, limits)
    if due is None:
        return None
    reason = Reason(code=due.cause, text=due.text)
    if due.to == "isolated":
        isolation = Isolation(
            backend=known.backend,
            since=now,
            reason=reason,
            evidence=_evidence(known, due, now_us),
            by=SERVICE,
            not_before=_EPOCH + timedelta(microseconds=due.not_before_us),
        )
        return IsolationRequest(isolate=isolation)
    if known.isolation is None:
        return None
    seen = Observation(measure="probe", event=known.proof_event, text=due.text[:300])
    readmission = Readmission(
        backend=known.backend,
        isolated_since=known.isolation.since,
        at=now,
        reason=reason,
        evidence=(seen,) if due.cause == "probe" else (),
        by=SERVICE,
    )
    return IsolationRequest(readmit=readmission)


def calibration_wanted(known: KnownBackend, now: datetime) -> tuple[Reason, datetime] | None:
    """Why a backend should be calibrated, and since when; None if nothing speaks for it, or if it was asked for it."""
    causes = ((reason, since) for reason, since in _causes(known, now) if known.asked.get(reason.code) != since)
    return next(causes, None)


def _causes(known: KnownBackend, now: datetime) -> Iterator[tuple[Reason, datetime]]:
    """It is isolated by rule for what a calibration may end; or it is overdue, and nothing is isolated by rule there.

    Or a window for its calibration began, in which none came yet.
    """
    it = known.isolation
    if it is not None and it.by == SERVICE and it.reason.code in _CALIBRATES:
        yield it.reason, it.since
    elif not known.breaker.limits.isolate:
        for found in findings(known, micros(now)):
            if found.cause == "overdue":
                yield Reason(code=found.cause, text=found.text), _EPOCH + timedelta(microseconds=found.at_us)
    window = known.calendar.calibrating(now)
    if window is not None and not known.calibrated_since(window.starts_at):
        text = f"the window {window.window} for a calibration of {known.backend} began"
        yield Reason(code="window", text=text), window.starts_at


def _asked(known: KnownBackend) -> Recalibration | None:
    """The newest request for a calibration that none followed."""
    it, newest = known.recalibration, known.calibrated[-1] if known.calibrated else None
    return it if it is not None and (newest is None or newest.at_us <= micros(it.at)) else None


def degradation(known: KnownBackend, now: datetime) -> BackendDegraded | None:
    """The fact that other elements are taken out than the log says; None if it says the same."""
    qubits, couplers = known.elements.bad_qubits, known.elements.bad_couplers
    before = known.degradation
    stated = (before.qubits, before.couplers) if before is not None else ((), ())
    if not known.judged or not known.breaker.limits.isolate or (qubits, couplers) == stated:
        return None
    names = [*(f"qubit {it}" for it in qubits), *(f"coupler {_name(it)}" for it in couplers)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    text = f"{known.backend} is used without {', '.join(names[:_NAMED])}{more}"
    if not names:
        text = f"all qubits and couplers of {known.backend} are used again"
    data = Degradation(
        backend=known.backend,
        at=now,
        qubits=qubits,
        couplers=couplers,
        calibration=known.calibrated[-1].digest,
        reason=Reason(code="elements", text=text),
        evidence=_elements(known),
        by=SERVICE,
    )
    name = event_id("degraded", known.backend, known.judged, str(data.qubits), str(data.couplers))
    return BackendDegraded(id=name, source="qb/fleet", data=data)


def row(known: KnownBackend) -> FleetRow:
    """The backend for people."""
    isolation, degraded = known.isolation, known.degradation
    bad = degraded if degraded is not None and (degraded.qubits or degraded.couplers) else None
    qubits, couplers = (bad.qubits, bad.couplers) if bad is not None else ((), ())
    parts = {"backend": known.backend, "qubits": qubits, "couplers": couplers, "recalibration": _asked(known)}
    if isolation is not None:
        return FleetRow(
            **parts,
            state="isolated",
            since=isolation.since,
            reason=isolation.reason,
            by=isolation.by,
            not_before=isolation.not_before,
        )
    if bad is not None:
        return FleetRow(**parts, state="degraded", since=bad.at, reason=bad.reason, by=bad.by)
    if known.readmission is not None:
        it = known.readmission
        return FleetRow(**parts, state="in_service", since=it.at, reason=it.reason, by=it.by)
    return FleetRow(**parts, state="in_service")


def _evidence(known: KnownBackend, due: Change, now_us: int) -> tuple[Observation, ...]:
    seen: list[Observation] = []
    for it in due.findings:
        match it.cause:
            case "elements":
                elements, event = known.elements, known.judged
                least = str(least_qubits(elements.qubits, known.breaker.limits))
                value = str(elements.connected)
                seen.append(Observation(measure="good_qubits", value=value, limit=least, event=event))
                seen += _elements(known)
            case "overdue":
                newest = known.calibrated[-1]
                limit = str((it.at_us - newest.at_us) // 1_000_000)
                age = str((now_us - newest.at_us) // 1_000_000)
                seen.append(Observation(measure="calibration_age_s", value=age, limit=limit, event=newest.event))
            case "vendor_status":
                seen += _shown("vendor_status", known.not_active)
            case "failures":
                seen += _shown("failures", known.failing)
            case "probe":
                seen += _shown("probe", known.below)
            case "drift":
                seen += [here for shown in known.drifting.values() for here in _shown("drift", shown)]
    return tuple(dict.fromkeys(seen))[:MOST_EVIDENCE]


def _shown(measure: str, it: Shown | None) -> Sequence[Observation]:
    return () if it is None else (Observation(measure=measure, event=it.event, text=it.text[:300]),)


def _elements(known: KnownBackend) -> tuple[Observation, ...]:
    found = tuple(
        Observation(
            measure="readout_error" if len(it.element) == 1 else "two_qubit_error",
            element=_name(it.element),
            value=None if it.error is None else _decimal(it.error),
            limit=_decimal(it.limit),
            event=known.judged,
        )
        for it in known.elements.worst
    )
    return found[: MOST_EVIDENCE - 1]


def _name(element: Element) -> str:
    return "-".join(map(str, element))


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
