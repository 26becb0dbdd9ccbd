"""What follows from the state of a backend: findings, and the facts that are due."""

from __future__ import annotations

from collections.abc import Sequence
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
)
from queuebit_contracts.wire import Reason
from queuebit_fleet.state import SERVICE, Machine, Shown, micros
from queuebit_isolation import Change, Element, Finding, decide, needed, overdue_after_us
from queuebit_kernel import event_id

__all__ = ["change", "degradation", "findings", "row"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US = 3_600_000_000
_NAMED = 8
"""The most elements that a text names; the fact has all."""


def findings(machine: Machine, now_us: int) -> tuple[Finding, ...]:
    """What is wrong with a backend now, the most serious first."""
    found: list[Finding] = []
    limits, elements = machine.breaker.limits, machine.elements
    if machine.judged and not elements.is_enough(limits):
        least = needed(elements.qubits, limits)
        text = (
            f"{elements.connected} of {elements.qubits} qubits of {machine.backend} are good and connected by good "
            f"couplers; at least {least} are needed"
        )
        found.append(Finding("elements", text, machine.calibrated[-1].stored_us))
    if machine.not_active is not None and limits.vendor_status:
        found.append(Finding("vendor_status", machine.not_active.text, machine.not_active.at_us))
    if machine.failing is not None:
        found.append(Finding("failures", machine.failing.text, machine.failing.at_us, lasts=False))
    if machine.below is not None:
        found.append(Finding("probe", machine.below.text, machine.below.at_us, lasts=False))
    if limits.drift:
        found += [Finding("drift", it.text, it.at_us) for it in machine.drifting.values()]
    after_us = overdue_after_us([it.at_us for it in machine.calibrated], limits)
    if after_us is not None and now_us - machine.calibrated[-1].at_us > after_us:
        age_h, after_h = (now_us - machine.calibrated[-1].at_us) // _HOUR_US, after_us // _HOUR_US
        text = f"the newest calibration of {machine.backend} is {age_h} h old; it is overdue after {after_h} h"
        found.append(Finding("overdue", text, machine.calibrated[-1].at_us + after_us))
    return tuple(found)


def change(machine: Machine, now: datetime) -> IsolationRequest | None:
    """What the scheduler is to append, if anything."""
    limits, now_us = machine.breaker.limits, micros(now)
    due = decide(machine.breaker.status, findings(machine, now_us), machine.proof, now_us, limits)
    if due is None:
        return None
    reason = Reason(code=due.cause, text=due.text)
    if due.to == "isolated":
        isolation = Isolation(
            backend=machine.backend,
            since=now,
            reason=reason,
            evidence=_evidence(machine, due, now_us),
            by=SERVICE,
            not_before=_EPOCH + timedelta(microseconds=due.not_before_us),
        )
        return IsolationRequest(isolate=isolation)
    if machine.isolation is None:
        return None
    seen = Observation(measure="probe", event=machine.proof_event, text=due.text[:300])
    readmission = Readmission(
        backend=machine.backend,
        isolated_since=machine.isolation.since,
        at=now,
        reason=reason,
        evidence=(seen,) if due.cause == "probe" else (),
        by=SERVICE,
    )
    return IsolationRequest(readmit=readmission)


def degradation(machine: Machine, now: datetime) -> BackendDegraded | None:
    """The fact that other elements are taken out than the log says; None if it says the same."""
    qubits, couplers = machine.elements.bad_qubits, machine.elements.bad_couplers
    before = machine.degradation
    known = (before.qubits, before.couplers) if before is not None else ((), ())
    if not machine.judged or not machine.breaker.limits.isolate or (qubits, couplers) == known:
        return None
    names = [*(f"qubit {it}" for it in qubits), *(f"coupler {_name(it)}" for it in couplers)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    text = f"{machine.backend} is used without {', '.join(names[:_NAMED])}{more}"
    if not names:
        text = f"all qubits and couplers of {machine.backend} are used again"
    data = Degradation(
        backend=machine.backend,
        at=now,
        qubits=qubits,
        couplers=couplers,
        calibration=machine.calibrated[-1].digest,
        reason=Reason(code="elements", text=text),
        evidence=_elements(machine),
        by=SERVICE,
    )
    name = event_id("degraded", machine.backend, machine.judged, str(data.qubits), str(data.couplers))
    return BackendDegraded(id=name, source="qb/fleet", data=data)


def row(machine: Machine) -> FleetRow:
    """The backend for people."""
    isolation, degraded = machine.isolation, machine.degradation
    bad = degraded if degraded is not None and (degraded.qubits or degraded.couplers) else None
    qubits, couplers = (bad.qubits, bad.couplers) if bad is not None else ((), ())
    parts = {"backend": machine.backend, "qubits": qubits, "couplers": couplers}
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
    if machine.readmission is not None:
        it = machine.readmission
        return FleetRow(**parts, state="in_service", since=it.at, reason=it.reason, by=it.by)
    return FleetRow(**parts, state="in_service")


def _evidence(machine: Machine, due: Change, now_us: int) -> tuple[Observation, ...]:
    seen: list[Observation] = []
    for it in due.findings:
        match it.cause:
            case "elements":
                elements, event = machine.elements, machine.judged
                least = str(needed(elements.qubits, machine.breaker.limits))
                value = str(elements.connected)
                seen.append(Observation(measure="good_qubits", value=value, limit=least, event=event))
                seen += _elements(machine)
            case "overdue":
                newest = machine.calibrated[-1]
                limit = str((it.at_us - newest.at_us) // 1_000_000)
                age = str((now_us - newest.at_us) // 1_000_000)
                seen.append(Observation(measure="calibration_age_s", value=age, limit=limit, event=newest.event))
            case "vendor_status":
                seen += _shown("vendor_status", machine.not_active)
            case "failures":
                seen += _shown("failures", machine.failing)
            case "probe":
                seen += _shown("probe", machine.below)
            case "drift":
                seen += [here for shown in machine.drifting.values() for here in _shown("drift", shown)]
    return tuple(dict.fromkeys(seen))[:MOST_EVIDENCE]


def _shown(measure: str, it: Shown | None) -> Sequence[Observation]:
    return () if it is None else (Observation(measure=measure, event=it.event, text=it.text[:300]),)


def _elements(machine: Machine) -> tuple[Observation, ...]:
    found = tuple(
        Observation(
            measure="readout_error" if len(it.element) == 1 else "two_qubit_error",
            element=_name(it.element),
            value=None if it.error is None else _decimal(it.error),
            limit=_decimal(it.limit),
            event=machine.judged,
        )
        for it in machine.elements.worst
    )
    return found[: MOST_EVIDENCE - 1]


def _name(element: Element) -> str:
    return "-".join(map(str, element))


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
