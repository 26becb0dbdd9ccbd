"""What agreements change for a period: exact, itemised, and equal to a count of single units."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_pricing import AgreedLine, BadPriceBook, Consumed, Period, PriceBook, agreed, check, history_from

NOVEMBER = Period.month(2026, 11)
DAY = date(2026, 11, 10)


def price(price_id: str) -> dict[str, object]:
    return {
        "id": price_id,
        "backend": price_id,
        "valid_from": "2026-01-01T00:00:00Z",
        "source": "test",
        "as_of": "2026-01-01",
        "confidence": "low",
        "per_task": "1",
        "per_second": {"amount": "1.25"},
    }


def agreement(agreement_id: str, tenant: str = "acme", **parts: object) -> dict[str, object]:
    return {
        "id": agreement_id,
        "tenant": tenant,
        "valid_from": "2026-01-01",
        "source": "contract of the test",
        "as_of": "2026-01-01",
        "confidence": "low",
        **parts,
    }


def book(*agreements: dict[str, object]) -> PriceBook:
    prices = [price(it) for it in ("ibm-1", "ibm-2", "ionq-1")]
    return check({"version": "2026-11-01", "currency": "USD", "price": prices, "agreement": list(agreements)})


def used(quantity: str | int, day: date = DAY, unit_price: str = "2", **other: str) -> Consumed:
    key = {"project": "p", "price": "ibm-1", "component": "second", "unit": "Seconds", **other}
    amount = Decimal(quantity) * Decimal(unit_price)
    return Consumed(day=day, quantity=Decimal(quantity), unit_price=Decimal(unit_price), amount=amount, **key)


def discount(prices: str, percent: str, **other: str) -> dict[str, str]:
    return {"prices": prices, "percent": percent, **other}


def allowance(quantity: str, window: str = "month", prices: str = "ibm-*") -> dict[str, str]:
    return {"prices": prices, "component": "second", "quantity": quantity, "window": window}


def tier(*steps: tuple[str, str], prices: str = "ibm-*", key: str = "percent") -> dict[str, object]:
    return {"prices": prices, "component": "second", "steps": [{"above": above, key: what} for above, what in steps]}


def subscription(fee: str, quantity: str, overage: str | None = None, prices: str = "ibm-*") -> dict[str, object]:
    included = {"prices": prices, "component": "second", "quantity": quantity}
    return {"fee": fee, "included": [included if overage is None else {**included, "overage": overage}]}


def amount(lines: Sequence[AgreedLine]) -> Decimal:
    return sum((it.amount for it in lines), Decimal(0))


def test_a_discount_is_a_line_for_each_project_price_component_and_unit_price() -> None:
    prices = book(agreement("ten", discount=[discount("ibm-*", "10")]))
    rows = [
        used(3),
        used(4, DAY.replace(day=11)),
        used(5, project="q"),
        used(1, unit_price="1.5"),
        used(9, price="ionq-1"),
    ]
    lines = agreed(prices, "acme", rows, NOVEMBER)
    assert [(it.kind, it.project, str(it.quantity), it.unit_price, it.amount) for it in lines] == [
        ("discount", "p", "7", Decimal("-0.2"), Decimal("-1.4")),
        ("discount", "p", "1", Decimal("-0.15"), Decimal("-0.15")),
        ("discount", "q", "5", Decimal("-0.2"), Decimal("-1")),
    ]
    assert {(it.agreement, it.price, it.component) for it in lines} == {("ten", "ibm-1", "second")}


def test_agreements_of_other_tenants_and_of_other_days_do_not_apply() -> None:
    prices = book(
        agreement("other", "globex", discount=[discount("*", "50")]),
        agreement("ended", valid_until="2026-11-10", discount=[discount("*", "50")]),
        agreement("later", valid_from="2026-11-11", discount=[discount("*", "20")]),
    )
    assert agreed(prices, "acme", [used(1)], NOVEMBER) == ()
    assert amount(agreed(prices, "acme", [used(1, DAY.replace(day=11))], NOVEMBER)) == Decimal("-0.4")


@pytest.mark.parametrize(
    ("row", "percent"),
    [
        (used(1, price="ionq-1"), "1"),
        (used(1, price="ibm-2"), "2"),
        (used(1, price="ibm-1", component="task"), "3"),
        (used(1, price="ibm-1"), "4"),
    ],
)
def test_only_the_most_specific_discount_applies(row: Consumed, percent: str) -> None:
    prices = book(
        agreement("all", "*", discount=[discount("ibm-1", "90"), discount("ibm-1", "91", component="second")]),
        agreement("b", discount=[discount("*", "1"), discount("ibm-*", "2")]),
        agreement("c", discount=[discount("ibm-1", "3"), discount("ibm-1", "4", component="second")]),
    )
    (line,) = agreed(prices, "acme", [row], NOVEMBER)
    assert line.amount == -row.amount * Decimal(percent) / 100
    assert line.agreement != "all"


def test_an_allowance_of_a_month_is_shared_by_projects_in_order_of_days() -> None:
    prices = book(agreement("free", "*", allowance=[allowance("10")]))
    rows = [used(6, DAY.replace(day=12), project="a"), used(7, project="b"), used(5, component="task")]
    lines = agreed(prices, "acme", rows, NOVEMBER)
    assert [(it.project, int(it.quantity), int(it.unit_price), int(it.amount)) for it in lines] == [
        ("a", 3, -2, -6),
        ("b", 7, -2, -14),
    ]


def test_an_allowance_begins_again_each_month() -> None:
    prices = book(agreement("free", allowance=[allowance("10")]))
    days = [date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 30), date(2026, 12, 1)]
    lines = agreed(prices, "acme", [used(8, day) for day in days], Period(days[0], date(2027, 1, 1)))
    assert amount(lines) == -2 * (8 + 10 + 8)
    assert history_from(prices, "acme", Period(date(2026, 11, 15), date(2026, 12, 1))) == date(2026, 11, 1)


def test_a_rolling_allowance_looks_back_before_the_period() -> None:
    """IBM's Open plan: 10 minutes in 28 days."""
    prices = book(agreement("open", "*", allowance=[allowance("600", "28d")]))
    rows = [used(500, date(2026, 10, 10)), used(300, date(2026, 11, 6)), used(300, date(2026, 11, 7))]
    lines = agreed(prices, "acme", rows, NOVEMBER)
    assert amount(lines) == -2 * (100 + 300)  # on November 6 the 500 count; on November 7 only the 300 do
    assert history_from(prices, "acme", NOVEMBER) == date(2026, 10, 5)
    assert history_from(book(), "acme", NOVEMBER) == date(2026, 11, 1)


def test_a_discount_applies_to_what_an_allowance_leaves() -> None:
    prices = book(agreement("both", allowance=[allowance("4")], discount=[discount("*", "50")]))
    free, half = agreed(prices, "acme", [used(10)], NOVEMBER)
    assert (free.kind, int(free.quantity), int(free.amount)) == ("allowance", 4, -8)
    assert (half.kind, int(half.quantity), int(half.amount)) == ("discount", 6, -6)


def test_each_unit_costs_what_its_step_says() -> None:
    prices = book(agreement("volume", tier=[tier(("100", "10"), ("200", "25"))]))
    rows = [used(80), used(150, DAY.replace(day=20)), used(30, DAY.replace(day=21))]
    lines = agreed(prices, "acme", rows, NOVEMBER)
    assert [(it.kind, int(it.quantity), it.unit_price) for it in lines] == [
        ("tier", 60, Decimal("-0.5")),
        ("tier", 100, Decimal("-0.2")),
    ]
    later = Period(date(2026, 11, 15), date(2026, 12, 1))
    assert agreed(prices, "acme", rows, later) == lines, "units before the period count for the step"
    assert history_from(prices, "acme", later) == date(2026, 11, 1)


def test_a_step_may_have_a_price_of_its_own() -> None:
    prices = book(agreement("volume", tier=[tier(("10", "0.9"), key="unit_price")], discount=[discount("*", "10")]))
    lines = agreed(prices, "acme", [used(30, unit_price="1")], NOVEMBER)
    assert [(it.kind, int(it.quantity), it.unit_price) for it in lines] == [
        ("discount", 10, Decimal("-0.1")),
        ("discount", 20, Decimal("-0.09")),
        ("tier", 20, Decimal("-0.1")),
    ]


def test_a_subscription_has_a_fee_and_units_and_a_price_beyond() -> None:
    prices = book(agreement("plan", subscription=subscription("500", "100", "0.8")))
    rows = [used(150, unit_price="1"), used(40, date(2026, 12, 5), unit_price="1")]
    lines = agreed(prices, "acme", rows, Period(date(2026, 11, 1), date(2027, 1, 1)))
    assert [(it.kind, it.component, int(it.quantity), it.unit_price, it.amount) for it in lines] == [
        ("subscription", "subscription", 2, Decimal(500), Decimal(1000)),
        ("included", "second", 140, Decimal(-1), Decimal(-140)),
        ("overage", "second", 50, Decimal("-0.2"), Decimal("-10.0")),
    ]


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2026-11-01", "2026-11-15", 0),
        ("2026-11-15", "2026-12-01", 1),
        ("2026-12-01", "2027-01-01", 1),
        ("2026-12-02", "2027-01-01", 0),
        ("2026-11-01", "2027-11-01", 3),
    ],
)
def test_a_fee_is_due_once_in_each_month_on_the_first_valid_day(start: str, end: str, months: int) -> None:
    plan = agreement("plan", valid_from="2026-11-20", valid_until="2027-01-31", subscription={"fee": "7"})
    period = Period(date.fromisoformat(start), date.fromisoformat(end))
    lines = agreed(book(plan), "acme", [], period)
    assert [int(it.quantity) for it in lines] == ([months] if months else [])
    assert amount(lines) == 7 * months


def test_credits_of_all_components_are_counted_together() -> None:
    """Quantinuum's subscription: HQC, whatever gates they come from."""
    terms = {"per_gate_2q": "0.002", "minimum": {"amount": "5", "rule": "base"}}
    virtual = {**price("hqc-1"), "per_task": None, **terms, "credits": {"unit": "HQC", "price": "120"}}
    included = {"prices": "hqc-*", "component": "credits", "quantity": "7", "overage": "100"}
    plan = agreement("plan", subscription={"fee": "0", "included": [included]}, discount=[discount("*", "50")])
    prices = check({"version": "2026-11-01", "currency": "USD", "price": [virtual], "agreement": [plan]})
    rows = [
        used(2000, price="hqc-1", component="gate_2q", unit_price="0.24"),
        used(1, price="hqc-1", component="base", unit_price="600"),
    ]
    lines = agreed(prices, "acme", rows, NOVEMBER)
    assert [(it.kind, it.component, it.quantity, it.unit_price) for it in lines if it.kind != "subscription"] == [
        ("discount", "credits", Decimal(2), Decimal(-50)),
        ("included", "credits", Decimal(7), Decimal(-120)),
        ("overage", "credits", Decimal(2), Decimal(-20)),
    ]


def test_a_correction_takes_back_what_was_free() -> None:
    prices = book(agreement("free", allowance=[allowance("10")], discount=[discount("*", "10")]))
    charged = agreed(prices, "acme", [used(8)], NOVEMBER)
    corrected = agreed(prices, "acme", [used(8), used(-8, DAY.replace(day=20))], NOVEMBER)
    assert amount(charged) == -16
    assert amount(corrected) == 0


@pytest.mark.parametrize(
    "row",
    [
        replace(used(2), amount=Decimal(5)),
        replace(used(2), amount=Decimal("NaN")),
        replace(used(2), quantity=Decimal("NaN")),
        replace(used(2), unit_price=Decimal("Infinity")),
    ],
)
def test_a_row_that_does_not_multiply_is_refused(row: Consumed) -> None:
    with pytest.raises(ValueError, match="one row for each unit price"):
        agreed(book(), "acme", [row], NOVEMBER)


def test_a_period_has_a_day() -> None:
    assert Period.month(2026, 12) == Period(date(2026, 12, 1), date(2027, 1, 1))
    with pytest.raises(ValueError, match="has no day"):
        Period(DAY, DAY)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([agreement("a")], "agreement 1 (a): the agreement has no part"),
        ([agreement("a", discount=[discount("*", "0")])], "agreement 1 (a), discount.0.percent: must be more than 0"),
        ([agreement("a", discount=[discount("*", "100.1")])], "percent: must be more than 0 and at most 100"),
        ([agreement("a", discount=[{"prices": "*", "percent": 5}])], 'put the number in quotes: "5"'),
        ([agreement("a", discount=[discount("i*m", "5")])], "write the id of a price, a common prefix"),
        ([agreement("a", discount=[discount("ibn-*", "5")])], "'ibn-*' covers no valid price of this book"),
        ([agreement("a", discount=[discount("*", "5"), discount("*", "6")])], "two discounts are for the same"),
        ([agreement("a", allowance=[allowance("-1")])], "'-1' is not an amount"),
        ([agreement("a", allowance=[allowance("NaN")])], "'NaN' is not an amount"),
        ([agreement("a", allowance=[allowance("1", "week")])], 'window: write "month", or a number of days'),
        ([agreement("a", subscription=subscription("1", "1", "1.5"))], "1.5 for a second is above the list price 1.25"),
        ([agreement("a", tier=[tier(("1", "2"), key="unit_price")])], "2 for a second is above the list price 1.25"),
        ([agreement("a", tier=[tier(("5", "1"), ("5", "2"))])], "write the steps in the order of above, each once"),
        ([agreement("a", tier=[tier(("5", "101"))])], "must be more than 0 and at most 100"),
        ([agreement("a", tier=[tier(("5", "1")), tier(("6", "1"))])], "two tiers are for the same prices"),
        ([agreement("a", tier=[{"prices": "*", "component": "second", "steps": [{"above": "1"}]}])], "one of the two"),
        ([agreement("a", subscription={"fee": "-1"})], "'-1' is not an amount"),
        ([agreement("a", discounts=[])], "discounts: is not a key of a price book: did you mean discount?"),
        ([agreement("a", valid_until="2025-01-01", discount=[discount("*", "5")])], "must be later than valid_from"),
        ([agreement("a", discount=[discount("*", "5")])] * 2, "agreement 2 (a): agreement 1 has the same id"),
        (
            [agreement("a", discount=[discount("*", "5")]), agreement("b", discount=[discount("*", "6")])],
            "agreement 2 (b): discounts all of * at the same time as 'a'",
        ),
    ],
)
def test_an_invalid_agreement_is_refused_with_its_position_and_what_to_do(
    rows: list[dict[str, object]], complaint: str
) -> None:
    with pytest.raises(BadPriceBook) as refused:
        book(*rows)
    assert complaint in str(refused.value)


def test_a_book_without_agreements_keeps_its_digest() -> None:
    assert book().digest == check({**book().model_dump(by_alias=True), "agreement": []}).digest
    assert book().digest != book(agreement("a", discount=[discount("*", "5")])).digest


DAYS = st.integers(0, 60).map(lambda number: date(2026, 10, 1) + timedelta(days=number))
ROWS = st.lists(
    st.builds(
        used,
        st.integers(-3, 12),
        DAYS,
        unit_price=st.sampled_from(["2", "0.125"]),
        price=st.sampled_from(["ibm-1", "ibm-2", "ionq-1"]),
        component=st.sampled_from(["second", "task"]),
        project=st.sampled_from(["p", "q"]),
    ),
    max_size=20,
)
PERCENTS = st.integers(1, 400).map(lambda it: str(Decimal(it) / 4))
PATTERNS = st.sampled_from(["*", "ibm-*", "ibm-1"])
TIERS = st.lists(
    st.builds(
        lambda prices, low, more, percents: tier(
            (str(low), percents[0]), (str(low + more), percents[1]), prices=prices
        ),
        PATTERNS,
        st.integers(0, 20),
        st.integers(1, 20),
        st.tuples(PERCENTS, PERCENTS),
    ),
    max_size=2,
    unique_by=lambda it: str(it["prices"]),
)
PARTS = st.fixed_dictionaries(
    {
        "allowance": st.lists(
            st.builds(allowance, st.integers(0, 40).map(str), st.sampled_from(["month", "1d", "9d"]), PATTERNS),
            max_size=2,
        ),
        "discount": st.lists(st.builds(discount, PATTERNS, PERCENTS), max_size=2, unique_by=lambda it: it["prices"]),
        "tier": TIERS,
        "subscription": st.none()
        | st.builds(
            subscription,
            st.integers(0, 9).map(str),
            st.integers(0, 20).map(str),
            st.none() | st.sampled_from(["0.5", "1.25"]),
            PATTERNS,
        ),
    }
).filter(lambda parts: any(parts.values()))
AGREEMENTS = st.lists(
    st.tuples(st.sampled_from(["acme", "*", "globex"]), PARTS), max_size=3, unique_by=lambda it: it[0]
).map(lambda them: [agreement(f"a{index}", tenant, **parts) for index, (tenant, parts) in enumerate(them)])


def one_by_one(agreements: list[dict[str, Any]], rows: Sequence[Consumed], period: Period) -> Fraction:
    """The same rules for whole units of quantities of at least 0: each unit is looked at alone."""
    mine = sorted(
        (it for it in agreements if it["tenant"] in ("acme", "*")), key=lambda it: (it["tenant"] == "*", it["id"])
    )
    limits = [(part, part["window"], None) for it in mine for part in it["allowance"]]
    for it in mine:
        if it["subscription"] is not None:
            limits += [(part, "month", part.get("overage")) for part in it["subscription"]["included"]]
    due = sum((Fraction(it["subscription"]["fee"]) for it in mine if it["subscription"] is not None), Fraction(0))
    seen: list[list[date]] = [[] for _ in limits]
    volumes: dict[str, list[date]] = {}
    keys = ("day", "project", "price", "component", "unit_price")
    for row in sorted(rows, key=lambda it: tuple(getattr(it, key) for key in keys)):
        for _ in range(int(row.quantity)):
            cost: Fraction | None = Fraction(row.unit_price)
            for (part, window, overage), days in zip(limits, seen, strict=True):
                if cost is None or row.component != "second" or not meant(part, row.price):
                    continue
                used_up = len([day for day in days if same_window(window, day, row.day)]) >= int(part["quantity"])
                days.append(row.day)
                cost = None if not used_up else min(cost, Fraction(overage)) if overage is not None else cost
            if cost is not None:
                volume = best(mine, "tier", row.price) if row.component == "second" else None
                if volume is not None:
                    days = volumes.setdefault(repr(volume), [])
                    before = len([day for day in days if same_window("month", day, row.day)])
                    days.append(row.day)
                    reached = [step for step in volume["steps"] if before >= int(step["above"])]
                    cost *= 1 - (Fraction(reached[-1]["percent"]) / 100 if reached else 0)
                off = best(mine, "discount", row.price)
                cost *= 1 - (Fraction(off["percent"]) / 100 if off else 0)
            if row.day in period:
                due += (cost or 0) - Fraction(row.unit_price)
    return due


def meant(part: dict[str, Any], price_id: str) -> bool:
    return price_id == part["prices"] or (part["prices"].endswith("*") and price_id.startswith(part["prices"][:-1]))


def same_window(window: str, day: date, today: date) -> bool:
    if window == "month":
        return (day.year, day.month) == (today.year, today.month)
    return (today - day).days < int(window[:-1])


def best(mine: list[dict[str, Any]], kind: str, price_id: str) -> Any:  # a part or None
    for it in mine:
        parts = [part for part in it[kind] if meant(part, price_id)]
        if parts:
            return max(parts, key=lambda part: len(part["prices"]) + 100 * ("*" not in part["prices"]))
    return None


@given(AGREEMENTS, ROWS)
def test_agreements_equal_a_count_of_single_units(agreements: list[dict[str, Any]], rows: list[Consumed]) -> None:
    rows = [row for row in rows if row.quantity >= 0]
    lines = agreed(book(*agreements), "acme", rows, NOVEMBER)
    assert Fraction(amount(lines)) == one_by_one(agreements, rows, NOVEMBER)


@given(AGREEMENTS, ROWS, st.randoms(use_true_random=False))
def test_lines_multiply_and_the_order_of_rows_is_free(
    agreements: list[dict[str, Any]], rows: list[Consumed], random: Any
) -> None:
    prices = book(*agreements)
    lines = agreed(prices, "acme", rows, NOVEMBER)
    random.shuffle(rows)
    assert lines == agreed(prices, "acme", rows, NOVEMBER)
    for line in lines:
        assert Fraction(line.quantity) * Fraction(line.unit_price) == Fraction(line.amount)


@given(AGREEMENTS, ROWS)
def test_what_is_owed_lies_between_nothing_and_the_list_price(
    agreements: list[dict[str, Any]], rows: list[Consumed]
) -> None:
    rows = [row for row in rows if row.quantity >= 0]
    lines = agreed(book(*agreements), "acme", rows, NOVEMBER)
    at_list = sum((row.amount for row in rows if row.day in NOVEMBER), Decimal(0))
    reductions = [line for line in lines if line.kind != "subscription"]
    assert all(line.amount < 0 for line in reductions)
    assert at_list + amount(reductions) >= 0


@given(AGREEMENTS, ROWS)
def test_days_before_the_first_day_of_the_history_change_nothing(
    agreements: list[dict[str, Any]], rows: list[Consumed]
) -> None:
    prices = book(*agreements)
    since = history_from(prices, "acme", NOVEMBER)
    needed = [row for row in rows if row.day >= since]
    assert agreed(prices, "acme", rows, NOVEMBER) == agreed(prices, "acme", needed, NOVEMBER)
