"""The commands by topic."""

from __future__ import annotations

__all__ = ["TOPICS"]

TOPICS = {
    "jobs": (
        *("submit", "plan", "jobs", "job", "session", "reserve", "template", "random", "hybrid", "sidecar", "estimate"),
        *("ci", "backends"),
    ),
    "money": ("balances", "quota", "charges", "report", "invoice", "prices", "ledger", "reconcile"),
    "quality": ("slo", "alerts", "silence", "incident", "canary", "probe", "smoke", "gameday", "lab", "readiness"),
    "proof": (
        "receipt",
        "checkpoint",
        "keys",
        "master-key",
        "verify",
        "sign",
        "verify-file",
        "audit",
        "replay",
        "compare",
        "lineage",
        "circuit",
    ),
    "interfaces": ("console", "token", "webhooks", "events", "sql"),
    "tenants": ("tenant", "apply", "export", "erase", "inventory"),
    "the stack": (
        "up",
        "down",
        "status",
        "logs",
        "doctor",
        "backup",
        "archive",
        "recover",
        "warehouse",
        "containers",
        "deployment",
        "backend",
        "tls",
        "hops",
    ),
}
"""The commands as help lists them."""
