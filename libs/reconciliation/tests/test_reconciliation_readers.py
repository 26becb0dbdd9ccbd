"""The readers, on the sample files and on files that are wrong in the ways in which such files are."""

from __future__ import annotations

import codecs
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_kernel.exact import total
from queuebit_reconciliation import BadBill, Bill, BrokenReader, Reader, UnknownBill, find, reader_of, registry, vendors
from queuebit_reconciliation.text import number, read_table

BILLS = Path(__file__).parents[3] / "examples" / "bills"
SAMPLES = {
    "aws": BILLS / "aws-cur.csv",
    "azure": BILLS / "azure-export.csv",
    "ibm": BILLS / "ibm-usage.csv",
    "ionq": BILLS / "ionq-usage.json",
}


def read(vendor: str, change: Callable[[bytes], bytes] = bytes) -> Bill:
    return found(vendor).read(change(SAMPLES[vendor].read_bytes()))


def refused(vendor: str, change: Callable[[bytes], bytes]) -> BadBill:
    before = SAMPLES[vendor].read_bytes()
    assert change(before) != before, "the change changes the sample"
    with pytest.raises(BadBill) as caught:
        read(vendor, change)
    return caught.value


@cache
def found(vendor: str) -> Reader:
    """The reader of a vendor; `find` looks through all installed packages."""
    return find(vendor)


class ReaderLaws:
    """What each reader promises, on the sample file of its vendor."""

    vendor: ClassVar[str]

    @pytest.fixture
    def content(self) -> bytes:
        return SAMPLES[self.vendor].read_bytes()

    def test_it_alone_recognises_its_bills(self, content: bytes) -> None:
        assert [it for it in vendors() if it in SAMPLES and find(it).recognises(content)] == [self.vendor]
        assert reader_of(content).vendor == self.vendor

    def test_its_period_is_the_one_that_the_vendor_states(self, content: bytes) -> None:
        bill = found(self.vendor).read(content)
        assert (bill.start, bill.end) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
        assert all(bill.start <= it.usage_start <= it.usage_end <= bill.end for it in bill.lines)

    def test_the_same_file_is_the_same_bill_and_lines_have_numbers_of_their_own(self, content: bytes) -> None:
        bill = found(self.vendor).read(content)
        assert found(self.vendor).read(content) == bill
        assert len({it.number for it in bill.lines}) == len(bill.lines)

    def test_what_is_cut_off_or_of_another_vendor_is_refused(self, content: bytes) -> None:
        reader = found(self.vendor)
        for bad in (
            b"",
            content[:40],
            b"\xff" + content,
            *(it.read_bytes() for name, it in SAMPLES.items() if name != self.vendor),
        ):
            with pytest.raises(BadBill):
                reader.read(bad)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(st.data())
    def test_a_damaged_file_is_read_or_refused(self, data: st.DataObject) -> None:
        content = SAMPLES[self.vendor].read_bytes()
        at = data.draw(st.integers(0, len(content)))
        noise = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"NaN", b"1e99", b",", b'"', b"\n", b"[]", b"{}", b"-"])
        )
        damaged = content[:at] + noise + content[at + data.draw(st.integers(0, 40)) :]
        try:
            bill = found(self.vendor).read(damaged)
        except BadBill:
            return
        assert bill.lines
        assert bill.start <= bill.end
        assert all(it.amount.is_finite() and it.quantity.is_finite() for it in bill.lines)

    def test_a_handle_stands_for_at_least_one_job(self) -> None:
        assert found(self.vendor).vendor_jobs("abc")
        assert all(it.endswith("-*") for it in found(self.vendor).backends)


class TestAws(ReaderLaws):
    vendor = "aws"


class TestAzure(ReaderLaws):
    vendor = "azure"


class TestIbm(ReaderLaws):
    vendor = "ibm"


class TestIonq(ReaderLaws):
    vendor = "ionq"


def test_lines_of_amazon_are_those_of_braket() -> None:
    bill = read("aws")
    assert (bill.start, bill.end) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert [(it.number, it.amount, it.unit, it.usage) for it in bill.lines] == [
        (2, Decimal("0.3"), "task", True),
        (3, Decimal("1.45"), "shot", True),
        (4, Decimal("0.3"), "task", True),
        (6, Decimal("0.41"), "", False),
    ]
    assert bill.lines[2].aliases == ("queuebit/5d41402abc4b2a76b9719d911017c592",)
    assert bill.skipped == 1
    assert bill.statement.startswith("2026-11-01_2026-12-01-")


def test_columns_of_the_second_report_of_amazon_are_read_too() -> None:
    def second(content: bytes) -> bytes:
        header, rest = content.split(b"\n", 1)
        for old, new in (
            (b"lineItem/LineItemType", b"line_item_line_item_type"),
            (b"lineItem/UsageStartDate", b"line_item_usage_start_date"),
            (b"lineItem/UsageEndDate", b"line_item_usage_end_date"),
            (b"lineItem/ProductCode", b"line_item_product_code"),
            (b"lineItem/UsageType", b"line_item_usage_type"),
            (b"lineItem/ResourceId", b"line_item_resource_id"),
            (b"lineItem/UsageAmount", b"line_item_usage_amount"),
            (b"lineItem/CurrencyCode", b"line_item_currency_code"),
            (b"lineItem/UnblendedCost", b"line_item_unblended_cost"),
            (b"bill/BillingPeriodStartDate", b"bill_billing_period_start_date"),
            (b"bill/BillingPeriodEndDate", b"bill_billing_period_end_date"),
            (b"lineItem/", b"line_item_x_"),
            (b"pricing/unit", b"pricing_unit"),
            (b"resourceTags/user:queuebit-token", b"resource_tags_user_queuebit_token"),
        ):
            header = header.replace(old, new)
        return header + b"\n" + rest

    assert read("aws", second).lines == read("aws").lines


def test_a_job_of_azure_is_in_its_additional_information() -> None:
    first, second = read("azure").lines
    assert (first.vendor_job, first.quantity, first.unit) == (
        "3b3a3f1c-1d53-5a39-8a31-0d6f1c2b7e11",
        Decimal("12.5"),
        "second",
    )
    assert (second.vendor_job, second.currency) == ("", "EUR")


def test_ibm_bills_instances_by_the_month() -> None:
    (line,) = read("ibm").lines
    assert (line.vendor_job, line.amount, line.currency) == ("", Decimal("67.20"), "USD")
    assert (line.usage_start, line.usage_end) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def test_what_ionq_does_not_divide_among_jobs_is_a_line_too() -> None:
    lines = read("ionq").lines
    assert [(it.vendor_job[-1:], it.amount, it.quantity) for it in lines] == [
        ("3", Decimal("12.42"), Decimal("1")),
        ("1", Decimal("20"), Decimal("1.6")),
        ("", Decimal("4.82"), Decimal("0.4")),
    ]
    assert total(it.amount for it in lines) == Decimal("37.24")


@pytest.mark.parametrize(
    ("vendor", "old", "new", "line", "says"),
    [
        ("aws", b"1.4500000000", b'"1,450.00"', 3, "thousand separator"),
        ("aws", b"1.4500000000", b"1 450.00", 3, "thousand separator"),
        ("aws", b"1.4500000000", b"NaN", 3, "not a number"),
        ("aws", b"1.4500000000", b"1.45 USD", 3, "separator"),
        ("aws", b"1.4500000000", b"$1.45", 3, "not a decimal number"),
        ("aws", b"1.4500000000", b"", 3, "empty"),
        ("aws", b"1.4500000000", b"1e30", 3, "more than 18 digits"),
        ("aws", b"1000,USD", b"1,000,USD", 3, "21 cells"),
        ("aws", b"1000,USD", b"1000,usd", 3, "no currency"),
        ("aws", b"lineItem/UnblendedCost", b"lineItem/UnblendedCosts", 1, "lineItem/UnblendedCosts"),
        ("aws", b"lineItem/UnblendedRate", b"lineItem/UnblendedCost", 1, "twice"),
        ("azure", b"11/04/2026", b"04.11.2026", 2, "no time"),
        ("azure", b"costInBillingCurrency", b"costInBillingCurrencies", 1, "costinbillingcurrency"),
        ("azure", b'{""jobId""', b'{jobId""', 2, "not JSON"),
        ("ibm", b"67.20,0,67.20", b'67.20,0,"67,20"', 5, "decimal comma"),
        ("ibm", b"Usage Quantity", b"Quantity", 4, "'Usage Quantity'"),
        ("ibm", b"Currency,Currency Rate,Created", b"Money,Currency Rate,Created", 1, "'Currency'"),
        ("ibm", b"\n\n", b"\n", 1, "no empty line"),
    ],
)
def test_a_cell_that_is_not_certain_refuses_the_file(vendor: str, old: bytes, new: bytes, line: int, says: str) -> None:
    error = refused(vendor, lambda it: it.replace(old, new, 1))
    assert error.line == line
    assert says in str(error)
    assert str(error).startswith(f"line {line}")


def test_the_column_is_named() -> None:
    error = refused("aws", lambda it: it.replace(b"1.4500000000", b'"1,450.00"'))
    assert error.column == 17
    assert "lineItem/UnblendedCost" in str(error)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda it: codecs.BOM_UTF8 + it, "byte order mark"),
        (lambda it: it.decode().encode("utf-16"), "UTF-16"),
        (lambda it: it.replace(b"IQM Garnet", b"IQM Gr\xfcn", 1), "0xfc is not UTF-8"),
        (lambda it: it.replace(b",", b";"), "semicolons"),
        (lambda it: b"\x1f\x8b" + it, "compressed"),
        (lambda it: b"", "empty"),
        (lambda it: it.split(b"\n", 1)[0] + b"\n", "nothing of Amazon Braket"),
        (lambda it: it.replace(b'"Tasks on IQM Garnet"', b'"Tasks on IQM "Garnet', 1), "not CSV"),
    ],
)
def test_a_file_of_another_form_is_refused(change: Callable[[bytes], bytes], says: str) -> None:
    assert says in str(refused("aws", change))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'"job"', b'"project"', "group_by=job"),
        (b'"amount": 20.00', b'"amount": "20.00"', "must be a number"),
        (b'"amount": 20.00', b'"amount": NaN', "NaN is not a number"),
        (b'"amount": 20.00', b'"amount": 1e999999999999999999', "more than 18 digits"),
        (b'"amount": 20.00', b'"amount": 1e9999999999999999999', "more than 18 digits"),
        (b'"amount_total": 37.24', b'"amount_total": 37.25', "incomplete"),
        (b'"USD"', b'"credits"', "usage_unit"),
        (b'"group_id"', b'"group"', "no group_id"),
        (b'"2026-11-06"', b'"06.11.2026"', "must be a day"),
        (b'"2026-11-06"', b'"9999-12-31"', "must be a day"),
        (b'"group_usages"', b'"groups"', "no list group_usages"),
        (b'"usage_data": [', b'"usage_data": [,', "not JSON"),
        pytest.param(b'"usage_data": [', b'"usage_data": ' + b"[" * 200_000, "nested too deeply", id="nested"),
    ],
)
def test_a_report_of_ionq_that_is_not_certain_is_refused(old: bytes, new: bytes, says: str) -> None:
    assert says in str(refused("ionq", lambda it: it.replace(old, new, 1)))


def test_amounts_of_json_are_never_floats() -> None:
    def longer(content: bytes) -> bytes:
        report = content.replace(b'"amount": 12.42', b'"amount": 12.420000000000000001')
        return report.replace(b"37.24", b"37.240000000000000001")

    first, *_ = read("ionq", longer).lines
    assert first.amount == Decimal("12.420000000000000001")
    assert json.loads("12.420000000000000001") == 12.42, "a float would have lost it"


def test_handles_become_the_ids_of_the_vendors_jobs() -> None:
    base = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    jobs = tuple(str(uuid5(UUID(base), str(it))) for it in range(3))
    assert find("azure").vendor_jobs(f"{base}.3") == jobs
    assert find("azure").vendor_jobs(f"{base}.3.2") == jobs[:2], "the third was never made"
    assert find("azure").vendor_jobs("other") == ("other",)
    assert find("ionq").vendor_jobs("a,b") == ("a", "b")
    assert find("aws").vendor_jobs("arn:aws:braket:x") == ("arn:aws:braket:x",)


def test_a_reader_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownBill, match="aws, azure, ibm, ionq"):
        find("acme")
    with pytest.raises(UnknownBill, match="no bill of"):
        reader_of(b"hello")
    broken = EntryPoint("acme", "queuebit_reconciliation.nowhere:Bill", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])
    with pytest.raises(BrokenReader, match="ModuleNotFoundError"):
        find("acme")


@pytest.mark.parametrize(("text", "value"), [("0E-10", "0"), ("1.2e-7", "0.00000012"), ("-3.50", "-3.5")])
def test_amounts_with_an_exponent_are_exact(text: str, value: str) -> None:
    assert number(text) == Decimal(value)


def test_an_amount_of_36_digits_is_read_and_one_more_place_is_refused() -> None:
    largest = f"{'9' * 18}.{'9' * 18}"
    assert number(largest) == Decimal(largest)
    with pytest.raises(BadBill, match="more than 18 digits"):
        number("123456789012345678.123456789012345678e-1")


def test_a_large_table_takes_its_own_size_beside_its_text() -> None:
    text = "a,b\n" + "1234567890,abcdefghij\n" * 20_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_table(text, ["a"])) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 2 * len(text)
    finally:
        tracemalloc.stop()
