"""What receivers are sent, in their own formats; pure.

Alertmanager: its API v2 (`postableAlerts`) and the webhook payload version 4. PagerDuty: Events API v2. Webhooks:
Standard Webhooks 1.0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from queuebit_alerting.state import Alert
from queuebit_contracts.alert_documents import Receiver
from queuebit_contracts.alerts import Notification
from queuebit_contracts.subjects_alerting import fingerprint
from queuebit_contracts.webhook import signed_headers
from queuebit_kernel import rfc3339

__all__ = ["Item", "Request", "items_of", "request_of", "test_request"]

_FAR: Final = timedelta(days=30)
"""An Alertmanager ends alerts by itself unless they are posted again or name an end: ours end when we say so."""
_NEVER: Final = "0001-01-01T00:00:00Z"
"""How an Alertmanager writes the end of an alert that fires."""
_SUMMARY: Final = 1024
"""Characters of a summary that PagerDuty takes."""
_SEVERITIES: Final = {"page": "critical", "ticket": "warning"}


@dataclass(frozen=True, slots=True)
class Item:
    """One alert of a notification."""

    alert: Alert
    resolved: bool

    @property
    def labels(self) -> dict[str, str]:
        """Those of the alert."""
        return self.alert.last.labels

    @property
    def annotations(self) -> dict[str, str]:
        """Those of the alert."""
        return self.alert.last.annotations

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, if the notification says so."""
        return (self.alert.ended_at or self.alert.last.starts_at) if self.resolved else None


@dataclass(frozen=True, slots=True)
class Request:
    """One request, without its signature."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def items_of(notification: Notification, alerts: Mapping[str, Alert]) -> list[Item]:
    """The alerts of a notification that are known."""
    return [Item(alerts[it.alert], it.status == "resolved") for it in notification.alerts if it.alert in alerts]


def request_of(
    receiver: Receiver, notification: Notification, items: Sequence[Item], secret: bytes | None, now: datetime
) -> Request | None:
    """What a receiver is sent; None if it does not want this.

    Args:
        receiver: its kind decides the form.
        notification: what was decided.
        items: the alerts of the notification.
        secret: the content of its file: a routing key of PagerDuty, or the secret that signs.
        now: when this try is made.
    """
    firing = [it for it in items if not it.resolved]
    if not firing and not receiver.resolved:
        return None
    match receiver.kind:
        case "alertmanager":
            url = f"{receiver.address.rstrip('/')}/api/v2/alerts"
            return Request(url, _JSON, _json([_postable(it) for it in items]))
        case "pagerduty":
            event = _pagerduty(notification, items, (secret or b"").decode())
            return Request(receiver.address, _JSON, _json(event))
        case "alertmanager-webhook":
            body = _json(_version_4(notification, items))
        case _:
            body = _json(_standard(notification, items, now))
    return Request(receiver.address, _signed(notification.identifier, body, secret, now), body)


def test_request(receiver: Receiver, name: str, secret: bytes | None, now: datetime, token: str) -> Request:
    """A message that says that it is a test. PagerDuty opens an incident for it, with the severity `info`."""
    labels = {"alertname": "QueuebitTest", "severity": "ticket", "receiver": name}
    annotations = {"summary": f"This is a test of the receiver {name}; nothing is wrong."}
    if receiver.kind == "alertmanager":
        alert = {"labels": labels, "annotations": annotations, "startsAt": rfc3339(now)}
        body = _json([{**alert, "endsAt": rfc3339(now + timedelta(minutes=5))}])
        return Request(f"{receiver.address.rstrip('/')}/api/v2/alerts", _JSON, body)
    if receiver.kind == "pagerduty":
        payload = {"summary": annotations["summary"], "source": "queuebit", "severity": "info"}
        key = (secret or b"").decode()
        event = {"routing_key": key, "event_action": "trigger", "dedup_key": f"test-{token}", "payload": payload}
        return Request(receiver.address, _JSON, _json(event))
    body = _json({"type": "alert.test", "timestamp": rfc3339(now), "data": {"labels": labels, **annotations}})
    return Request(receiver.address, _signed(f"ntf_test_{token}", body, secret, now), body)


_JSON: Final = {"content-type": "application/json"}


def _signed(identifier: str, body: bytes, secret: bytes | None, now: datetime) -> Mapping[str, str]:
    secrets = [secret] if secret else []
    return {**signed_headers(identifier, int(now.timestamp()), body, secrets), **_JSON}


def _postable(item: Item) -> dict[str, Any]:  # JSON
    starts_at = item.alert.last.starts_at
    ends_at = item.ended_at or starts_at + _FAR
    return {
        "labels": item.labels,
        "annotations": {**item.annotations, "queuebit_alert": item.alert.id},
        "startsAt": rfc3339(starts_at),
        "endsAt": rfc3339(ends_at),
    }


def _version_4(notification: Notification, items: Sequence[Item]) -> dict[str, Any]:  # JSON
    return {
        "version": "4",
        "groupKey": f"{{}}/{{}}:{json.dumps(notification.labels, sort_keys=True)}",
        "truncatedAlerts": 0,
        "status": _status(items),
        "receiver": notification.receiver,
        "groupLabels": notification.labels,
        "commonLabels": _common([it.labels for it in items]),
        "commonAnnotations": _common([it.annotations for it in items]),
        "externalURL": "",
        "notification_reason": "first notification" if notification.number == 1 else "new alerts added",
        "alerts": [
            {
                "status": "resolved" if it.resolved else "firing",
                "labels": it.labels,
                "annotations": it.annotations,
                "startsAt": rfc3339(it.alert.last.starts_at),
                "endsAt": rfc3339(it.ended_at) if it.ended_at else _NEVER,
                "generatorURL": "",
                "fingerprint": fingerprint(it.labels),
            }
            for it in items
        ],
    }


def _pagerduty(notification: Notification, items: Sequence[Item], routing_key: str) -> dict[str, Any]:  # JSON
    firing = [it for it in items if not it.resolved]
    event = {
        "routing_key": routing_key,
        "event_action": "trigger" if firing else "resolve",
        "dedup_key": notification.group,
    }
    if not firing:
        return event
    pages = [it for it in firing if it.labels.get("severity") == "page"]
    worst = (pages or firing)[0]
    more = f" (and {len(firing) - 1} more)" if len(firing) > 1 else ""
    runbooks = dict.fromkeys(it.annotations.get("runbook", "") for it in firing)
    return {
        **event,
        "client": "queuebit",
        "payload": {
            "summary": f"{_sentence(worst)[: _SUMMARY - len(more)]}{more}",
            "source": notification.labels.get("backend") or notification.labels.get("tenant") or "queuebit",
            "severity": _SEVERITIES.get(worst.labels.get("severity", ""), "warning"),
            "timestamp": rfc3339(worst.alert.last.starts_at),
            "component": notification.labels.get("backend", ""),
            "group": notification.group,
            "class": worst.labels.get("alertname", ""),
            "custom_details": {"notification": notification.identifier, "alerts": [it.labels for it in firing]},
        },
        "links": [{"href": it, "text": "Runbook"} for it in runbooks if it.startswith(("https://", "http://"))],
    }


def _standard(notification: Notification, items: Sequence[Item], now: datetime) -> dict[str, Any]:  # JSON
    return {
        "type": f"alert.{_status(items)}",
        "timestamp": rfc3339(now),
        "data": {
            "id": notification.identifier,
            "group": notification.group,
            "reason": notification.reason,
            "step": notification.step,
            "receiver": notification.receiver,
            "labels": notification.labels,
            "alerts": [
                {
                    "alert": it.alert.id,
                    "status": "resolved" if it.resolved else "firing",
                    "labels": it.labels,
                    "annotations": it.annotations,
                    "starts_at": rfc3339(it.alert.last.starts_at),
                    "ended_at": rfc3339(it.ended_at) if it.ended_at else None,
                    "values": it.alert.last.values,
                    "evidence": it.alert.last.evidence.model_dump(mode="json"),
                }
                for it in items
            ],
        },
    }


def _status(items: Sequence[Item]) -> str:
    return "firing" if any(not it.resolved for it in items) else "resolved"


def _common(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first = each[0] if each else {}
    return {name: value for name, value in first.items() if all(it.get(name) == value for it in each)}


def _sentence(item: Item) -> str:
    return item.annotations.get("summary") or item.labels.get("alertname", "an alert fires")


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
