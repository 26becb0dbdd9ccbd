"""What the operator asks the alerting service on `subjects_alerting.ALERTING_REQUEST`, and its answers."""

from __future__ import annotations

from pydantic import Field

from queuebit_contracts.alerts import AlertId, Labels, Matcher, Silence
from queuebit_contracts.wire import Moment, Name, Reason, Sentence, Wire

__all__ = [
    "AcknowledgeOrder",
    "AlertRow",
    "AlertingAnswer",
    "AlertingRequest",
    "EndOrder",
    "SilenceOrder",
    "TestOrder",
    "TestOutcome",
]


class SilenceOrder(Wire):
    """Silence what meets all matchers, until a moment."""

    matchers: tuple[Matcher, ...] = Field(min_length=1, max_length=24)
    reason: str = Field(min_length=1, max_length=500)
    starts_at: Moment | None = None
    """Absent: at once."""
    ends_at: Moment


class EndOrder(Wire):
    """End a silence before its time."""

    silence: Name


class AcknowledgeOrder(Wire):
    """Say that a person has a group in hand."""

    group: AlertId


class TestOrder(Wire):
    """Send a test message to a receiver, once."""

    __test__ = False  # of pytest

    receiver: Name


class AlertingRequest(Wire):
    """At most one order; without one, the answer lists alerts and silences."""

    by: str = Field(min_length=1, max_length=200)
    """Who wants it; the fact names this."""
    silence: SilenceOrder | None = None
    end: EndOrder | None = None
    acknowledge: AcknowledgeOrder | None = None
    test: TestOrder | None = None
    resolved: bool = False
    """Whether a list has resolved alerts too."""


class AlertRow(Wire):
    """One alert of a list."""

    alert: AlertId
    group: AlertId
    number: int
    status: str
    """`firing` or `resolved`."""
    labels: Labels
    annotations: dict[str, Sentence] = Field(default_factory=dict)
    starts_at: Moment
    ended_at: Moment | None = None
    quiet_because: str | None = None
    """Why it notifies no receiver now: `silence ID`, `window NAME`, or `alert ID` that inhibits it."""
    acknowledged: bool = False
    informed: tuple[str, ...] = ()
    """The receivers that know of it."""


class TestOutcome(Wire):
    """What came of a test message."""

    __test__ = False  # of pytest

    receiver: Name
    delivered: bool
    status: int | None = None
    error: Sentence | None = None


class AlertingAnswer(Wire):
    """What was found or appended; or why nothing was."""

    alerts: tuple[AlertRow, ...] = ()
    silences: tuple[Silence, ...] = ()
    """Those that a person did not end, and whose end is not past."""
    test: TestOutcome | None = None
    sequence: int = 0
    """Of the fact that was appended."""
    errors: tuple[Reason, ...] = ()
