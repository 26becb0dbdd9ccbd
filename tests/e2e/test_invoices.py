"""Invoices of a whole stack: issued once and in order, corrected by the next, and the same bytes each time."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from queuebit_contracts.job import Dispatch, JobDispatched
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.vendor_bill import CostRead, VendorAmount, VendorCost
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST = f"{TODAY - timedelta(days=20):%Y-%m-%d}_{TODAY - timedelta(days=10):%Y-%m-%d}"
SECOND = f"{TODAY - timedelta(days=10):%Y-%m-%d}_{TODAY:%Y-%m-%d}"
OPEN = f"{TODAY:%Y-%m-%d}_{TODAY + timedelta(days=5):%Y-%m-%d}"
USAGE = {"shots": 1, "qpu_us": 1, "qubits": 1, "final": True}


def bill(job: str, days_ago: int, shots: str, revision: int = 0) -> tuple[str, bytes]:
    """A usage fact of the project main of demo, at a price of 0.003 for a shot."""
    amount = f"{Decimal(shots) * Decimal('0.003'):f}"
    line = {"price": "p1", "component": "shot", "unit": "Shots", "consumed": shots, "billed": shots}
    lines = [{**line, "unit_price": "0.003", "amount": amount}]
    charge = {"amount": amount, "currency": "USD", "jbu": "0", "lines": lines}
    at = (TODAY - timedelta(days=days_ago)).isoformat()
    data: dict[str, Any] = {"tenant": "demo", "project": "main", "job": job, "usage": USAGE, "charge": charge}
    data["price_book"] = "sha256:" + "0" * 64
    kind = "corrected" if revision else "metered"
    if revision:
        delta = {"amount": "0", "currency": "USD", "jbu": "0"}
        data |= {"revision": revision, "report": 1, "delta": delta, "reason": "recalibrated", "final": True}
    else:
        data |= {"state": "completed", "submitted_at": at, "ended_at": at}
    document = {"specversion": "1.0", "id": f"{job}-{revision}", "source": "qb/metering", "time": at}
    document["type"] = f"qb.job.{kind}.v1"
    subject = f"qb.job.demo.{job}.{kind}" + (f".{revision}" if revision else "")
    return subject, json.dumps({**document, "datacontenttype": "application/json", "data": data}).encode()


async def write(stack: EmbeddedStack, *facts: tuple[str, bytes]) -> None:
    client = await stack.connect("metering")
    for subject, body in facts:
        await client.request(subject, body, timeout=5)
    await client.close()


def test_two_invoices_and_a_credit(tmp_path: Path) -> None:
    with EmbeddedStack(tmp_path / "home") as stack:
        stack.home.joinpath("invoice.toml").write_text('terms = "30 days"\n[seller]\nname = "Müller & Söhne"\n')
        asyncio.run(write(stack, bill("j1", 15, "1000"), bill("j2", 11, "1"), bill("j3", 5, "7")))
        _first(stack)
        asyncio.run(write(stack, bill("j4", 12, "500"), bill("j1", 3, "900", revision=1)))
        _second(stack)
        _credit(stack)
        _own(stack)
        found = stack.ask("verify", accept=(0, 1))
        numbers = {f"demo-{FIRST}", f"demo-{SECOND}"}
        assert not [it for verdict in found for it in verdict["findings"] if it["subject"] in numbers]
        assert "2 invoices were computed again" in next(it for it in found if it["invariant"] == "I2")["notes"]
        asyncio.run(_at_a_vendor(stack))
        _reconciled(stack, tmp_path)


def _first(stack: EmbeddedStack) -> None:
    dry = stack.ask("invoice", "run", "--tenant", "demo", "--period", FIRST, "--dry-run")
    mistyped = stack.run("invoice", "run", "--tenant", "demmo", "--period", FIRST)
    assert (mistyped.returncode, "did you mean demo?" in mistyped.stderr) == (3, True), mistyped.stderr
    (issued,) = stack.ask("invoice", "run", "--period", FIRST)
    assert issued["totals"] == [{"amount": "3.003", "currency": "USD"}]
    shown = json.loads(stack.qb("invoice", "show", issued["number"], "--format", "json"))
    assert [shown] == dry
    assert [(it["quantity"], it["facts"], it["amount"]) for it in shown["lines"]] == [("1001", 2, "3.003")]
    refused = stack.run("invoice", "run", "--tenant", "demo", "--period", FIRST)
    assert (refused.returncode, "next invoice" in refused.stderr) == (3, True), refused.stderr
    (again,) = stack.ask("invoice", "run", "--tenant", "demo", "--period", FIRST, "--cut", str(issued["cut"]))
    assert again == issued, "the same bounds give the same bytes"
    for period, why in ((OPEN, "--period " + SECOND), ("2026-13", "write a month")):
        refused = stack.run("invoice", "run", "--tenant", "demo", "--period", period)
        assert refused.returncode in (2, 3)
        assert why in refused.stderr or "ends with the day before" in refused.stderr
    assert "anything to invoice" in stack.qb("invoice", "run", "--period", FIRST)


def _second(stack: EmbeddedStack) -> None:
    (issued,) = stack.ask("invoice", "run", "--period", SECOND)
    number = issued["number"]
    document = json.loads(stack.qb("invoice", "show", number, "--format", "json"))
    lines = [(it["period"], it["correction"], it["quantity"], it["amount"], it["facts"]) for it in document["lines"]]
    assert lines == [(SECOND, False, "7", "0.021", 1), (FIRST, True, "400", "1.2", 2)]
    assert issued["totals"] == [{"amount": "1.221", "currency": "USD"}]
    costs = [*csv.DictReader(io.StringIO(stack.qb("invoice", "show", number, "--format", "focus")))]
    assert sum(Decimal(it["BilledCost"]) for it in costs) == Decimal("1.221")
    assert {it["PricingUnit"] for it in costs} == {"Shots"}
    stack.qb("invoice", "show", number, "--format", "pdf", "--output", str(stack.home / "a.pdf"))
    assert (stack.home / "a.pdf").read_bytes().startswith(b"%PDF-")


def _credit(stack: EmbeddedStack) -> None:
    number = f"demo-{FIRST}"
    refused = stack.run("invoice", "credit", number, "3.0031", "--reason", "too much")
    assert (refused.returncode, "3.003 USD is left" in refused.stderr) == (3, True), refused.stderr
    given = stack.ask("invoice", "credit", number, "3", "--reason", "out of service")
    assert (given["number"], given["left"]["amount"]) == (f"{number}-c1", "0.003")
    listed = {it["number"]: it for it in stack.ask("invoice", "list")}
    assert [it["number"] for it in listed[number]["credits"]] == [f"{number}-c1"]
    assert f"{number}-c1" in stack.qb("invoice", "show", number)


DAY = TODAY - timedelta(days=8)


async def _at_a_vendor(stack: EmbeddedStack) -> None:
    """A job that ran at IonQ and cost 3 USD, and what IonQ states for its day."""
    subject, body = bill("j9", 8, "1000")
    await write(stack, (subject, body))
    data = Dispatch(tenant="demo", job="j9", backend="ionq-forte-1", attempt=1, handle="v9", token="j9.0")
    sent = JobDispatched(source="qb/executor", data=data)
    executor = await stack.connect("executor-aer")
    await executor.request(subject_of(sent), sent.to_bytes(), timeout=5)
    await executor.close()
    cost = VendorCost(
        vendor="ionq",
        statement=f"{DAY:%Y-%m-%d}",
        revision=1,
        period_start=DAY,
        period_end=DAY + timedelta(days=1),
        amounts=(VendorAmount(currency="USD", amount="3.5"),),
        backends=("ionq-*",),
    )
    read = CostRead(source="qb/metering", data=cost)
    await write(stack, (subject_of(read), read.to_bytes()))


def _reconciled(stack: EmbeddedStack, folder: Path) -> None:
    """A bill that is equal to the cent ends with 0; what a vendor states stands beside our charges."""
    day = {"from": f"{DAY:%Y-%m-%d}", "amount": 3, "job_count": 1, "time_us": 1}
    job = {"group_id": "v9", "group_name": "bell", "amount": 3, "job_count": 1, "time_us": 1}
    report = {
        "group_type": "job",
        "modality": "daily",
        "usage_unit": "USD",
        "amount_total": 3,
        "usage_from": DAY.isoformat(),
        "usage_to": (DAY + timedelta(days=1)).isoformat(),
        "usage_data": [{**day, "group_usages": [job]}],
    }
    file = folder / "bill.json"
    file.write_text(json.dumps(report))
    live: list[dict[str, Any]] = []
    while not live or not live[0]["jobs"]:
        live = stack.ask("reconcile", "--live")
    ours = {name: live[0][name] for name in ("vendor", "period", "currency", "jobs")}
    assert (len(live), ours) == (1, {"vendor": "ionq", "period": day["from"], "currency": "USD", "jobs": 1})
    assert [Decimal(live[0][it]) for it in ("billed", "own", "difference")] == [Decimal("3.5"), 3, Decimal("0.5")]
    done = stack.ask("reconcile", str(file))
    assert (done["accurate"], done["compared"], {it["kind"] for it in done["findings"]}) == (1, 1, {"match"})


def _own(stack: EmbeddedStack) -> None:
    """A user of the tenant sees its invoices, over HTTP and the bus; another tenant's user does not."""
    number, gateway = f"demo-{FIRST}", ("--url", stack.listens("gateway"))
    stack.qb("tenant", "add", "elsewhere", "--budget", "1", "--user", "eve")
    (user,) = {it["users"][0] for it in stack.ask("tenant", "list") if it["tenant"] == "demo"}
    own, other = ("--tenant", "demo", "--user", user), ("--tenant", "elsewhere", "--user", "eve")
    assert stack.ask("invoice", "list", *own, *gateway) == stack.ask("invoice", "list", "--tenant", "demo")
    shown = stack.qb("invoice", "show", number, "--format", "json")
    assert stack.qb("invoice", "show", number, "--format", "json", *own) == shown
    assert stack.ask("invoice", "list", *other) == []
    page = _page(stack, f"demo-{SECOND}", own)
    assert all(it in page for it in ("Invoice", f"demo-{SECOND}", "1.221 USD", f"Corrections of {FIRST}"))
    credited = _page(stack, number, own)
    assert all(it in credited for it in (f"{number}-c1", "out of service", "0.003 USD"))
    with pytest.raises(urllib.error.HTTPError, match="404"):
        _page(stack, number, other)
    for more in ((), gateway):
        refused = stack.run("invoice", "show", number, *other, *more)
        assert refused.returncode != 0
        assert f"no invoice {number}" in " ".join(refused.stderr.split())


def _page(stack: EmbeddedStack, number: str, user: tuple[str, ...]) -> str:
    """The first page of the PDF of an invoice, as the gateway gives it to a user."""
    asked = urllib.request.Request(f"{stack.listens('gateway')}/v1/invoices/{number}.pdf")
    asked.add_header("Authorization", f"Bearer {stack.qb('token', *user).strip()}")
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert answer.headers["Content-Type"] == "application/pdf"
        return PdfReader(io.BytesIO(answer.read())).pages[0].extract_text()
