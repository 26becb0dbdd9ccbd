"""A vendor's bill becomes a fact once, and only if its figures agree with one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_contracts.catalog import decode
from queuebit_contracts.query import BillAnswer, BillRequest
from queuebit_contracts.subjects import BILL_REQUEST, parse, subject_of
from queuebit_contracts.vendor_bill import BillImported, VendorBill
from queuebit_metering.operator_routes import vendor_bills
from queuebit_metering.vendor_bills import ImportBill, faults
from queuebit_testing.memory import MemoryLog
from queuebit_testing.routes import in_memory

EXAMPLE = Path(__file__).parents[3] / "contracts" / "examples" / "qb.bill.imported.v1" / "november.json"


@pytest.fixture
def bill() -> VendorBill:
    event = decode(EXAMPLE.read_bytes())
    assert isinstance(event, BillImported)
    return event.data


async def test_a_file_is_imported_once(bill: VendorBill) -> None:
    log = MemoryLog()
    first = await ImportBill(log)(BillRequest(bill=bill))
    assert (first.sequence, first.errors) == (1, ())
    again = await ImportBill(log)(BillRequest(bill=bill.model_copy(update={"by": "another"})))
    assert [it.code for it in again.errors] == ["imported_before"]
    assert "by ops" in again.errors[0].text
    assert again.sequence == 1
    assert len(log.stored) == 1


async def test_another_file_of_the_period_is_another_fact(bill: VendorBill) -> None:
    log = MemoryLog()
    other = bill.model_copy(update={"digest": "sha256:" + "1" * 64, "statement": f"2026-11-01_2026-12-01-{'1' * 12}"})
    answers = [await ImportBill(log)(BillRequest(bill=it)) for it in (bill, other)]
    assert [it.sequence for it in answers] == [1, 2]


def test_the_subject_names_the_vendor_and_the_file_and_no_tenant(bill: VendorBill) -> None:
    subject = subject_of(BillImported(source="qb/metering", data=bill))
    assert subject == "qb.bill.ionq.2026-11-01_2026-12-01-fcde2b2edba5.imported"
    address = parse(subject)
    assert (address.noun, address.tenant, address.id, address.event) == ("bill", "", bill.statement, "imported")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"statement": "november"}, "its name must be"),
        ({"lines": 4}, "not all its lines"),
        ({"accurate": 4}, "accurate does not follow"),
        ({"compared": 9}, "compared does not follow"),
        ({"compared": 0}, "compared does not follow"),
    ],
)
async def test_figures_that_contradict_each_other_are_refused(
    bill: VendorBill, change: dict[str, object], says: str
) -> None:
    log = MemoryLog()
    answer = await ImportBill(log)(BillRequest(bill=bill.model_copy(update=change)))
    assert says in " ".join(it.text for it in answer.errors)
    assert log.stored == []


def test_equal_parts_must_have_equal_sums(bill: VendorBill) -> None:
    part = bill.parts[0]
    unequal = part.model_copy(update={"sums": (part.sums[0].model_copy(update={"billed": "24.83"}),)})
    changed = bill.model_copy(update={"parts": (unequal, *bill.parts[1:])})
    assert "its sums are not" in faults(changed)[0].text
    rounded = unequal.model_copy(update={"kind": "rounding"})
    assert faults(bill.model_copy(update={"parts": (rounded, *bill.parts[1:])})) == (), (
        "half a cent for each of 2 lines"
    )


async def test_a_request_is_answered_and_a_malformed_one_named(bill: VendorBill) -> None:
    async with in_memory(vendor_bills(ImportBill(MemoryLog()))) as broker:
        body = BillRequest(bill=bill).model_dump_json().encode()
        good = BillAnswer.model_validate_json((await broker.request(body, BILL_REQUEST)).body)
        bad = BillAnswer.model_validate_json((await broker.request(b"{}", BILL_REQUEST)).body)
    assert good.sequence == 1
    assert "bill" in bad.errors[0].text
