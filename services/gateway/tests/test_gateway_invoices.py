"""A tenant's invoices over HTTP: a list, and each as a file; those of others do not exist."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from decimal import Decimal

import pytest
from pypdf import PdfReader
from starlette.types import ASGIApp

from queuebit_billing import Bounds, Document, Heading, Party, Usage, build, read
from queuebit_billing.queries import UsageSum
from queuebit_contracts.invoice import DOCUMENT_TYPE
from queuebit_gateway.invoices import Turns
from queuebit_runtime.payloads import describe

from .asgi import send
from .conftest import Bus

DIGEST = "sha256:" + "a" * 64


def _document() -> Document:
    used = UsageSum(
        origin=0,
        project="main",
        price="p1",
        component="shot",
        unit="Shots",
        currency="USD",
        unit_price=Decimal("0.25"),
        quantity=Decimal(8),
        amount=Decimal(2),
        facts=3,
        events=DIGEST,
    )
    heading = Heading(Party(name="Example"), Party(name="Acme"))
    return build(Bounds("acme", "2026-11", 9, ()), Usage([used], 3), [], DIGEST, heading)


@pytest.fixture
def invoiced(bus: Bus) -> Document:
    document = _document()
    payload = describe(document.to_bytes(), DOCUMENT_TYPE).model_dump(mode="json", exclude_none=True)
    credit = {
        "tenant": "acme", "period": "2026-11", "number": "acme-2026-11-c1", "invoice": document.number, "revision": 1,
        "amount": {"amount": "1"}, "left": {"amount": "1"}, "reason": "out of service", "by": "olivia",
    }  # fmt: skip
    row = {
        "sequence": 7, "number": document.number, "document": payload, "credits": [credit], "tenant": "acme",
        "period": document.period, "serial": 1, "start": "2026-11-01", "end": "2026-12-01", "cut": 9, "facts": 3,
        "totals": [{"amount": "2"}], "by": "olivia", "issued_at": "2026-12-01 12:00:00.000000",
    }  # fmt: skip
    bus.answers["qb.query.acme.invoices"] = lambda _: {"rows": [row], "sequence": 9}
    return document


async def test_a_tenant_lists_its_invoices(app: ASGIApp, bus: Bus, invoiced: Document) -> None:
    answer = (await send(app, "GET", "/v1/invoices?limit=3")).json()
    assert ([it["number"] for it in answer["data"]], answer["as_of_seq"]) == ([invoiced.number], 9)
    assert bus.asked == [("qb.query.acme.invoices", {"limit": 3})]


async def test_an_invoice_comes_in_the_form_that_is_asked_for(app: ASGIApp, invoiced: Document) -> None:
    path = f"/v1/invoices/{invoiced.number}"
    stored = await send(app, "GET", path)
    assert stored.body == invoiced.to_bytes()
    table = await send(app, "GET", f"{path}?format=csv")
    assert table.headers["content-disposition"] == 'attachment; filename="acme-2026-11.csv"'
    assert [it["amount"] for it in csv.DictReader(table.body.decode().splitlines())] == ["2"]
    focus = await send(app, "GET", f"{path}?format=focus")
    assert [it["BilledCost"] for it in csv.DictReader(focus.body.decode().splitlines())] == ["2"]
    assert (await send(app, "GET", f"{path}?format=xlsx")).status == 422


@pytest.mark.parametrize(
    ("path", "headers"),
    [("?format=pdf", ()), (".pdf", ()), ("", [("accept", "application/pdf")])],
    ids=["parameter", "address", "accept"],
)
async def test_an_invoice_comes_as_a_pdf(
    app: ASGIApp, invoiced: Document, path: str, headers: Sequence[tuple[str, str]]
) -> None:
    answer = await send(app, "GET", f"/v1/invoices/{invoiced.number}{path}", headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"] == 'attachment; filename="acme-2026-11.pdf"'
    text = PdfReader(io.BytesIO(answer.body)).pages[0].extract_text()
    for shown in ("Acme", "Issued", "2026-12-01", "out of service", "2.00 USD"):
        assert shown in text, text


async def test_an_invoice_of_very_many_lines_is_not_drawn_here(
    app: ASGIApp, invoiced: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_gateway.invoices._MOST_DRAWN", 0)
    answer = await send(app, "GET", f"/v1/invoices/{invoiced.number}.pdf")
    assert (answer.status, answer.json()["code"]) == (422, "too_many_lines")
    assert (await send(app, "GET", f"/v1/invoices/{invoiced.number}?format=csv")).status == 200


async def test_a_tenant_that_asks_for_many_invoices_delays_another_one_by_one_of_them() -> None:
    turns, order = Turns(), list[str]()

    async def draw(tenant: str) -> None:
        async with turns.of(tenant):
            order.append(tenant)
            await asyncio.sleep(0)

    await asyncio.gather(*(draw(it) for it in ("evil", "evil", "evil", "evil", "acme")))
    assert order == ["evil", "acme", "evil", "evil", "evil"]


async def test_of_many_invoices_that_are_asked_for_at_once_one_is_in_memory(
    app: ASGIApp, invoiced: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = [0, 0]

    def reading(content: bytes) -> Document:
        at_once[0] += 1
        at_once[1] = max(at_once)
        time.sleep(0.02)
        at_once[0] -= 1
        return read(content)

    monkeypatch.setattr("queuebit_gateway.invoices.read", reading)
    path = f"/v1/invoices/{invoiced.number}?format=csv"
    answers = await asyncio.gather(*(send(app, "GET", path) for _ in range(4)))
    assert ([it.status for it in answers], at_once) == ([200] * 4, [0, 1])


async def test_a_form_that_does_not_exist_and_a_pdf_of_another_tenant_are_refused(
    app: ASGIApp, invoiced: Document
) -> None:
    both = [("accept", "application/pdf, application/json;q=0.9")]
    assert (await send(app, "GET", f"/v1/invoices/{invoiced.number}", headers=both)).body == invoiced.to_bytes()
    assert (await send(app, "GET", "/v1/invoices/evil-2026-11.pdf")).status == 404
    assert (await send(app, "GET", f"/v1/invoices/{invoiced.number}.pdf?format=doc")).status == 422


@pytest.mark.parametrize("number", ["evil-2026-11", "acme-2026-12", "*", "A" * 300])
async def test_the_invoice_of_another_tenant_is_one_that_does_not_exist(
    app: ASGIApp, bus: Bus, invoiced: Document, number: str
) -> None:
    answer = await send(app, "GET", f"/v1/invoices/{number}")
    assert (answer.status, answer.json()["code"]) == (404, "unknown_invoice")
    assert {subject for subject, _ in bus.asked} == {"qb.query.acme.invoices"}, "only the own tenant was asked about"
    assert json.dumps(answer.json()).count(DIGEST) == 0


def test_a_gateway_that_drew_nothing_has_not_loaded_reportlab() -> None:
    code = "import sys, queuebit_gateway.app; print('reportlab' in sys.modules, 'queuebit_billing' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["False", "True"]
