"""`qb verify` computes every derived column again from the row's data."""

from __future__ import annotations

import pytest

from queuebit_audit.sources import Warehouse as Audited

from .warehouse import ANALYST, WRITER, Warehouse

pytestmark = pytest.mark.server


async def test_every_stored_column_follows_from_its_row(filled: Warehouse) -> None:
    found = await Audited(filled.url, *ANALYST).rows()
    (counted,) = filled.ask("SELECT count() AS rows FROM events", user=WRITER)
    assert len(found.sequences) == counted["rows"] > 0
    assert not found.altered
    assert not found.views
