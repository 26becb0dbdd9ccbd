"""What alerts are made of beside objectives, asked of a real warehouse: calibrations and bills, repeated and late."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queuebit_alerting.bills import Bills
from queuebit_alerting.calibrating import CALIBRATIONS

from .warehouse import Warehouse, event

pytestmark = pytest.mark.server

NOW = datetime.now(UTC).replace(microsecond=0)


def _stated(backend: str, name: str, at: datetime, /, **data: Any) -> tuple[str, bytes]:
    return event(f"qb.backend.{backend}.{name}", f"qb.backend.{name}.v1", at, backend=backend, **data)


def _bill(vendor: str, month: int, statement: str, **parts: int) -> tuple[str, bytes]:
    said = [{"kind": kind, "lines": lines, "charges": lines, "sums": []} for kind, lines in parts.items()]
    subject, start = f"qb.bill.{vendor}.{statement}.imported", datetime(2026, month, 1, tzinfo=UTC).isoformat()
    return event(
        subject, "qb.bill.imported.v1", NOW, vendor=vendor, statement=statement, period_start=start, parts=said
    )


class _Rows:
    """The rows of vendors of one test alone."""

    def __init__(self, warehouse: Warehouse, prefix: str) -> None:
        self._warehouse, self._prefix = warehouse, prefix

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        return [it for it in self._warehouse.ask(sql, parameters) if str(it["vendor"]).startswith(self._prefix)]


async def _complete() -> None:
    pass


def test_calibrations_of_a_device_are_counted_once_in_the_order_of_their_times(warehouse: Warehouse) -> None:
    device, plain = "signals-torino", "signals-plain"
    moments = [NOW - timedelta(hours=it) for it in (72, 24, 48, 24)]
    messages = [
        _stated(device, "registered", NOW, kind="emulated", vendor="other"),
        _stated(device, "registered", NOW, kind="qpu", vendor="ibm"),
        _stated(plain, "registered", NOW, kind="simulator", vendor="aer"),
        *(_stated(device, "calibrated", NOW, calibrated_at=it.isoformat()) for it in moments),
    ]
    warehouse.fill_at(((NOW, it) for it in messages), twice=True)
    rows = {it["backend"]: it for it in warehouse.ask(CALIBRATIONS)}
    assert rows[device]["moments"] == [int((NOW - timedelta(hours=it)).timestamp()) for it in (72, 48, 24)]
    assert (rows[device]["kind"], rows[device]["vendor"]) == ("qpu", "ibm")
    assert rows[plain]["moments"] == []


def test_a_time_that_cannot_be_read_or_is_in_the_future_hides_nothing(warehouse: Warehouse) -> None:
    strange, other = "signals-strange", "signals-other"
    texts = ("", "NaN", "9999-12-31T23:59:59Z", (NOW - timedelta(days=3)).isoformat())
    warehouse.fill_at(
        (NOW, it)
        for it in [
            *(_stated(it, "registered", NOW, kind="qpu", vendor="ibm") for it in (strange, other)),
            *(_stated(strange, "calibrated", NOW, calibrated_at=it) for it in texts),
            _stated(strange, "calibrated", NOW),
            _stated(other, "calibrated", NOW, calibrated_at=texts[-1]),
        ]
    )
    rows = {it["backend"]: it["moments"] for it in warehouse.ask(CALIBRATIONS)}
    known = int((NOW - timedelta(days=3)).timestamp())
    assert rows[other] == [known]
    assert rows[strange][0] == known
    assert len(rows[strange]) == 2
    assert rows[strange][1] <= datetime.now(UTC).timestamp()


async def test_the_newest_bill_of_a_period_counts_and_explained_differences_do_not(warehouse: Warehouse) -> None:
    warehouse.fill_at(
        [
            (NOW - timedelta(days=2), _bill("signals-a", 9, "2026-09-a", match=9, rounding=1, late=2, other=1)),
            (NOW - timedelta(days=1), _bill("signals-b", 9, "2026-09-b", match=9, extra=2, amount=1)),
            (NOW - timedelta(days=2), _bill("signals-c", 9, "2026-09-c", missing=4)),
            (NOW - timedelta(days=1), _bill("signals-c", 9, "2026-09-d", match=4)),
            (NOW - timedelta(days=40), _bill("signals-d", 8, "2026-08-e", missing=4)),
        ],
        twice=True,
    )
    signals = {it.labels["vendor"][-1]: it for it in await Bills(_Rows(warehouse, "signals-"), _complete).signals(NOW)}
    assert {vendor: it.firing for vendor, it in signals.items()} == {"a": False, "b": True, "c": False, "d": False}
    assert signals["b"].values == {"cases": "3", "statement": "2026-09-b"}
    assert "extra, amount" in signals["b"].annotations["summary"]
