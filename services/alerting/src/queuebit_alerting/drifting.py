"""Findings of drift, as signals: a ticket for each stream, which names backend, part, since when, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import exp
from typing import Final

from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import MOST_EVIDENCE, Evidence
from queuebit_drift import Finding, Stream
from queuebit_kernel import rfc3339

__all__ = ["ALERTNAME", "drift_signals", "stream_of"]

ALERTNAME: Final = "Drift"
"""The name of its alerts."""

_OF_EVENTS = frozenset({"readout_error", "gate_error", "two_qubit_error", "t1", "t2"})
"""Measures of calibrations: their evidence is events, that of the others jobs."""


def drift_signals(findings: Iterable[Finding], now: datetime) -> tuple[Signal, ...]:
    """What each stream with a finding says now; of several findings of a stream, the last one counts.

    Args:
        findings: in the order of time, as `Monitor.update` returned them; also the drifts that have not ended.
        now: when this is said.
    """
    newest = {it.stream: it for it in findings}
    return tuple(_signal(it, now) for it in newest.values())


def stream_of(labels: Mapping[str, str]) -> Stream:
    """The stream that an alert of drift is about."""
    return Stream(*(labels.get(it, "") for it in ("measure", "backend", "tenant", "part")))


def _signal(finding: Finding, now: datetime) -> Signal:
    stream = finding.stream
    labels = {
        "alertname": ALERTNAME, "severity": "ticket", "source": "drift", "measure": stream.measure,
        "backend": stream.backend, "tenant": stream.tenant, "part": stream.part,
    }  # fmt: skip
    named = finding.evidence[-MOST_EVIDENCE:]
    evidence = Evidence(events=named) if stream.measure in _OF_EVENTS else Evidence(jobs=named)
    return Signal(
        {name: it for name, it in labels.items() if it},
        {"summary": _summary(finding)},
        firing=finding.drifts,
        at=now,
        evidence=evidence,
        values={
            "since": rfc3339(finding.change.since),
            "before": f"{finding.before:.4g}",
            "after": f"{finding.after:.4g}",
            "effect": f"{finding.effect:.3g}",
            "samples": str(finding.change.samples),
            "detector": finding.change.detector,
        },
    )


def _summary(finding: Finding) -> str:
    stream, change = finding.stream, finding.change
    whose = " ".join(it for it in (stream.backend or stream.tenant, stream.part[:23]) if it)
    if stream.measure in ("quality", "success"):
        how = f"went from {finding.before:.1%} to {finding.after:.1%}"
    elif stream.measure in ("t1", "t2"):
        how = f"is {exp(finding.before - finding.after):.2g} times what it was"
    else:
        how = f"is {exp(finding.after - finding.before):.2g} times what it was"
    since = f"since {change.since:%Y-%m-%d %H:%M} UTC, {change.samples} samples"
    ended = {"drift": "", "recovered": "; it has recovered", "new reference": "; the backend has a new calibration"}
    return f"{whose}: {stream.measure.replace('_', ' ')} {how} {since}{ended[finding.kind]}"
