"""The parameters of the interface, as the OpenAPI document describes them: by name, with their schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from queuebit.charge_exports import FORMS
from queuebit_audit_trail import WORDS
from queuebit_contracts.lifecycle import STATES
from queuebit_gateway.backends import MOST_CALIBRATIONS
from queuebit_gateway.pages import MOST_DAYS, MOST_RECORDS, MOST_ROWS
from queuebit_gateway.waits import UNTIL

__all__ = [
    "AUDIT",
    "CALIBRATIONS",
    "DAYS",
    "DIGEST",
    "EXPORT",
    "FIELDS",
    "KEY",
    "LIST",
    "NAME",
    "OUTPUT",
    "PAGE",
    "PROJECT",
    "RESERVATION_KEY",
    "SESSION_KEY",
    "STREAM",
    "WAIT",
    "Schema",
]

Schema = Mapping[str, object]
NAME: Final = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$"}
PROJECT: Final = {"project": {**NAME, "description": "Only what this project pays, or may use."}}
WAIT: Final[Mapping[str, Schema]] = {
    "Prefer": {"type": "string", "description": "`wait=20`: answer when `until` is reached, at the latest in 20 s."},
    "until": {"type": "string", "enum": [*UNTIL], "description": "What to wait for; `completed` is any end."},
}
KEY: Final = {"Idempotency-Key": {"type": "string", "maxLength": 128, "description": "The key of the job."}}
SESSION_KEY: Final = {
    "Idempotency-Key": {
        "type": "string",
        "maxLength": 128,
        "description": "Of the session; required with `proof`.",
    }
}
RESERVATION_KEY: Final = {
    "Idempotency-Key": {**SESSION_KEY["Idempotency-Key"], "description": "Of the reservation; required with `proof`."}
}
FIELDS: Final[Mapping[str, Schema]] = {
    name: {**schema, "description": "With a body that is a circuit: as in the JSON body."}
    for name, schema in (
        ("shots", {"type": "integer", "minimum": 1}),
        ("backend", {"type": "array", "items": {"type": "string"}, "maxItems": 16}),
        ("project", {"type": "string"}),
        ("session", {"type": "string"}),
        ("reservation", {"type": "string"}),
        ("purpose", {"type": "string", "maxLength": 200}),
        ("label", {"type": "string", "maxLength": 200}),
        ("seed", {"type": "integer", "minimum": 0}),
        ("workload_class", {"type": "string"}),
        ("fallback", {"type": "boolean"}),
        ("alone", {"type": "boolean"}),
        ("spot", {"type": "boolean"}),
        ("objective", {"type": "string"}),
        ("min_fidelity", {"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
        ("deadline", {"type": "string", "format": "date-time"}),
        ("vendor", {"type": "array", "items": {"type": "string"}, "maxItems": 16}),
        ("region", {"type": "array", "items": {"type": "string"}, "maxItems": 16}),
        ("priority", {"type": "integer", "minimum": -9, "maximum": 9}),
        ("tag", {"type": "array", "items": {"type": "string"}, "maxItems": 8}),
    )
}
DIGEST: Final = {
    "Content-Digest": {
        "type": "string",
        "description": "The digest of the body (RFC 9530), where a signature covers it.",
    }
}
"""What each request with a body may have."""
STREAM: Final[Mapping[str, Schema]] = {
    "Last-Event-ID": {"type": "string", "description": "Send all events after this sequence."},
    "after": {"type": "integer", "minimum": 0, "description": "The same, as a parameter."},
    "types": {"type": "string", "description": "Only these, such as `job.completed,job.failed`."},
}
_TIME: Final = {"type": "string", "format": "date-time"}
PAGE: Final[Mapping[str, Schema]] = {
    "from": {**_TIME, "description": "Only facts that the log stored then or later."},
    "to": {**_TIME, "description": "Only facts that the log stored before."},
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "description": "Rows of a page."},
    "after": {"type": "string", "description": "`next` of the page before."},
}
EXPORT: Final[Mapping[str, Schema]] = {
    **PROJECT,
    "format": {"type": "string", "enum": [*FORMS], "description": "`focus`: CSV as FOCUS 1.2 has it."},
    "from": {**_TIME, "description": "Only what was charged then or later."},
    "to": {**_TIME, "description": "Only what was charged before."},
}
OUTPUT: Final = {"after": {"type": "string", "description": "`next` of the answer before: what follows, also later."}}
AUDIT: Final[Mapping[str, Schema]] = {
    "action": {
        "type": "string",
        "enum": [*WORDS],
        "description": "Only actions of this name, noun or matter.",
    },
    "actor": {"type": "string", "maxLength": 200, "description": "Only actions of this person, service or public key."},
    **PAGE,
    "limit": {**PAGE["limit"], "maximum": MOST_RECORDS},
}
CALIBRATIONS: Final = {"type": "integer", "minimum": 1, "maximum": MOST_CALIBRATIONS, "description": "Rows of a page."}
DAYS: Final = {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "description": "How far back."}
LIST: Final[Mapping[str, Schema]] = {
    "state": {"type": "string", "description": f"Only jobs in these states, with commas between: {', '.join(STATES)}."},
    **PROJECT,
    **{name: {**NAME, "description": f"Only jobs of this {name}."} for name in ("backend", "user", "tag", "session")},
    "label": {"type": "string", "maxLength": 200, "description": "Only jobs whose label begins so."},
    **PAGE,
    "from": {**_TIME, "description": "Only jobs submitted then or later."},
    "to": {**_TIME, "description": "Only jobs submitted before."},
}
