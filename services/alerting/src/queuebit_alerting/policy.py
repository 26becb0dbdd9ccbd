"""Decides which alerts fire and which are resolved; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from queuebit_alerting.state import Alert, Signal
from queuebit_contracts.alerts import Firing, Resolution
from queuebit_contracts.runbooks import runbook_of

__all__ = ["Steady", "merged", "transitions"]


def transitions(alerts: Mapping[str, Alert], signals: Sequence[Signal]) -> list[Firing | Resolution]:
    """What changes: an alert fires once, and is resolved once its condition was measured not to hold.

    A signal that cannot be measured changes nothing, nor does the absence of one. Of several signals of one alert, the
    first that was measured counts.
    """
    changes: dict[str, Firing | Resolution] = {}
    seen: set[str] = set()
    for signal in signals:
        name, known = signal.alert, alerts.get(signal.alert)
        if signal.firing is None or name in seen:
            continue
        seen.add(name)
        if signal.firing and (known is None or not known.firing):
            changes[name] = Firing(
                alert=name,
                number=1 if known is None else known.last.number + 1,
                labels={it: value for it, value in signal.labels.items() if value},
                annotations=_annotations(signal),
                starts_at=signal.at,
                values=dict(signal.values),
                evidence=signal.evidence,
            )
        elif not signal.firing and known is not None and known.firing:
            changes[name] = Resolution(
                alert=name,
                number=known.last.number,
                labels=known.last.labels,
                starts_at=known.last.starts_at,
                ended_at=max(signal.at, known.last.starts_at),
            )
    return [*changes.values()]


def _annotations(signal: Signal) -> dict[str, str]:
    """Those of the signal, and the runbook where it names none."""
    given = {name: text for name, text in signal.annotations.items() if text}
    names = (signal.labels.get(it) for it in ("indicator", "objective", "source", "alertname"))
    return {"runbook": runbook_of(next(filter(None, names), "")), **given}


class Steady:
    """Holds back the end of an alert until its condition did not hold for a while, by the monotonic clock.

    A restart begins the while again: an alert then ends later, never earlier.
    """

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._quiet_since: dict[str, float] = {}

    def __call__(self, signals: Sequence[Signal], monotonic: float) -> list[Signal]:
        """The signals, without the ends that are too early."""
        kept: list[Signal] = []
        for it in signals:
            if it.firing is not False:
                self._quiet_since.pop(it.alert, None)
            elif monotonic - self._quiet_since.setdefault(it.alert, monotonic) < self._after_s:
                continue
            kept.append(it)
        return kept


_VENDOR_ERROR: Final = "vendor-error"


def merged(signals: Sequence[Signal]) -> list[Signal]:
    """Errors of one vendor as one alert for each severity, whatever backends, tenants and objectives they are about.

    It fires if one of them does, and ends when all of them were measured and none does.
    """
    streams: dict[tuple[str, str], list[Signal]] = {}
    kept: list[Signal] = []
    for it in signals:
        if it.labels.get("indicator") == _VENDOR_ERROR and it.labels.get("vendor"):
            streams.setdefault((it.labels["vendor"], it.labels.get("severity", "ticket")), []).append(it)
        else:
            kept.append(it)
    return [*kept, *(_stream(vendor, severity, them) for (vendor, severity), them in streams.items())]


def _stream(vendor: str, severity: str, signals: Sequence[Signal]) -> Signal:
    states = {it.firing for it in signals}
    firing = True if True in states else None if None in states else False
    worst = next((it for it in signals if it.firing), signals[0])
    labels = {"alertname": "VendorErrors", "severity": severity, "source": _VENDOR_ERROR, "vendor": vendor}
    return replace(worst, labels=labels, firing=firing)
