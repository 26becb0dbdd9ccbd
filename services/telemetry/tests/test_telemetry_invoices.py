"""The invoices of a tenant: each with its credits, newest first."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import JsonValue

from queuebit_contracts.query import Question
from queuebit_telemetry.invoice_list import invoices


class _Facts:
    """Facts of two tenants, newest first."""

    def __init__(self, *rows: tuple[str, str, dict[str, JsonValue]]) -> None:
        self._rows = rows

    async def facts(
        self, tenant: str, types: Sequence[str], shared: Sequence[str], question: Question
    ) -> list[dict[str, JsonValue]]:
        assert not shared, "no invoice is of the platform"
        found: list[dict[str, JsonValue]] = [
            {"sequence": 100 - place, "at": "2026-12-01T00:00:00+00:00", "type": type_, "data": json.dumps(data)}
            for place, (owner, type_, data) in enumerate(self._rows)
            if owner == tenant and type_ in types
        ]
        return found[: question.limit]


ISSUED, CREDITED = "qb.invoice.issued.v1", "qb.invoice.credited.v1"
FACTS = _Facts(
    ("acme", CREDITED, {"invoice": "acme-2026-10", "number": "acme-2026-10-c2"}),
    ("evil", ISSUED, {"number": "evil-2026-11"}),
    ("acme", ISSUED, {"number": "acme-2026-11"}),
    ("acme", CREDITED, {"invoice": "acme-2026-10", "number": "acme-2026-10-c1"}),
    ("acme", ISSUED, {"number": "acme-2026-10"}),
)


async def test_a_tenant_sees_its_own_invoices_with_their_credits() -> None:
    newest, older = await invoices(FACTS, "acme", Question())
    assert (newest["number"], newest["credits"]) == ("acme-2026-11", [])
    assert older["number"] == "acme-2026-10"
    assert [it["number"] for it in older["credits"]] == ["acme-2026-10-c1", "acme-2026-10-c2"]  # type: ignore[union-attr,index,call-overload]  # JSON
    assert older["issued_at"] == "2026-12-01T00:00:00+00:00"
    assert [it["number"] for it in await invoices(FACTS, "evil", Question())] == ["evil-2026-11"]
    assert await invoices(FACTS, "other", Question()) == []


async def test_a_list_has_as_many_as_are_wanted() -> None:
    (only,) = await invoices(FACTS, "acme", Question(limit=1))
    assert only["number"] == "acme-2026-11"
