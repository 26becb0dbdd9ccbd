"""Which alerts fire and which are resolved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from queuebit_alerting.policy import transitions
from queuebit_alerting.state import Alert, Signal
from queuebit_contracts.alerts import Firing, Resolution
from queuebit_contracts.subjects_alerting import fingerprint

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
LABELS = {"alertname": "SuccessBurnsFast", "severity": "page", "backend": "torino"}
NAME = fingerprint(LABELS)


def signal(firing: bool | None, at: datetime = NOON) -> Signal:
    return Signal(LABELS, {"summary": "it burns"}, firing, at)


def alert(*, firing: bool) -> dict[str, Alert]:
    (fired,) = transitions({}, [signal(True)])
    assert isinstance(fired, Firing)
    return {NAME: Alert(fired, firing)}


def test_it_fires_once() -> None:
    (fired,) = transitions({}, [signal(True), signal(True)])
    assert isinstance(fired, Firing)
    assert (fired.alert, fired.number, fired.labels) == (NAME, 1, LABELS)
    assert transitions(alert(firing=True), [signal(True)]) == []


def test_it_is_resolved_when_it_was_measured() -> None:
    (resolved,) = transitions(alert(firing=True), [signal(False, NOON + timedelta(minutes=5))])
    assert isinstance(resolved, Resolution)
    assert (resolved.number, resolved.ended_at) == (1, NOON + timedelta(minutes=5))


def test_what_cannot_be_measured_and_what_is_absent_changes_nothing() -> None:
    for firing in (True, False):
        assert transitions(alert(firing=firing), [signal(None)]) == []
        assert transitions(alert(firing=firing), []) == []


@pytest.mark.parametrize(
    ("labels", "runbook"),
    [
        ({"objective": "torino-fast", "indicator": "queue-wait"}, "queue-wait"),
        ({"objective": "success-of-retried", "indicator": "retry"}, "retry"),
        ({"alertname": "Drift", "source": "drift"}, "drift"),
        ({"alertname": "BackendDown"}, "backend-down"),
        ({"alertname": "new"}, "README"),
    ],
)
def test_an_alert_names_the_runbook_of_its_indicator_whatever_its_objective_is_called(
    labels: dict[str, str], runbook: str
) -> None:
    (fired,) = transitions({}, [Signal(labels, {}, True, NOON)])
    assert isinstance(fired, Firing)
    assert fired.annotations["runbook"] == f"docs/runbooks/{runbook}.md"


def test_the_next_firing_has_the_next_number() -> None:
    (fired,) = transitions(alert(firing=False), [signal(True, NOON + timedelta(hours=1))])
    assert fired.number == 2


def test_a_clock_that_went_back_ends_no_alert_before_it_began() -> None:
    (resolved,) = transitions(alert(firing=True), [signal(False, NOON - timedelta(hours=1))])
    assert isinstance(resolved, Resolution)
    assert resolved.ended_at == resolved.starts_at
