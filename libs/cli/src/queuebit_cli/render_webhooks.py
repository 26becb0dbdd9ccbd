"""Renders webhooks and their deliveries for people."""

from __future__ import annotations

from collections.abc import Sequence

from queuebit_cli.render_tables import day_and_time, moment, took
from queuebit_cli.tables import Row

__all__ = ["delivery_rows", "detail_rows", "webhook_rows"]


def webhook_rows(rows: Sequence[Row]) -> list[Row]:
    """Webhooks, oldest first."""
    return [
        {
            "webhook": row["id"],
            "state": _state(row),
            "events": row["types"] or "all",
            "waiting": row["waiting"],
            "url": row["url"],
            "label": row["description"],
            "reason": row["disabled"],
        }
        for row in rows
    ]


def delivery_rows(rows: Sequence[Row]) -> list[Row]:
    """Deliveries, newest first."""
    return [
        {
            "n": row["n"],
            "event": row["type"],
            "state": row["state"],
            "status": row["status"],
            "tries": row["tries"],
            "took": took(row["took_ms"]),
            "at": moment(row["tried_at"]),
            "next try": moment(row["next_try_at"]) if row["next_try_at"] else None,
            "reason": row["error"],
            "stored as": row.get("location"),
        }
        for row in rows
    ]


def detail_rows(row: Row) -> list[Row]:
    """All about one webhook, a line for each."""
    replay = row["replay"]
    shown = {
        "webhook": row["id"],
        "url": row["url"],
        "state": _state(row),
        "reason": row["disabled"],
        "events": row["types"] or "all",
        "description": row["description"],
        "created": f"{moment(row['created_at'])} by {row['created_by']}",
        "sent up to": f"event {row['position']}",
        "waiting": f"{row['waiting']} for another try" if row["waiting"] else None,
        "replay": f"after {replay['after']} up to {replay['until']}" if isinstance(replay, dict) else None,
        "keys": row.get("keys"),
        "handshake": f"asked first{_rate(row)}" if row["handshake"] else None,
        "former secret": f"good until {day_and_time(row['former_until'])}" if row["former_until"] else None,
    }
    return [{"field": name, "value": value} for name, value in shown.items() if value not in (None, "")]


def _state(row: Row) -> str:
    return "disabled" if row["disabled"] else "replaying" if row["replay"] else "up"


def _rate(row: Row) -> str:
    return f", at most {row['per_minute']} requests in a minute" if row["per_minute"] else ""
