"""Renders alerts and silences for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from queuebit_cli.render_tables import day_and_time, moment
from queuebit_cli.tables import Row
from queuebit_contracts.alert_requests import AlertRow
from queuebit_contracts.alerts import Silence

__all__ = ["alert_rows", "silence_rows"]

_APART = ("alertname", "severity")


def alert_rows(alerts: Sequence[AlertRow]) -> list[Row]:
    """Alerts: those that fire first."""
    return [
        {
            "severity": it.labels.get("severity", ""),
            "alert": it.labels.get("alertname", it.alert),
            "state": it.status if not it.acknowledged else f"{it.status}, in hand",
            "since": moment(it.starts_at.isoformat()),
            "about": " ".join(f"{name}={value}" for name, value in it.labels.items() if name not in _APART),
            "notified": "; ".join(_notified(it)) or "-",
            "group": it.group,
        }
        for it in alerts
    ]


def _notified(it: AlertRow) -> Iterator[str]:
    """Who knows of it, and why it notifies no further receiver."""
    if it.informed:
        yield ", ".join(it.informed)
    if it.quiet_because:
        yield f"held back: {it.quiet_because}"


def silence_rows(silences: Sequence[Silence]) -> list[Row]:
    """Silences: the one that ends first is first."""
    return [
        {
            "silence": it.silence,
            "labels": " ".join(f"{matcher.label}{matcher.op}{matcher.value}" for matcher in it.matchers),
            "until": day_and_time(it.ends_at.isoformat()),
            "author": it.author,
            "reason": it.reason,
        }
        for it in silences
    ]
