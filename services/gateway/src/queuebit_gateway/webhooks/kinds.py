"""The types of events that webhooks send, and their part of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from queuebit_contracts.catalog import CATALOG, AnyEvent
from queuebit_contracts.webhook import CONTENT_TYPE

__all__ = ["KINDS", "events_of", "kinds_of", "known_kind", "section"]

_NOUNS: Final = ("job", "hybrid", "account", "budget")


def _kinds(nouns: Collection[str]) -> Iterator[tuple[str, type[AnyEvent]]]:
    for it in CATALOG.values():
        if it.noun in nouns:
            yield f"{it.noun}.{it.name}", it.event


def kinds_of(*nouns: str) -> tuple[str, ...]:
    """The short types of the events about these things."""
    return tuple(dict.fromkeys(kind for kind, _ in _kinds(nouns)))


KINDS: Final = kinds_of(*_NOUNS)
"""Short types, such as `job.completed`."""


def known_kind(kind: str, kinds: Sequence[str] = KINDS) -> str:
    """The short type itself.

    Raises:
        ValueError: it is none of `kinds`; no event would ever be sent.
    """
    if kind not in kinds:
        near = get_close_matches(kind, kinds, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"there is no event {kind[:60]}: {meant}The events are {', '.join(kinds)}")
    return kind


def events_of(kind: str) -> list[type[AnyEvent]]:
    """The classes of a short type: the newest version, and those before, which a replay may send."""
    return [event for it, event in _kinds(_NOUNS) if it == kind]


def section(references: str) -> Mapping[str, Any]:  # JSON
    """What a receiver gets, as OpenAPI's `webhooks` describe it.

    Args:
        references: where the schemas of the events are.
    """
    return {kind: {"post": _request(kind, references)} for kind in KINDS}


def _request(kind: str, references: str) -> Mapping[str, Any]:  # JSON
    events = events_of(kind)
    schemas = [{"$ref": references + it.__name__} for it in events]
    return {
        "operationId": f"on_{kind.replace('.', '_')}",
        "summary": (events[0].__doc__ or kind).partition("\n")[0],
        "tags": ["webhooks"],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                CONTENT_TYPE.partition(";")[0]: {"schema": schemas[0] if len(events) == 1 else {"anyOf": schemas}}
            },
        },
        "responses": {
            "2XX": {"description": "The event is received, and not sent again."},
            "410": {"description": "No more events are wanted: the webhook is disabled."},
            "default": {"description": "The event is sent again later; `Retry-After` is kept, up to a day."},
        },
    }


_HEADERS: Final = {
    "webhook-id": "Names the event: the same for each try and each replay.",
    "webhook-timestamp": "When this try was made, in seconds since 1970.",
    "webhook-signature": "Signatures with spaces between: `v1,` by the secret, `v1a,` by the gateway's public key.",
}
