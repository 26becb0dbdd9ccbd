"""Laws of the match, on generated bills and charges, and one case of each kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_kernel.exact import total
from queuebit_reconciliation import ADVICE, Bill, BillLine, Kind, Outcome, OwnCharge, reconcile

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def line(job: str, amount: str, number: int = 2, **changes: object) -> BillLine:
    found = BillLine(number, job, START, START + DAY, Decimal(1), "", Decimal(amount), "USD", "QPU")
    return replace(found, **changes)  # type: ignore[arg-type]  # fields by name


def own(job: str, amount: str, *handles: str, **changes: object) -> OwnCharge:
    found = OwnCharge("acme", job, handles or (f"v-{job}",), START + DAY / 2, Decimal(amount), "USD")
    return replace(found, **changes)  # type: ignore[arg-type]  # fields by name


def match(lines: list[BillLine], charges: list[OwnCharge]) -> Outcome:
    start = min((START, *(it.usage_start for it in lines)))
    end = max((END, *(it.usage_end for it in lines)))
    return reconcile(Bill("ionq", "sha256:" + "0" * 64, start, end, tuple(lines)), charges)


def kind(lines: list[BillLine], charges: list[OwnCharge]) -> Kind:
    (found,) = match(lines, charges).findings
    return found.kind


amounts = st.decimals(-5, 100, places=3)
lines = st.builds(
    lambda job, amount, day, length, currency, usage, alias: BillLine(
        0, job, START + day * DAY, START + (day + length) * DAY, amount, "second", amount, currency, "QPU", alias, usage
    ),
    st.sampled_from(["", "", "v1", "v2", "v3", "v4", "unknown"]),
    amounts,
    st.integers(0, 25),
    st.sampled_from([1, 1, 30]),
    st.sampled_from(["USD", "USD", "EUR"]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([(), (), ("v5",)]),
)
charges = st.builds(
    lambda number, handles, day, amount, final: OwnCharge(
        "acme", f"j{number}", tuple(handles), START + day * DAY, amount, "USD", final, {"second": amount}
    ),
    st.integers(0, 10**6),
    st.lists(st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6"]), max_size=3, unique=True),
    st.integers(-5, 35),
    amounts,
    st.booleans(),
)
both = st.tuples(st.lists(lines, max_size=12), st.lists(charges, max_size=8, unique_by=lambda it: it.job))


def numbered(found: list[BillLine]) -> list[BillLine]:
    return [replace(it, number=at) for at, it in enumerate(found, 2)]


@settings(max_examples=80, deadline=None)
@given(both)
def test_each_line_and_each_charge_is_explained_once(both: tuple[list[BillLine], list[OwnCharge]]) -> None:
    billed, charged = numbered(both[0]), both[1]
    outcome = match(billed, charged)
    assert Counter(it.number for found in outcome.findings for it in found.lines) == Counter(it.number for it in billed)
    seen = Counter(it.job for found in outcome.findings for it in found.charges)
    named = {name for it in billed if it.usage for name in (it.vendor_job, *it.aliases)}
    wanted = {it.job for it in charged if outcome.bill.start <= it.ended_at < outcome.bill.end}
    assert set(seen) >= wanted
    assert all(count == 1 for count in seen.values())
    assert {*seen} - wanted <= {it.job for it in charged if it.vendor_jobs}, "of other periods, only what a line names"
    assert {*seen} >= {it.job for it in charged if named & {*it.vendor_jobs}}
    assert all(found.kind in ADVICE and (found.lines or found.charges) for found in outcome.findings)


@settings(max_examples=80, deadline=None)
@given(both)
def test_the_sums_of_the_findings_are_those_of_both_sides(both: tuple[list[BillLine], list[OwnCharge]]) -> None:
    billed, charged = numbered(both[0]), both[1]
    findings = match(billed, charged).findings
    explained = {it.job for found in findings for it in found.charges}
    for currency in ("USD", "EUR"):
        vendor = total(it.amount for it in billed if it.currency == currency)
        ours = total(it.amount for it in charged if it.currency == currency and it.job in explained)
        assert total(it.billed.get(currency, Decimal(0)) for it in findings) == vendor
        assert total(it.own.get(currency, Decimal(0)) for it in findings) == ours
        assert total(it.differences.get(currency, Decimal(0)) for it in findings) == total((vendor, -ours))


@settings(max_examples=60, deadline=None)
@given(both, st.randoms(use_true_random=False))
def test_the_order_changes_nothing(both: tuple[list[BillLine], list[OwnCharge]], random: Random) -> None:
    billed, charged = numbered(both[0]), both[1]
    before = match(billed, charged)
    random.shuffle(billed)
    random.shuffle(charged)
    after = match(billed, charged)
    assert after.findings == before.findings
    assert (after.accurate, after.compared) == (before.accurate, before.compared)


@settings(max_examples=60, deadline=None)
@given(both)
def test_accuracy_is_a_share_and_one_only_if_nothing_differs(both: tuple[list[BillLine], list[OwnCharge]]) -> None:
    outcome = match(numbered(both[0]), both[1])
    assert 0 <= outcome.accurate <= outcome.compared
    differing = [it for it in outcome.findings if it.kind not in (Kind.MATCH, Kind.ROUNDING, Kind.OTHER)]
    assert outcome.clean == (not differing)


@pytest.mark.parametrize(
    ("billed", "charged", "expected"),
    [
        ([line("v-a", "1.75")], [own("a", "1.75")], Kind.MATCH),
        ([line("v-a", "0.30"), line("v-a", "1.45", 3)], [own("a", "1.75")], Kind.MATCH),
        ([line("v-a", "1.755")], [own("a", "1.75")], Kind.ROUNDING),
        ([line("v-a", "1.756")], [own("a", "1.75")], Kind.AMOUNT),
        ([line("v-a", "1.75"), line("v-a", "1.75", 3)], [own("a", "1.75")], Kind.AMOUNT),
        ([line("v-a", "2", currency="EUR")], [own("a", "2")], Kind.CURRENCY),
        ([line("other", "2")], [], Kind.EXTRA),
        ([], [own("a", "2")], Kind.MISSING),
        ([], [own("a", "0")], Kind.MATCH),
        ([], [own("a", "2", ended_at=END - DAY)], Kind.LATE),
        ([], [own("a", "0", final=False, currency="")], Kind.LATE),
        ([line("v-a", "2")], [own("a", "0", final=False, currency="")], Kind.LATE),
        ([line("v-a", "2")], [own("a", "0")], Kind.AMOUNT),
        ([line("", "3")], [own("a", "1"), own("b", "2")], Kind.MATCH),
        ([line("", "3")], [own("a", "1"), own("b", "1")], Kind.AMOUNT),
        ([line("", "3")], [], Kind.EXTRA),
        ([line("p1", "1"), line("p2", "2", 3)], [own("a", "3", "p1", "p2")], Kind.MATCH),
        ([line("arn", "2", aliases=("queuebit/x",))], [own("a", "2", "queuebit/x")], Kind.MATCH),
        ([line("", "0.41", usage=False)], [], Kind.OTHER),
        (
            [line("v-a", "2", unit="shot", quantity=Decimal(200))],
            [own("a", "1", quantities={"shot": Decimal(100)})],
            Kind.QUANTITY,
        ),
        (
            [line("v-a", "2", unit="shot", quantity=Decimal(100))],
            [own("a", "1", quantities={"shot": Decimal(100)})],
            Kind.AMOUNT,
        ),
    ],
)
def test_each_difference_has_one_reason(billed: list[BillLine], charged: list[OwnCharge], expected: Kind) -> None:
    assert kind(billed, charged) is expected


def test_a_sum_has_the_charges_that_no_line_names() -> None:
    outcome = match([line("v-a", "5"), line("", "2", 3)], [own("a", "5"), own("b", "2")])
    assert [(len(it.lines), [c.job for c in it.charges], it.kind) for it in outcome.findings] == [
        (1, ["a"], Kind.MATCH),
        (1, ["b"], Kind.MATCH),
    ]


def test_a_charge_belongs_to_the_shortest_sum() -> None:
    month = line("", "10", 2, usage_end=END)
    outcome = match([month, line("", "2", 3)], [own("a", "2"), own("b", "10", ended_at=START + 9 * DAY)])
    assert [(it.lines[0].number, it.charges[0].job) for it in outcome.findings] == [(2, "b"), (3, "a")]


def test_a_job_of_another_period_counts_if_the_bill_names_it() -> None:
    before = own("a", "5", ended_at=START - 9 * DAY)
    assert kind([line("v-a", "5")], [before]) is Kind.MATCH
    assert match([], [before]).findings == ()


def test_after_the_last_usage_on_a_bill_nothing_is_missing_yet() -> None:
    middle = own("b", "2", ended_at=START + 15 * DAY)
    outcome = match([line("v-a", "1", usage_end=START + 9 * DAY)], [own("a", "1"), middle])
    assert [it.kind for it in outcome.findings] == [Kind.LATE, Kind.MATCH]
    outcome = match([line("v-a", "1", usage_end=START + 20 * DAY)], [own("a", "1"), middle])
    assert [it.kind for it in outcome.findings] == [Kind.MISSING, Kind.MATCH]


def test_the_worst_difference_is_first_and_missing_charges_lower_the_accuracy() -> None:
    billed = [line("v-a", "1"), line("x", "3", 3, usage_end=END), line("v-c", "2", 4)]
    outcome = match(billed, [own("a", "1"), own("b", "9"), own("c", "1")])
    assert [it.kind for it in outcome.findings] == [Kind.MISSING, Kind.EXTRA, Kind.AMOUNT, Kind.MATCH]
    assert (outcome.accurate, outcome.compared) == (1, 4)


def test_amounts_beyond_the_digits_of_a_plain_context_are_exact() -> None:
    large, small = "123456789012345678.000000000000000001", "0.000000000000000001"
    outcome = match([line("v-a", large), line("v-a", small, 3)], [own("a", large)])
    assert outcome.findings[0].differences == {"USD": Decimal(small)}
