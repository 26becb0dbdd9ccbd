"""What an action on roles, keys, policies or configuration sets, as one sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from queuebit_contracts.config import Application
from queuebit_contracts.delegation import Delegation
from queuebit_contracts.tenant import (
    CircuitDefinition,
    IssuerDefinition,
    ProjectDefinition,
    TenantDefinition,
    UserDefinition,
)
from queuebit_contracts.wire import Wire

__all__ = ["MOST_DETAIL", "detail_of"]

MOST_DETAIL: Final = 1_000
"""Characters of a detail; the event has the whole."""


def detail_of(data: Wire) -> str | None:
    """What the event sets beside its object; None if it sets nothing."""
    found = _detail(data)
    if found is None or len(found) <= MOST_DETAIL:
        return found
    return f"{found[: MOST_DETAIL - 1]}…"


def _detail(data: Wire) -> str | None:
    match data:
        case TenantDefinition():
            return _limits(data)
        case ProjectDefinition():
            return _project(data)
        case UserDefinition():
            return f"{data.role} with {len(data.keys)} key{'' if len(data.keys) == 1 else 's'}"
        case IssuerDefinition():
            return f"scope {data.scope}, tokens of {data.url}"
        case CircuitDefinition():
            return f"{data.state}, {data.digest}"
        case Delegation():
            project = f", project {data.project}" if data.project else ""
            return f"scope {data.scope}{project}, until {data.expires_at:%F %H:%M} UTC, proved by {data.subject}"
        case Application():
            return "; ".join(f"{it.action} {it.name}{_fields(it.fields)}" for it in data.changes) or None
    return None


def _limits(data: TenantDefinition) -> str:
    budgets = ", ".join(f"{name} {it.amount} {it.currency}" for name, it in (data.budgets or {}).items())
    limits = f"share {data.share}, {data.max_shots:,} shots a job, {data.max_active_jobs:,} jobs at once"
    return f"{limits}, budgets: {budgets}" if budgets else limits


def _project(data: ProjectDefinition) -> str:
    fallback = f", fallback: {', '.join(data.fallback)}" if data.fallback else ""
    backends = ", ".join(data.backends) or "all"
    return f"budget {data.budget} {data.currency}, backends: {backends}, default {data.default_kind}{fallback}"


def _fields(fields: Mapping[str, tuple[JsonValue, JsonValue]]) -> str:
    if not fields:
        return ""
    return ": " + ", ".join(f"{name} {_plain(old)} → {_plain(new)}" for name, (old, new) in fields.items())


def _plain(value: JsonValue) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text:.80}"
