"""The naive way to apply agreements gives the lines that invoices have, whatever was agreed and consumed."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_pricing import Consumed, Period, agreed, parse
from queuebit_testing.naive_agreements import Row, naive_agreed

FIRST = date(2026, 9, 25)
PRICES = {
    "ibm-1": ("second", "1.60"),
    "ibm-2": ("second", "0.8"),
    "azure-1": ("gate_2q", "0.55"),
    "open": ("second", "0.4"),
}
HEAD = 'valid_from = 2026-01-01T00:00:00Z\nsource = "s"\nas_of = 2026-01-01\nconfidence = "low"\n'
BOOK = 'version = "2026-11-01"\ncurrency = "USD"\n' + "".join(
    f'[[price]]\nid = "{name}"\nbackend = "{name}"\n{HEAD}{terms}\n'
    for name, terms in (
        ("ibm-1", 'per_second = { amount = "1.60" }'),
        ("ibm-2", 'per_second = { amount = "0.8" }'),
        ("azure-1", 'per_gate_2q = "0.002"\ncredits = { unit = "HQC", price = "275" }'),
        ("open", 'per_second = { amount = "0.4" }'),
    )
)
DAYS = (0, 1, 2, 5, 6, 27, 28, 29, 33, 34, 35, 36, 55, 56, 57)
"""Days after the first: about the ends of months and of windows of 28 days."""
PATTERNS = st.sampled_from(["*", "*", "ibm-*", "ibm-1", "azure-*"])
COMPONENTS = st.sampled_from(["second", "second", "gate_2q", "credits"])
QUANTITIES = st.sampled_from(["0", "7.5", "600", "1500", "4000"])
PERCENTS = st.sampled_from(["10", "12.5", "100"])


def _allowance(prices: str, component: str, quantity: str, window: str) -> str:
    return f'{{ prices = "{prices}", component = "{component}", quantity = "{quantity}", window = "{window}" }}'


def _included(prices: str, component: str, quantity: str, overage: str | None) -> str:
    more = "" if overage is None else f', overage = "{overage}"'
    return f'{{ prices = "{prices}", component = "{component}", quantity = "{quantity}"{more} }}'


def _tier(prices: str, component: str, percents: tuple[str, str]) -> str:
    steps = ", ".join(f'{{ above = "{at}", percent = "{it}" }}' for at, it in zip(("5", "900"), percents, strict=True))
    return f'{{ prices = "{prices}", component = "{component}", steps = [{steps}] }}'


ALLOWANCES = st.builds(_allowance, PATTERNS, COMPONENTS, QUANTITIES, st.sampled_from(["month", "28d"]))
INCLUDED = st.builds(_included, PATTERNS, COMPONENTS, QUANTITIES, st.sampled_from([None, "0", "0.3"]))
TIERS = st.builds(_tier, PATTERNS, COMPONENTS, st.tuples(PERCENTS, PERCENTS))
DISCOUNTS = st.builds(lambda prices, percent: f'{{ prices = "{prices}", percent = "{percent}" }}', PATTERNS, PERCENTS)


@st.composite
def agreements(draw: st.DrawFn) -> str:
    """Agreements of one tenant and of all, as text of a price book."""
    text = ""
    for number, tenant in enumerate(draw(st.lists(st.sampled_from(["acme", "*", "globex"]), unique=True, max_size=3))):
        since = FIRST + timedelta(days=draw(st.sampled_from([-100, 0, 20])))
        text += f'[[agreement]]\nid = "a{number}"\ntenant = "{tenant}"\nvalid_from = {since}\n'
        if draw(st.booleans()):
            text += f"valid_until = {since + timedelta(days=draw(st.sampled_from([15, 130])))}\n"
        text += 'source = "s"\nas_of = 2026-01-01\nconfidence = "low"\n'
        text += f"allowance = [{', '.join(draw(st.lists(ALLOWANCES, min_size=draw(st.integers(0, 1)), max_size=2)))}]\n"
        text += f"tier = [{', '.join(draw(st.lists(TIERS, max_size=1)))}]\n"
        text += f"discount = [{draw(DISCOUNTS)}]\n"
        if draw(st.booleans()):
            included = ", ".join(draw(st.lists(INCLUDED, max_size=2)))
            text += f'[agreement.subscription]\nfee = "125.5"\nincluded = [{included}]\n'
    return text


@st.composite
def rows(draw: st.DrawFn) -> dict[Row, Decimal]:
    """What was consumed on some days by two projects."""
    days = st.sampled_from(DAYS).map(lambda it: FIRST + timedelta(days=it))
    found = {}
    for day, project, price in draw(
        st.lists(
            st.tuples(days, st.sampled_from("ab"), st.sampled_from([*PRICES])), min_size=4, max_size=14, unique=True
        )
    ):
        component, unit_price = PRICES[price]
        found[day, project, price, component, Decimal(unit_price)] = draw(st.decimals("0.001", "2000", places=3))
    return found


@settings(max_examples=150, deadline=None)
@given(text=agreements(), consumed=rows(), start=st.integers(0, 40), days=st.integers(1, 45))
def test_agreements_give_the_lines_of_the_naive_way(
    text: str, consumed: dict[Row, Decimal], start: int, days: int
) -> None:
    first = FIRST + timedelta(days=start)
    agrees(text, consumed, Period(first, first + timedelta(days=days)))


@settings(max_examples=60, deadline=None)
@given(days=st.sets(st.sampled_from(DAYS), min_size=2), window=st.sampled_from(["month", "28d", "1d"]))
def test_a_unit_counts_in_the_window_of_its_day(days: set[int], window: str) -> None:
    text = (
        '[[agreement]]\nid = "a"\ntenant = "*"\nvalid_from = 2026-01-01\nsource = "s"\nas_of = 2026-01-01\n'
        f'confidence = "low"\nallowance = [{_allowance("*", "second", "600", window)}]\n'
    )
    used = {(FIRST + timedelta(days=it), "a", "ibm-1", "second", Decimal("1.60")): Decimal(400) for it in days}
    agrees(text, used, Period(FIRST, FIRST + timedelta(days=60)))


def agrees(text: str, consumed: dict[Row, Decimal], period: Period) -> None:
    given_rows = [
        Consumed(*row[:4], "Units", quantity, row[4], quantity * row[4]) for row, quantity in consumed.items()
    ]
    lines = agreed(parse(BOOK + text), "acme", given_rows, period)
    found = {(it.agreement, it.kind, it.project, it.price, it.component, it.unit_price): it.quantity for it in lines}
    assert found == naive_agreed(BOOK + text, "acme", consumed, period.start, period.end)
