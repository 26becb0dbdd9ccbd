"""Renders tenants: what their projects may spend, and who changed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from queuebit.balances import NOTHING, moved
from queuebit_cli.render_tables import day_and_time
from queuebit_cli.tables import Row
from queuebit_contracts.sharing import ANYONE, TENANT
from queuebit_contracts.tenants import Issuer, Project
from queuebit_stack.tenant_history import in_words

__all__ = ["Accounts", "history_rows", "issuer_rows", "project_rows"]

_PARTNERS = {TENANT: "its tenant", ANYONE: "any tenant"}

Accounts = Mapping[tuple[str, str], Row]
"""Accounts as the broker holds them, by project and currency."""


def project_rows(projects: Mapping[str, Project], accounts: Accounts | None) -> list[Row]:
    """Projects with their budgets; with accounts, also what became of the money."""
    rows: list[Row] = []
    for name, it in projects.items():
        money = {"budget": it.budget}
        if accounts is not None:
            money |= moved(accounts.get((name, it.currency), NOTHING))
        rows.append(
            {
                "project": name,
                **{word: {"amount": amount, "currency": it.currency} for word, amount in money.items()},
                "backends": list(it.backends),
                "default kind": it.default_kind,
                **({"fallback": f"{', '.join(it.fallback)} after {it.fallback_after_s} s"} if it.fallback else {}),
                **({"reruns": "allowed"} if it.reruns else {}),
                **({"objective": it.objective} if it.objective != "cost" else {}),
                **({"least fidelity": it.min_fidelity} if it.min_fidelity else {}),
                **({"deadline": f"{it.deadline_s} s"} if it.deadline_s else {}),
                **({"vendors": ", ".join(it.vendors)} if it.vendors else {}),
                **({"regions": ", ".join(it.regions)} if it.regions else {}),
                **({"weight": it.weight} if it.weight != 1 else {}),
                **({"shares devices with": _PARTNERS[it.shared_device]} if it.shared_device in _PARTNERS else {}),
            }
        )
    return rows


def issuer_rows(issuers: Mapping[str, Issuer]) -> list[Row]:
    """Trusted issuers: whose tokens give a key, in whose name, and for what."""
    return [
        {
            "issuer": name,
            "url": it.url,
            "claims": ", ".join(f"{claim} {pattern}" for claim, pattern in it.claims.items()),
            "acts for": it.user or "{user}",
            "scope": it.scope,
        }
        for name, it in issuers.items()
    ]


def history_rows(rows: Sequence[Row]) -> list[Row]:
    """Changes of a tenant, oldest first."""
    return [
        {"when": day_and_time(row["at"]), "by": row["by"], "what": row["what"], "changed": in_words(row["changed"])}
        for row in rows
    ]
