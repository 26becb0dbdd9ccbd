"""A backend that is isolated is a ticket until it is readmitted."""

from __future__ import annotations

import asyncio

from queuebit_alerting.isolated import BackendsIsolated
from queuebit_alerting.state import Signal
from queuebit_contracts.fleet import BackendIsolated, BackendReadmitted, Isolation, Observation, Readmission
from queuebit_contracts.runbooks import runbook_of
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Reason
from queuebit_runtime.stored import Stored

from .alerting_world import NOON

WHY = Reason(code="elements", text="too little is left")
SEEN = (Observation(measure="good_qubits", value="3", limit="4", event="e1"),)


def signals(*events: BackendIsolated | BackendReadmitted) -> list[Signal]:
    source = BackendsIsolated()
    for sequence, event in enumerate(events):
        source.take(Stored(event, subject_of(event), sequence, NOON))
    return [*asyncio.run(source.signals(NOON))]


def test_it_fires_with_its_reason_and_evidence_until_the_readmission() -> None:
    isolated = BackendIsolated(
        source="qb/scheduler", data=Isolation(backend="torino", since=NOON, reason=WHY, evidence=SEEN, by="fleet")
    )
    data = Readmission(backend="torino", isolated_since=NOON, at=NOON, reason=WHY, by="fleet")
    [fired] = signals(isolated)
    [ended] = signals(isolated, BackendReadmitted(source="qb/scheduler", data=data))
    assert (fired.firing, ended.firing, fired.labels) == (True, False, ended.labels)
    assert fired.annotations["summary"] == "torino is isolated by fleet and gets no jobs: too little is left"
    assert fired.evidence.events == (isolated.id, "e1")
    assert runbook_of("BackendIsolated").endswith("backend-isolated.md")


def test_backends_that_were_never_isolated_say_nothing() -> None:
    assert signals() == []
