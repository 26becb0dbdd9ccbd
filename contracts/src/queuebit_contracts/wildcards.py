"""Wildcards over the events of the catalogue, which is loaded when needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from queuebit_kernel import require_token

if TYPE_CHECKING:
    from queuebit_contracts.catalog import AnyEvent

__all__ = ["appended_by", "every", "named"]

_FIELD: Final = re.compile(r"\{(\w+)\}")


def every(event: type[AnyEvent], **known: str) -> str:
    """The wildcard over all events of a type, or those with the given tokens: `every(JobPlaced, backend="aer")`."""
    from queuebit_contracts.catalog import CATALOG, wire_name

    return _wildcard(CATALOG[wire_name(event)].subject, {field: require_token(it) for field, it in known.items()})


def appended_by(who: str, **known: str) -> list[str]:
    """The wildcards over all types that a service, or `client`, appends; `known` fills fields as given."""
    from queuebit_contracts.catalog import CATALOG

    return [_wildcard(subject, known) for it in CATALOG.values() if who in it.appended_by for subject in it.subjects]


def named(name: str) -> list[str]:
    """The wildcards that `<noun>.<event>` stands for, or `<noun>.ended` for all terminal events; else the text itself.

    Raises:
        ValueError: it has this form, and the catalogue has no such event.
    """
    from queuebit_contracts.catalog import CATALOG

    if name.count(".") != 1 or name.endswith(">"):
        return [name]
    noun, event = name.split(".")
    found = [it for it in CATALOG.values() if it.noun == noun]
    found = [it for it in found if it.name == event or (event == "ended" and it.terminal)]
    if not found:
        raise ValueError(f"{name} is no event of the catalogue: see queuebit_contracts.catalog")
    return [*dict.fromkeys(_wildcard(subject, {}) for it in found for subject in it.subjects)]


def _wildcard(subject: str, known: Mapping[str, str]) -> str:
    tokens = subject.split(".")
    covered = [known.keys() >= {*_FIELD.findall(token)} for token in tokens]
    return ".".join(
        _FIELD.sub(lambda it: known[it[1]], token) if whole else "*"
        for token, whole in zip(tokens, covered, strict=True)
    )
