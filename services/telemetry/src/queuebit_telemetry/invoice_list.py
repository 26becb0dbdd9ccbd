"""The invoices of a tenant, with what was credited of them."""

from __future__ import annotations

import json
from typing import Final

from pydantic import JsonValue

from queuebit_contracts.query import Question
from queuebit_telemetry.ports import Facts

__all__ = ["invoices"]

_ISSUED, _CREDITED = "qb.invoice.issued.v1", "qb.invoice.credited.v1"
_FACTS: Final = Question(limit=10_000)
_MOST: Final = 500
"""Of one answer: each row has about a kilobyte."""


async def invoices(facts: Facts, tenant: str, question: Question) -> list[dict[str, JsonValue]]:
    """The tenant's own invoices, newest first; raises `Unavailable` when the warehouse does not answer."""
    found: list[dict[str, JsonValue]] = []
    credited: dict[str, list[JsonValue]] = {}
    for row in await facts.facts(tenant, (_ISSUED, _CREDITED), (), _FACTS):
        data = json.loads(str(row["data"]))
        if row["type"] == _CREDITED:
            credited.setdefault(str(data["invoice"]), []).insert(0, data)
        else:
            issued = {"sequence": row["sequence"], "issued_at": row["at"]}
            found.append({**issued, **data, "credits": credited.get(str(data["number"]), [])})
    return found[: min(question.limit, _MOST)]
