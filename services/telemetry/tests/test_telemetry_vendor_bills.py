"""Our side of a comparison with a vendor's bill, and its accuracy, as views of a real warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.job import (
    Charge,
    ChargeLine,
    Correction,
    Dispatch,
    JobCorrected,
    JobDispatched,
    JobMetered,
    Usage,
)
from queuebit_contracts.vendor_bill import BillImported, CostRead, VendorAmount, VendorCost
from queuebit_reconciliation import Bill, BillLine, Kind, find, reconcile
from queuebit_stack.reconciling import CHARGES, charges_of, vendor_bill
from queuebit_telemetry.adapters import ClickHouse

from .conftest import LifeOf, rows_of

pytestmark = pytest.mark.server

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
_DIGEST = "sha256:" + "0" * 64


def sent(job: str, handle: str, revision: int | None = None) -> JobDispatched:
    data = Dispatch(
        tenant="acme",
        job=job,
        backend="ionq-forte-1",
        attempt=1,
        handle=handle,
        token=f"{job}.{revision}",
        revision=revision,
    )
    return JobDispatched(source="qb/executor", data=data)


def corrected(job: str, amount: str, delta: str) -> JobCorrected:
    line = ChargeLine(
        price="p", component="second", unit="Seconds", consumed="2.5", billed="2.5", unit_price="1", amount=amount
    )
    return JobCorrected(
        source="qb/metering",
        data=Correction(
            tenant="acme",
            project="main",
            job=job,
            revision=1,
            report=1,
            usage=Usage(),
            charge=Charge(amount=amount, currency="USD", jbu="0", lines=(line,)),
            delta=Charge(amount=delta, currency="USD", jbu="0"),
            reason="the vendor stated it",
            final=True,
            price_book=_DIGEST,
        ),
    )


async def charges(clickhouse: ClickHouse, events: list[AnyEvent]) -> list[list[object]]:
    position = await clickhouse.position()
    await clickhouse.append(rows_of(events), position.generation, f"LOG>{position.seq}")
    return [[*it.values()] for it in await clickhouse._query(CHARGES)]


async def test_our_side_is_the_charge_after_corrections_under_all_handles(
    clickhouse: ClickHouse, life_of: LifeOf
) -> None:
    first, local = life_of("acme", "j1"), life_of("acme", "j2")
    (metered,) = (it for it in first if isinstance(it, JobMetered))
    events = [*first, *local, sent("j1", "v1,v2"), sent("j1", "v3", 1), corrected("j1", "2.5", "2.399999999999999999")]
    rows = await charges(clickhouse, [*events, sent("j3", "v4")])
    one, running = charges_of(rows, find("ionq"))
    assert (one.job, one.amount, one.currency, one.final) == ("j1", Decimal("2.5"), "USD", True)
    assert {"v1", "v2", "v3"} <= {*one.vendor_jobs}
    assert one.quantities == {"second": Decimal("2.5")}
    assert one.ended_at == metered.data.ended_at.replace(microsecond=0)
    assert (running.job, running.currency, running.final) == ("j3", "", False)
    assert charges_of(rows, find("aws")) == [], "another vendor's backends"

    day = one.ended_at.replace(hour=0, minute=0, second=0)
    lines = [
        BillLine(at, name, day, day.replace(hour=23), Decimal(1), "second", Decimal(amount), "USD", "QPU")
        for at, (name, amount) in enumerate([("v1", "1"), ("v3", "1.5"), ("v9", "4")])
    ]
    outcome = reconcile(Bill.of("ionq", b"{}", lines), charges_of(rows, find("ionq")))
    kinds = {it.kind: {line.vendor_job for line in it.lines} for it in outcome.findings}
    assert kinds[Kind.MATCH] == {"v1", "v3"}
    assert kinds[Kind.EXTRA] == {"v9"}


async def test_the_accuracy_of_a_period_is_that_of_its_newest_bill(clickhouse: ClickHouse) -> None:
    event = decode((EXAMPLES / "qb.bill.imported.v1" / "november.json").read_bytes())
    assert isinstance(event, BillImported)
    start, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    line = BillLine(1, "v9", start, end, Decimal(1), "second", Decimal(4), "USD", "QPU")
    newer = vendor_bill(reconcile(Bill("ionq", "sha256:" + "1" * 64, start, end, (line,)), []), "ops")
    changes = {"compared": 3, "accurate": 2, "parts": event.data.parts}
    later = BillImported(source="qb/metering", data=newer.model_copy(update=changes))
    position = await clickhouse.position()
    await clickhouse.append(rows_of([event, later]), position.generation, "LOG>0")
    (row,) = await clickhouse._query("SELECT * FROM billing_accuracy")
    assert (row["vendor"], row["compared"], row["accurate"], row["imports"]) == ("ionq", 3, 2, 2)
    assert str(row["accuracy"]).startswith("0.666666")
    assert row["statement"] == newer.statement
    assert str(row["sums"]).count("USD") == 3


def stated(revision: int, amount: str, day: datetime) -> CostRead:
    data = VendorCost(
        vendor="ionq",
        statement=f"{day:%Y-%m-%d}",
        revision=revision,
        period_start=day,
        period_end=day + timedelta(days=1),
        amounts=(VendorAmount(currency="USD", amount=amount),),
        backends=("ionq-*",),
    )
    return CostRead(source="qb/metering", data=data)


async def test_the_newest_number_of_a_vendor_stands_beside_ours(clickhouse: ClickHouse, life_of: LifeOf) -> None:
    vendors, local = life_of("acme", "j1"), life_of("acme", "j2")
    (metered,) = (it for it in vendors if isinstance(it, JobMetered))
    day = metered.data.ended_at.replace(hour=0, minute=0, second=0, microsecond=0)
    numbers = [stated(1, "0.4", day), stated(2, "0.3", day), stated(1, "7", day - timedelta(days=1))]
    await charges(clickhouse, [*vendors, *local, sent("j1", "v1"), *numbers])
    rows = await clickhouse._query("SELECT * FROM vendor_costs ORDER BY period DESC")
    found = [
        (it["period"], Decimal(it["billed"]), Decimal(it["own"]), Decimal(it["difference"]), it["jobs"]) for it in rows
    ]
    assert found == [
        (f"{day:%Y-%m-%d}", Decimal("0.3"), Decimal("0.100000000000000001"), Decimal("0.199999999999999999"), 1),
        (f"{day - timedelta(days=1):%Y-%m-%d}", Decimal(7), Decimal(0), Decimal(7), 0),
    ]
    assert {it["tenant"] for it in rows} == {""}
