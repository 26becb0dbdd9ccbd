"""Subjects of alerts, silences, incidents and canaries, the identity of alerts, and where the operator asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from queuebit_contracts.subjects import Aggregate
from queuebit_kernel import Json, digest_of, require_token

__all__ = [
    "ALERTING_REQUEST",
    "CANARY_REQUEST",
    "INCIDENT_REQUEST",
    "alert",
    "canary",
    "fingerprint",
    "group_id",
    "group_of",
    "incident",
    "incident_id",
    "silence",
]

ALERTING_REQUEST: Final = "qb.admin.alerting"
"""The subject of the operator's requests about alerts and silences."""

INCIDENT_REQUEST: Final = "qb.admin.incident"
"""The subject of the operator's requests about incidents."""


CANARY_REQUEST: Final = "qb.admin.canary"
"""The subject of the operator's requests about canaries."""


def alert(name: str) -> Aggregate:
    """The history of an alert, or of a group of alerts."""
    return Aggregate(f"qb.slo.{require_token(name, 'alert')}")


def silence(name: str) -> Aggregate:
    """The history of a silence."""
    return Aggregate(f"qb.silence.{require_token(name, 'silence')}")


def incident(name: str) -> Aggregate:
    """The history of an incident."""
    return Aggregate(f"qb.incident.{require_token(name, 'incident')}")


def canary(name: str) -> Aggregate:
    """The history of a canary."""
    return Aggregate(f"qb.canary.{require_token(name, 'canary')}")


def incident_id(group: str, serial: int) -> str:
    """The id of the incident of a group with this number, from 1."""
    return f"{group}-{serial}"


def group_of(incident_name: str) -> str:
    """The group of an incident with this id."""
    return incident_name.partition("-")[0]


def fingerprint(labels: Mapping[str, str]) -> str:
    """The id of the alert with these labels: 16 hex digits. A label without a value counts as absent."""
    return _id("alert", labels)


def group_id(labels: Mapping[str, str]) -> str:
    """The id of the group of alerts that share these labels: 16 hex digits."""
    return _id("group", labels)


def _id(kind: str, labels: Mapping[str, str]) -> str:
    document: Json = {"kind": kind, "labels": {name: value for name, value in labels.items() if value}}
    return digest_of(document).removeprefix("sha256:")[:16]
