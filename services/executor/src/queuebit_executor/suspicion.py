"""Why a result may be wrong although its job completed. No input or output."""

from __future__ import annotations

from datetime import datetime

from queuebit_contracts.alerts import AlertFired, AlertResolved
from queuebit_contracts.wire import Digest, Reason
from queuebit_runtime.stored import Stored

__all__ = ["Drifts", "recalibrated"]


def recalibrated(backend: str, before: Digest | None, after: Digest | None) -> Reason | None:
    """The reason if the calibration of the device changed from the start of a run to its end.

    Args:
        backend: the device.
        before: the digest of the calibration that the circuit was compiled for; None if it is not known.
        after: that of the calibration at the end; None if it is not known.
    """
    if before is None or after is None or before == after:
        return None
    text = f"the calibration of {backend} changed while the job ran, from {before[:19]}… to {after[:19]}…: run it again"
    return Reason(code="recalibrated", text=f"{text} if the difference matters")


class Drifts:
    """Which devices drift, by the alerts of the log: the results of a circuit on them are worse than they were.

    Drift of calibrations, waits and spend makes no result doubtful: a circuit is compiled for the calibration as it is.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._firing: dict[str, tuple[str, datetime]] = {}
        """By alert: the backend, and since when its results are worse."""

    def take(self, stored: Stored) -> None:
        """Fold a fact about an alert."""
        match stored.event:
            case AlertFired(data=data):
                labels = data.labels
                if labels.get("alertname") == "Drift" and labels.get("measure") == "quality" and "backend" in labels:
                    self._firing[data.alert] = labels["backend"], data.evidence.since or data.starts_at
            case AlertResolved(data=data):
                self._firing.pop(data.alert, None)

    def reason(self, backend: str) -> Reason | None:
        """Why a result that a backend gives now may be wrong; None if no alert says so."""
        since = [at for name, at in self._firing.values() if name == backend]
        if not since:
            return None
        text = f"results of {backend} are worse since {min(since):%Y-%m-%d %H:%M} UTC, as an alert of drift says"
        return Reason(code="drifted", text=f"{text}: run it again when the alert is over, if the difference matters")
